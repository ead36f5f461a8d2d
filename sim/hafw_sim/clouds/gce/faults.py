"""What may go wrong between a client and Compute Engine, by name.

One rule: a fault says exactly whether the service acted, and when; it holds for as many calls as
it says, or until it is ended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final


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


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; `calls` is a pattern such as "instances.*"; `times` None: until it is ended."""

    kind: Kind
    seconds: float = 0.0
    calls: str = "*"
    times: int | None = None

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read KIND[:SECONDS[:CALLS[:TIMES]]]. Raises ValueError."""
        kind, *rest = text.split(":")
        seconds, calls, times = [*rest, *("", "", "")[len(rest) :]]
        return cls(Kind(kind), float(seconds or 0.0), calls or "*", int(times) if times else None)


class Faults:
    """The faults in force."""

    def __init__(self) -> None:
        """None at first."""
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """From now on."""
        self._faults.append(fault)

    def end(self, kind: Kind | None = None) -> None:
        """End those of one kind, or all."""
        self._faults = [fault for fault in self._faults if kind not in (None, fault.kind)]

    def meet(self, call: str) -> dict[Kind, float]:
        """The faults that `call` meets now, with their seconds; each is used once by that."""
        met: dict[Kind, float] = {}
        kept: list[Fault] = []
        for fault in self._faults:
            hit = fnmatchcase(call, fault.calls) and fault.kind not in met
            if hit:
                met[fault.kind] = fault.seconds
            left = fault.times if fault.times is None else fault.times - hit
            if left != 0:
                kept.append(replace(fault, times=left))
        self._faults = kept
        return met
