"""What an error of the SDK means for a mover.

One rule: nothing is taken for "no effect" that the service has not refused; and a 429 that names
another operation is a lock, and no throttle.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestTimeoutError,
)
from requests.exceptions import RequestException
from urllib3.exceptions import NewConnectionError

from hafw.hooks.errors import Conflict, Denied, Misconfigured, ProviderError, Retryable
from hafw.providers.azure.errors import Busy, Changed, Missing, Unanswered

if TYPE_CHECKING:
    from hafw.providers.azure.calls import Call

_LOCK: Final = "RetryableErrorDueToAnotherOperation"
_OVERTAKEN: Final = ("CanceledAndSupersededDueToAnotherOperation", "ConflictingUserInput")
"""The latter: another machine has the disk."""
_TAKEN: Final = ("PrivateIPAddressIsAllocated", "PrivateIPAddressInUse")
_PASSING: Final = ("PrivateIPAddressIsBeingCleanedUp", "ReferencedResourceNotProvisioned")


def of_call(call: Call, problem: AzureError) -> ProviderError:
    """The error that an exception out of `call` means."""
    if isinstance(problem, HttpResponseError) and problem.status_code is not None:
        return _of_status(call, problem, problem.status_code)
    if isinstance(problem, ClientAuthenticationError):
        return Denied(
            f"{call.name}: {problem.message}; give this machine a managed identity with the role "
            "that `hafw policy azure` writes"
        )
    if _never_left(problem):
        told = f"{call.name} was not sent: the API cannot be reached: {problem.message}"
        return Retryable(told, 0.0)
    return Unanswered(f"{call.name} was not answered: {type(problem).__name__}")


def _never_left(problem: AzureError) -> bool:
    """Whether no connection was made. What the SDK calls a failed request may be a cut answer."""
    if isinstance(problem, ServiceRequestTimeoutError):
        return True
    cause = problem.inner_exception
    told = cause.args[0] if isinstance(cause, RequestException) and cause.args else cause
    return isinstance(getattr(told, "reason", told), NewConnectionError)


def _of_status(call: Call, problem: HttpResponseError, status: int) -> ProviderError:
    code, pause_s = _code(problem), _pause(problem)
    message = problem.error.message if problem.error else problem.reason
    told = f"{call.name} was answered {status} {code}: {message}"
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Busy(told, pause_s) if code == _LOCK else Retryable(told, pause_s)
        case HTTPStatus.UNAUTHORIZED:
            return Denied(f"{told}; the token is refused: look at this machine's managed identity")
        case HTTPStatus.FORBIDDEN:
            needs = ", ".join(call.permissions)
            return Denied(f"{told}; it needs {needs} on {call.scope}: see `hafw policy azure`")
        case HTTPStatus.NOT_FOUND:
            return Missing(f"{told}; check the names in the cluster file, and the role's scope")
        case HTTPStatus.PRECONDITION_FAILED:
            return Changed(told)
        case HTTPStatus.CONFLICT:
            return Changed(told) if code in _OVERTAKEN else Busy(told, pause_s)
        case HTTPStatus.BAD_REQUEST if code in _TAKEN:
            return Conflict(told)
        case HTTPStatus.BAD_REQUEST if code in _PASSING:
            return Busy(told, pause_s)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unanswered(told, pause_s)
    return Misconfigured(f"{told}; check what the cluster file says of it")


def _code(problem: HttpResponseError) -> str:
    return str(problem.error.code) if problem.error else ""


def _pause(problem: HttpResponseError) -> float:
    """Retry-After in seconds; its other form, a date, would need wall time."""
    headers = getattr(problem.response, "headers", {})
    try:
        return max(0.0, float(headers.get("Retry-After", 0.0)))
    except ValueError:
        return 0.0
