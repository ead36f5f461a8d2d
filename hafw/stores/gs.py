"""The lease store `gs://bucket/prefix`: one object per lease, uploaded on its generation.

One rule: only uploads change a lease. A delete or a patch would need conditions of another kind.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import requests
from google.api_core.exceptions import GoogleAPICallError, NotFound, PreconditionFailed
from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError
from google.cloud.storage import Bucket, Client
from urllib3.exceptions import NewConnectionError

from hafw.hooks.errors import Denied, Misconfigured
from hafw.hooks.hookspecs import LeaseReading, LeaseRequest, LeaseSwap, hookimpl
from hafw.stores import body, replies
from hafw.stores.address import Address, parse, remaining_s

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE: Final = "gs://bucket/prefix"
OPTIONS: Final = ("endpoint_url",)
ABSENT: Final = "0"
"""The generation of an object that is not there."""


@hookimpl
def hafw_lease_read(request: LeaseRequest) -> LeaseReading:
    """Download the object; reads after writes are consistent."""
    address = _address(request)
    with _translated(request):
        blob = _bucket(address).blob(body.name(request, address.path))
        try:
            data = blob.download_as_bytes(timeout=_timeouts(request), retry=None)
        except NotFound as problem:
            if "bucket" in str(problem.message) and "does not exist" in str(problem.message):
                raise
            return LeaseReading(value=None, version=ABSENT)
    return LeaseReading(value=body.decode(data, request), version=str(blob.generation))


@hookimpl
def hafw_lease_swap(request: LeaseSwap) -> LeaseReading:
    """Upload the object if its generation is still the expected one."""
    address = _address(request)
    with _translated(request):
        blob = _bucket(address).blob(body.name(request, address.path))
        try:
            blob.upload_from_string(
                body.encode(request),
                content_type="application/json",
                if_generation_match=int(request.expected.version),
                timeout=_timeouts(request),
                retry=None,
            )
        except PreconditionFailed:
            raise replies.changed(request) from None
    return LeaseReading(value=request.new, version=str(blob.generation))


def _address(request: LeaseRequest) -> Address:
    address = parse(request.url, EXAMPLE, OPTIONS)
    if not address.host or address.port is not None:
        raise Misconfigured(f'"{request.url}" names no bucket; write it as in {EXAMPLE}')
    return address


def _bucket(address: Address) -> Bucket:
    return _client(address.options.get("endpoint_url")).bucket(address.host)


@lru_cache(maxsize=4)
def _client(endpoint: str | None) -> Client:
    if endpoint is None:
        return Client()
    # Another endpoint is an emulator, which has no use for credentials.
    return Client(
        project="none", client_options={"api_endpoint": endpoint}, use_auth_w_custom_endpoint=False
    )


def _timeouts(request: LeaseRequest) -> tuple[float, float]:
    """To connect, and to wait for a reply: together, what is left."""
    left_s = remaining_s(request)
    return left_s / 2, left_s / 2


@contextmanager
def _translated(request: LeaseRequest) -> Iterator[None]:
    """Raise what an error of the SDK means for a lease."""
    try:
        yield
    except GoogleAPICallError as problem:
        reply = problem.response
        retry_after = None if reply is None else reply.headers.get("Retry-After")
        status = problem.code or 500
        raise replies.refused(
            request, int(status), str(problem.message), retry_after=retry_after
        ) from None
    except (DefaultCredentialsError, RefreshError) as problem:
        raise Denied(f"{request.url}: {problem}; give this node a service account") from None
    except TransportError as problem:  # on the way to credentials, so the store was not asked
        raise replies.not_sent(request, problem) from None
    except requests.exceptions.ConnectTimeout as problem:
        raise replies.not_sent(request, problem) from None
    except requests.exceptions.RequestException as problem:
        if _never_connected(problem):
            raise replies.not_sent(request, problem) from None
        raise replies.no_answer(request, f"{request.url}: {type(problem).__name__}") from None


def _never_connected(problem: requests.exceptions.RequestException) -> bool:
    cause = problem.args[0] if problem.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)
