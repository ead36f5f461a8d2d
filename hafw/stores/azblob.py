"""The lease store `azblob://account/container/prefix`: one blob per lease, written on its ETag.

One rule: the leases of blobs themselves are not used: they have no epoch, and ours are timed by the
nodes' own clocks.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobClient, BlobServiceClient

from hafw.hooks.errors import Denied, Misconfigured
from hafw.hooks.hookspecs import LeaseReading, LeaseRequest, LeaseSwap, hookimpl
from hafw.stores import body, replies
from hafw.stores.address import parse, remaining_s

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE: Final = "azblob://account/container/prefix"
OPTIONS: Final = ("endpoint_url",)
KEY_VARIABLE: Final = "AZURE_STORAGE_KEY"
"""Holds the account's key, where there is no managed identity; the name that Azure's CLI uses."""
_CHANGED: Final = ("BlobAlreadyExists", "ConditionNotMet", "TargetConditionNotMet")


@hookimpl
def hafw_lease_read(request: LeaseRequest) -> LeaseReading:
    """Download the blob; reads after writes are consistent."""
    with _translated(request):
        blob = _blob(request)
        try:
            found = blob.download_blob(max_concurrency=1, **_timeouts(request))
            data = found.readall()
        except ResourceNotFoundError as problem:
            if _code(problem) != "BlobNotFound":
                raise
            return LeaseReading(value=None, version="")
    return LeaseReading(value=body.decode(data, request), version=str(found.properties.etag))


@hookimpl
def hafw_lease_swap(request: LeaseSwap) -> LeaseReading:
    """Upload the blob if its ETag is still the expected one, or if there is still none."""
    version = request.expected.version
    condition: dict[str, Any] = (
        {"overwrite": True, "etag": version, "match_condition": MatchConditions.IfNotModified}
        if version
        else {"overwrite": False}
    )
    with _translated(request):
        blob = _blob(request)
        try:
            written = blob.upload_blob(body.encode(request), **condition, **_timeouts(request))
        except HttpResponseError as problem:
            if _code(problem) in _CHANGED:
                raise replies.changed(request) from None
            raise
    return LeaseReading(value=request.new, version=str(written["etag"]))


def _blob(request: LeaseRequest) -> BlobClient:
    address = parse(request.url, EXAMPLE, OPTIONS)
    container, _, prefix = address.path.partition("/")
    if not address.host or not container or address.port is not None:
        raise Misconfigured(f'"{request.url}" names no container; write it as in {EXAMPLE}')
    return _service(address.host, address.options.get("endpoint_url")).get_blob_client(
        container, body.name(request, prefix)
    )


@lru_cache(maxsize=4)
def _service(account: str, endpoint: str | None) -> BlobServiceClient:
    key = os.environ.get(KEY_VARIABLE)
    credential = {"account_name": account, "account_key": key} if key else DefaultAzureCredential()
    return BlobServiceClient(
        endpoint or f"https://{account}.blob.core.windows.net",
        credential=credential,
        retry_total=0,
        logging_enable=False,
    )


def _timeouts(request: LeaseRequest) -> dict[str, Any]:
    """To connect, and to wait for a reply: together, what is left."""
    left_s = remaining_s(request)
    return {"connection_timeout": left_s / 2, "read_timeout": left_s / 2}


@contextmanager
def _translated(request: LeaseRequest) -> Iterator[None]:
    """Raise what an error of the SDK means for a lease."""
    try:
        yield
    except ClientAuthenticationError as problem:
        raise Denied(f"{request.url}: {problem.message}") from None
    except HttpResponseError as problem:
        if problem.status_code is None:
            raise replies.no_answer(request, f"{request.url}: {problem.message}") from None
        headers = getattr(problem.response, "headers", {})
        said = f"{_code(problem)} {problem.reason or ''}".strip()
        retry_after = headers.get("Retry-After")
        raise replies.refused(request, problem.status_code, said, retry_after=retry_after) from None
    except ServiceRequestError as problem:
        raise replies.not_sent(request, problem.message) from None
    except AzureError as problem:
        raise replies.no_answer(request, f"{request.url}: {problem.message}") from None


def _code(problem: HttpResponseError) -> str:
    """The storage service's own name for the error, which the SDK adds to the exception."""
    code = getattr(problem, "error_code", None) or ""
    return str(getattr(code, "value", code))
