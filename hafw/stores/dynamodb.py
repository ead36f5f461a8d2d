"""The lease store `dynamodb://table`: one item per lease, put where its nonce still stands.

One rule: every read is strongly consistent; DynamoDB's own expiry of items is not used, as it comes
days late.
"""

from __future__ import annotations

from typing import Final

from botocore.exceptions import ClientError

from hafw.hooks.errors import Misconfigured
from hafw.hooks.hookspecs import LeaseReading, LeaseRequest, LeaseSwap, hookimpl
from hafw.stores import aws, body, replies
from hafw.stores.address import Address, parse

EXAMPLE: Final = "dynamodb://table?region=eu-central-1"
KEY: Final = "lease"
"""The table's partition key, a string."""


@hookimpl
def hafw_lease_read(request: LeaseRequest) -> LeaseReading:
    """Get the item."""
    address = _address(request)
    client = aws.client("dynamodb", address, request)
    with aws.translated(request):
        found = client.get_item(
            TableName=address.host, Key={KEY: {"S": body.name(request)}}, ConsistentRead=True
        )
    item = found.get("Item")
    if item is None:
        return LeaseReading(value=None, version="")
    value = body.decode(item["body"]["S"].encode(), request)
    return LeaseReading(value=value, version=value.nonce)


@hookimpl
def hafw_lease_swap(request: LeaseSwap) -> LeaseReading:
    """Put the item if the expected nonce stands there, or if there is still none."""
    address = _address(request)
    client = aws.client("dynamodb", address, request)
    version = request.expected.version
    names = {"#lease": KEY} if not version else {"#nonce": "nonce"}
    condition = "#nonce = :seen" if version else "attribute_not_exists(#lease)"
    seen = {"ExpressionAttributeValues": {":seen": {"S": version}}} if version else {}
    with aws.translated(request):
        try:
            client.put_item(
                TableName=address.host,
                Item={
                    KEY: {"S": body.name(request)},
                    "nonce": {"S": request.new.nonce},
                    "body": {"S": body.encode(request).decode()},
                },
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                **seen,
            )
        except ClientError as problem:
            if problem.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise replies.changed(request) from None
            raise
    return LeaseReading(value=request.new, version=request.new.nonce)


def _address(request: LeaseRequest) -> Address:
    address = parse(request.url, EXAMPLE, aws.OPTIONS)
    if not address.host or address.path or address.port is not None:
        raise Misconfigured(f'"{request.url}" names no table; write it as in {EXAMPLE}')
    return address
