"""What an HTTP status other than success means for a lease.

One rule: a write whose effect the status leaves open is an unknown outcome, never a failure.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import (
    Conflict,
    Denied,
    Misconfigured,
    ProviderError,
    Retryable,
    UnknownOutcome,
)
from hafw.hooks.hookspecs import LeaseSwap

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import LeaseRequest

DEFAULT_PAUSE_S: Final = 1.0
"""Where the store does not say when to come back."""
_BUSY: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_FORBIDDEN: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


def refused(
    request: LeaseRequest, status: int, said: str, *, retry_after: str | None = None
) -> ProviderError:
    """The error that a status means; `said`: what the store told."""
    told = f"{request.url} answered {status} {said}".rstrip()
    if status in _BUSY:
        return Retryable(f"{told}: it is busy", _seconds(retry_after))
    if status in _FORBIDDEN:
        return Denied(f"{told}: check this node's credentials and permissions (docs/stores.md)")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return no_answer(request, told)
    return Misconfigured(f"{told}: check [authority] lease in the cluster file")


def no_answer(request: LeaseRequest, why: str) -> ProviderError:
    """The error for a request that was, or may have been, sent."""
    if isinstance(request, LeaseSwap):
        return UnknownOutcome(f"{why}; the swap may or may not have been made")
    return Retryable(f"{why}; the lease could not be read", 0.0)


def not_sent(request: LeaseRequest, why: object) -> Retryable:
    """The error for a store that could not be connected to."""
    return Retryable(f"{request.url} cannot be reached: {why}; nothing was sent", 0.0)


def changed(request: LeaseRequest) -> Conflict:
    """The error for a swap that came too late."""
    return Conflict(
        f"{request.url}: the lease of group {request.group} had changed; nothing is written"
    )


def _seconds(retry_after: str | None) -> float:
    """Retry-After in seconds; its other form, a date, would need wall time."""
    try:
        return max(0.0, float(retry_after or DEFAULT_PAUSE_S))
    except ValueError:
        return DEFAULT_PAUSE_S
