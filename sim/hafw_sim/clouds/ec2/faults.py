"""What may go wrong between a client and EC2, by name.

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


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; `calls` is a pattern such as "Describe*"; `times` None: until it is ended."""

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

    def end(self) -> None:
        """End them all."""
        self._faults.clear()

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
