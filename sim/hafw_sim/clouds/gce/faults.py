"""What may go wrong between a client and Compute Engine, by name.

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
    """A read of an instance shows TERMINATED, whatever it is."""
    STUCK_OPERATION = "stuck-operation"
    """The change is accepted and never ends."""
    FAILED_OPERATION = "failed-operation"
    """The change is accepted, and ends with RESOURCE_OPERATION_RATE_EXCEEDED, without effect."""
    THROTTLED = "throttled"
    """429, with Retry-After `seconds`: the service has not acted."""
    RATE_LIMITED = "rate-limited"
    """403 rateLimitExceeded, with Retry-After `seconds`: no matter of permissions."""
    EXPIRED_TOKEN = "expired-token"  # noqa: S105 - a fault, no secret
    """401: the service has not acted."""
    CONTROL_PLANE_DOWN = "control-plane-down"
    """503: the service has not acted."""


REFUSALS: Final = {
    Kind.THROTTLED: (429, "rateLimitExceeded", "Too many requests"),
    Kind.RATE_LIMITED: (403, "rateLimitExceeded", "Rate Limit Exceeded"),
    Kind.EXPIRED_TOKEN: (401, "authError", "Request had invalid authentication credentials."),
    Kind.CONTROL_PLANE_DOWN: (503, "backendError", "The service is currently unavailable."),
}
"""Status, reason and message of the faults that are refusals."""


class Fault(faults.Fault[Kind]):
    """One fault."""

    kinds = Kind


class Faults(faults.Faults[Kind]):
    """The faults in force."""

    fault = Fault
