"""The lease store `s3://bucket/prefix`: one object per lease, written on conditions.

One rule: an ETag is compared and never understood; that no two bodies are equal makes it unique.
"""

from __future__ import annotations

from typing import Final

from botocore.exceptions import ClientError

from hafw.hooks.errors import Misconfigured, Retryable
from hafw.hooks.hookspecs import LeaseReading, LeaseRequest, LeaseSwap, hookimpl
from hafw.stores import aws, body, replies
from hafw.stores.address import Address, parse

EXAMPLE: Final = "s3://bucket/prefix?region=eu-central-1"
_RACING_PAUSE_S: Final = 0.1


@hookimpl
def hafw_lease_read(request: LeaseRequest) -> LeaseReading:
    """Get the object; S3 reads after writes are consistent."""
    address = _address(request)
    client = aws.client("s3", address, request)
    with aws.translated(request):
        try:
            found = client.get_object(Bucket=address.host, Key=_key(address, request))
            data = found["Body"].read()
        except ClientError as problem:
            if problem.response["Error"]["Code"] != "NoSuchKey":
                raise
            return LeaseReading(value=None, version="")
    return LeaseReading(value=body.decode(data, request), version=found["ETag"])


@hookimpl
def hafw_lease_swap(request: LeaseSwap) -> LeaseReading:
    """Put the object if it is still the expected one, or if there is still none."""
    address = _address(request)
    client = aws.client("s3", address, request)
    version = request.expected.version
    condition = {"IfMatch": version} if version else {"IfNoneMatch": "*"}
    with aws.translated(request):
        try:
            written = client.put_object(
                Bucket=address.host,
                Key=_key(address, request),
                Body=body.encode(request),
                ContentType="application/json",
                **condition,
            )
        except ClientError as problem:
            match problem.response["Error"]["Code"]:
                case "PreconditionFailed" | "412" | "NoSuchKey":
                    raise replies.changed(request) from None
                case "ConditionalRequestConflict" | "409":
                    # Says nothing of who won: only a read can.
                    told = f"{request.url}: another write was under way; nothing is written"
                    raise Retryable(told, _RACING_PAUSE_S) from None
            raise
    return LeaseReading(value=request.new, version=written["ETag"])


def _address(request: LeaseRequest) -> Address:
    address = parse(request.url, EXAMPLE, aws.OPTIONS)
    if not address.host or address.port is not None:
        raise Misconfigured(f'"{request.url}" names no bucket; write it as in {EXAMPLE}')
    return address


def _key(address: Address, request: LeaseRequest) -> str:
    return body.name(request, address.path)
