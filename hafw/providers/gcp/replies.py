"""What an error of the SDK, or of an operation that ended, means for a mover.

One rule: nothing is taken for "no effect" that the service has not refused; and a refusal by its
rate limit is none by permission, although both are a 403.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError
from google.auth.exceptions import TransportError as NoTransport
from requests.exceptions import ConnectTimeout, RequestException
from urllib3.exceptions import NewConnectionError

from hafw.hooks.errors import (
    Conflict,
    Denied,
    Misconfigured,
    ProviderError,
    Retryable,
    UnknownOutcome,
)
from hafw.providers.gcp.errors import Busy, Changed, Missing, Unanswered

if TYPE_CHECKING:
    from hafw.providers.gcp.calls import Call

_RATE: Final = ("rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED")
_TAKEN: Final = ("IP_IN_USE_BY_ANOTHER_RESOURCE", "RESOURCE_ALREADY_EXISTS")
_IN_USE: Final = ("RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "resourceInUseByAnotherResource")
_BUSY: Final = ("RESOURCE_NOT_READY", "RESOURCE_OPERATION_RATE_EXCEEDED", *_RATE)


def of_call(call: Call, problem: Exception) -> ProviderError:
    """The error that an exception out of `call` means."""
    if isinstance(problem, GoogleAPICallError):
        return _of_status(call, problem)
    if isinstance(problem, NoTransport):
        return Retryable(f"{call.name} was not sent: no token could be had: {problem}", 0.0)
    if isinstance(problem, GoogleAuthError):
        return Denied(
            f"{call.name}: {problem}; give this instance a service account with the role that "
            "`hafw policy gcp` writes"
        )
    if isinstance(problem, RequestException):
        if isinstance(problem, ConnectTimeout) or _never_connected(problem):
            return Retryable(f"{call.name} was not sent: the API cannot be reached: {problem}", 0.0)
        return Unanswered(f"{call.name} was not answered: {type(problem).__name__}")
    raise problem


def of_operation(what: str, code: str, message: str) -> ProviderError:
    """The error with which an operation ended: DONE alone says nothing."""
    told = f"{what} ended with {code}: {message}"
    if code in _TAKEN:
        return Conflict(told)
    if code == "CONDITION_NOT_MET" or code in _IN_USE:
        return Changed(told)
    if code in _BUSY:
        return Busy(told, 0.0)
    return UnknownOutcome(told)


def _of_status(call: Call, problem: GoogleAPICallError) -> ProviderError:
    status, reason = int(problem.code or 500), _reason(problem)
    told, pause_s = (
        f"{call.name} was answered {status} {reason}: {problem.message}",
        _pause(problem),
    )
    if status == HTTPStatus.PRECONDITION_FAILED or reason in _IN_USE:
        return Changed(told)
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Retryable(told, pause_s)
        case HTTPStatus.FORBIDDEN if reason in _RATE:
            return Retryable(told, pause_s)
        case HTTPStatus.UNAUTHORIZED:
            return Denied(f"{told}; the token is refused: look at this instance's service account")
        case HTTPStatus.FORBIDDEN:
            needs = ", ".join(call.permissions)
            return Denied(f"{told}; it needs {needs} on {call.scope}: see `hafw policy gcp`")
        case HTTPStatus.CONFLICT:
            return Conflict(told)
        case HTTPStatus.NOT_FOUND:
            return Missing(f"{told}; check project, zone and instance in the cluster file")
        case HTTPStatus.BAD_REQUEST if reason in ("resourceNotReady", "resourceInUse"):
            return Busy(told, pause_s)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unanswered(told, pause_s)
    return Misconfigured(f"{told}; check what the cluster file says of it")


def _reason(problem: GoogleAPICallError) -> str:
    for one in problem.errors or ():
        if isinstance(one, dict) and one.get("reason"):
            return str(one["reason"])
    return str(problem.reason or "")


def _pause(problem: GoogleAPICallError) -> float:
    """Retry-After in seconds; its other form, a date, would need wall time."""
    headers = getattr(problem.response, "headers", {})
    try:
        return max(0.0, float(headers.get("Retry-After", 0.0)))
    except ValueError:
        return 0.0


def _never_connected(problem: RequestException) -> bool:
    cause = problem.args[0] if problem.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)
