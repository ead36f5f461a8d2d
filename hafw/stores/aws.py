"""What the two stores on AWS share: a client with timeouts, and what its errors mean.

One rule: the SDK never tries again by itself; a repeated write would be answered as a lost race.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProxyConnectionError,
)

from hafw.hooks.errors import Denied, Misconfigured, Retryable
from hafw.stores import replies
from hafw.stores.address import Address, remaining_s

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw.hooks.hookspecs import LeaseRequest

OPTIONS: Final = ("region", "endpoint_url")
_TIMEOUTS_S: Final = (10.0, 5.0, 2.5, 2.0, 1.5, 1.0, 0.75, 0.5, 0.35, 0.25)
"""Timeouts belong to the client, and clients are dear: so they come in few lengths."""
_THROTTLED: Final = (
    "Throttling",
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "SlowDown",
)
_FORBIDDEN: Final = (
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
)
_NEVER_SENT: Final = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)


def client(service: str, address: Address, request: LeaseRequest) -> Any:  # noqa: ANN401 - boto3's
    """A client whose calls end before the deadline of `request`."""
    left_s = remaining_s(request)
    half_s = next((length for length in _TIMEOUTS_S if length <= left_s / 2), left_s / 2)
    region, endpoint = address.options.get("region"), address.options.get("endpoint_url")
    try:
        return _client(service, region, endpoint, half_s)
    except NoRegionError:
        raise Misconfigured(f"{request.url}: no region is known; add ?region=…") from None
    except ValueError as problem:
        raise Misconfigured(f"{request.url}: {problem}") from None


@lru_cache(maxsize=1)
def _session() -> boto3.session.Session:
    return boto3.session.Session()


@lru_cache(maxsize=16)
def _client(
    service: str,
    region: str | None,
    endpoint: str | None,
    timeout_s: float,
) -> Any:  # noqa: ANN401 - boto3 has no types
    config = Config(
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"} if endpoint else {},
    )
    return _session().client(service, region_name=region, endpoint_url=endpoint, config=config)


@contextmanager
def translated(request: LeaseRequest) -> Iterator[None]:
    """Raise what an error of the SDK means for a lease."""
    try:
        yield
    except ClientError as problem:
        error, reply = problem.response.get("Error", {}), problem.response["ResponseMetadata"]
        code, said = str(error.get("Code", "")), f"{error.get('Code')}: {error.get('Message')}"
        if code in _THROTTLED:
            raise Retryable(f"{request.url}: {said}", replies.DEFAULT_PAUSE_S) from None
        status = HTTPStatus.FORBIDDEN if code in _FORBIDDEN else reply["HTTPStatusCode"]
        retry_after = reply.get("HTTPHeaders", {}).get("retry-after")
        raise replies.refused(request, status, said, retry_after=retry_after) from None
    except (NoCredentialsError, PartialCredentialsError) as problem:
        raise Denied(f"{request.url}: {problem}; give this node a role or credentials") from None
    except _NEVER_SENT as problem:
        raise replies.not_sent(request, problem) from None
    except BotoCoreError as problem:
        raise replies.no_answer(request, f"{request.url}: {problem}") from None
