"""What may go wrong between a client and EC2, by name.

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
    """A read shows the state of `seconds` ago: EC2 is eventually consistent."""
    WRONG_STATE = "wrong-state"
    """DescribeInstances shows every instance stopped."""
    THROTTLED = "throttled"
    """RequestLimitExceeded: the service has not acted."""
    INTERNAL_ERROR = "internal-error"
    """InternalError, after the service has acted."""
    EXPIRED_TOKEN = "expired-token"  # noqa: S105 - a fault, no secret
    """The service has not acted."""
    CONTROL_PLANE_DOWN = "control-plane-down"
    """Unavailable: the service has not acted."""


REFUSALS: Final = {
    Kind.THROTTLED: (503, "RequestLimitExceeded", "Request limit exceeded."),
    Kind.EXPIRED_TOKEN: (400, "ExpiredToken", "The provided token has expired."),
    Kind.CONTROL_PLANE_DOWN: (503, "Unavailable", "The service is unavailable."),
}
"""Status, code and message of the faults that are refusals."""


class Fault(faults.Fault[Kind]):
    """One fault."""

    kinds = Kind


class Faults(faults.Faults[Kind]):
    """The faults in force."""

    fault = Fault
