"""What may go wrong between a client and Azure Resource Manager, by name.

One rule: a fault says exactly whether the service acted, and when.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from hafw_sim.clouds import faults


class Kind(StrEnum):
    """What goes wrong. `seconds` of the fault means what stands here."""

    LATENCY = "latency"
    """The service acts at once; its answer comes `seconds` later."""
    LATE_LANDING = "late-landing"
    """The request reaches the service `seconds` late, whether or not the client still waits."""
    LOST_REPLY = "lost-reply"
    """The service acts; the connection ends without an answer."""
    STALE_READ = "stale-read"
    """A read shows the state of `seconds` ago."""
    WRONG_STATE = "wrong-state"
    """A read of a virtual machine shows PowerState/stopped, whatever it is."""
    STUCK_OPERATION = "stuck-operation"
    """The change is accepted and never ends."""
    FAILED_OPERATION = "failed-operation"
    """The change is accepted, shows in reads, and ends as Failed: no packet follows it."""
    ANOTHER_OPERATION = "another-operation"
    """409 AnotherOperationInProgress: the service has not acted."""
    LOCKED = "locked"
    """429 RetryableErrorDueToAnotherOperation, with Retry-After `seconds`: a lock, no throttle."""
    THROTTLED = "throttled"
    """429, with Retry-After `seconds`: the service has not acted."""
    EXPIRED_TOKEN = "expired-token"  # noqa: S105 - a fault, no secret
    """401: the service has not acted."""
    CONTROL_PLANE_DOWN = "control-plane-down"
    """503: the service has not acted."""


REFUSALS: Final = {
    Kind.ANOTHER_OPERATION: (
        409,
        "AnotherOperationInProgress",
        "Another operation on this or dependent resource is in progress.",
    ),
    Kind.LOCKED: (
        429,
        "RetryableErrorDueToAnotherOperation",
        "Operation was preempted by another operation in progress. Please retry later.",
    ),
    Kind.THROTTLED: (429, "SubscriptionRequestsThrottled", "Number of requests is exceeded."),
    Kind.EXPIRED_TOKEN: (401, "ExpiredAuthenticationToken", "The access token has expired."),
    Kind.CONTROL_PLANE_DOWN: (503, "ServerTimeout", "The service is currently unavailable."),
}
"""Status, code and message of the faults that are refusals."""


class Fault(faults.Fault[Kind]):
    """One fault."""

    kinds = Kind


class Faults(faults.Faults[Kind]):
    """The faults in force."""

    fault = Fault
