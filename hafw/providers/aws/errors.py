"""What an error of the SDK means for a mover.

One rule: "no effect" is said only of what EC2 refused, or of what was never sent.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
    TokenRetrievalError,
)

from hafw.hooks.errors import (
    Conflict,
    Denied,
    Misconfigured,
    ProviderError,
    Retryable,
    UnknownOutcome,
)
from hafw.providers.aws.calls import Call, Retry

_BUSY: Final = (
    "RequestLimitExceeded",
    "RequestThrottled",
    "SnapshotCreationPerVolumeRateExceeded",
    "Throttling",
    "ThrottlingException",
)
_FORBIDDEN: Final = ("AccessDenied", "UnauthorizedOperation", "Client.UnauthorizedOperation")
_CREDENTIALS: Final = (
    "AuthFailure",
    "ExpiredToken",
    "InvalidClientTokenId",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
_TAKEN: Final = ("InvalidIPAddress.InUse", "Resource.AlreadyAssociated", "VolumeInUse")
_NOT_THERE: Final = (
    "IncorrectState",  # of a volume that is coming or going, or is not attached
    "InvalidAssociationID.NotFound",
    "InvalidAttachment.NotFound",
)
_TAKEN_TEXT: Final = ("move is not allowed", "already assigned", "is in use")
_NOT_THERE_TEXT: Final = ("not assigned to interface", "not assigned to the interface")
_NEVER_SENT: Final = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)
_NO_CREDENTIALS: Final = (NoCredentialsError, PartialCredentialsError, TokenRetrievalError)


class Allowed(ProviderError):
    """The answer to a dry run: it would have been done."""


class Taken(Conflict):
    """Somebody has it: read who, and decide again; never send the same again."""


class NotThere(Conflict):
    """It is not where it was expected: read where it is, and decide again."""


class Refused(Misconfigured):
    """A value of a conditional change is wrong, in words that say nothing of who has it.

    It may be one of the two above in other words, so it is worth one more look.
    """


def meaning(call: Call, problem: Exception) -> ProviderError:
    """The error of the contract."""
    if isinstance(problem, ClientError):
        return _refusal(call, problem)
    if isinstance(problem, ParamValidationError):
        return Misconfigured(f"{call.name}: {problem}; update boto3: pip install -U boto3")
    if isinstance(problem, _NO_CREDENTIALS):
        return Denied(f"{call.name}: {problem}; give this instance a role, or credentials")
    if isinstance(problem, _NEVER_SENT):
        return Retryable(f"{call.name} was not sent: {problem}", 0.0)
    return _open(call, f"{call.name} was sent and not answered: {problem}")


def _refusal(call: Call, problem: ClientError) -> ProviderError:
    error, about = problem.response.get("Error", {}), problem.response.get("ResponseMetadata", {})
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    told = f"{call.name}: {code}: {message} (request {about.get('RequestId', 'unknown')})"
    if code == "DryRunOperation":
        return Allowed(told)
    if code in _BUSY:
        return Retryable(told, _retry_after_s(about.get("HTTPHeaders", {})))
    if code in _FORBIDDEN:
        return Denied(f"{told}; allow {call.permission}, see: hafw policy aws")
    if code in _CREDENTIALS:
        return Denied(f"{told}; renew the credentials of this node, and check its clock")
    if code in _TAKEN or (code == "InvalidParameterValue" and _says(message, _TAKEN_TEXT)):
        return Taken(told)
    if code in _NOT_THERE or (code == "InvalidParameterValue" and _says(message, _NOT_THERE_TEXT)):
        return NotThere(told)
    status = int(about.get("HTTPStatusCode", 0))
    if not code or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _open(call, told)
    kind = Refused if call.condition and code == "InvalidParameterValue" else Misconfigured
    return kind(f"{told}; check the cluster file (docs/aws.md)")


def _open(call: Call, told: str) -> ProviderError:
    return Retryable(told, 0.0) if call.retry is Retry.READ else UnknownOutcome(told)


def _says(message: str, texts: tuple[str, ...]) -> bool:
    return any(text in message for text in texts)


def _retry_after_s(headers: dict[str, str]) -> float:
    try:
        return max(0.0, float(headers.get("retry-after", 0.0)))
    except ValueError:
        return 0.0
