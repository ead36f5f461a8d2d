"""What the engine knows of the cluster file, and the bounds computed from it.

One rule: every duration is an integer in nanoseconds, and every bound that two nodes must agree
on is computed here, once, from values that are identical on both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Final

MS: Final = 1_000_000
SECOND: Final = 1_000_000_000

CLOCK_RATE_ERROR: Final = 0.01
"""Largest rate error of a node's clock that the bounds tolerate: far above any disciplined one."""

REFLECT_MIN_ANSWERED: Final = 3
"""M: echoes that must be answered within H for the holder to rest on them. M >= K + J + 1."""
REFLECT_FORGIVEN: Final = 0
"""K: unanswered echoes that a taker forgives in one silence."""
REFLECT_LOST_ALONE: Final = 2
"""J: reflected heartbeats that may be lost alone in one silence."""

MAX_GROUPS: Final = 20
"""A beat carries every group and stays within 1,200 bytes."""


class Classes(IntFlag):
    """Certificate classes that can bind a holder: a set, sent in every beat of a holder."""

    NONE = 0
    FENCED = 1
    LEASED = 2
    REFLECTED = 4
    BEST_EFFORT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The heartbeat times of the cluster file, in nanoseconds."""

    keepalive_ns: int = 1 * SECOND
    warntime_ns: int = 5 * SECOND
    deadtime_ns: int = 10 * SECOND
    initdead_ns: int = 30 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSettings:
    """One resource group as the engine sees it.

    `vips` says for each resource, in start order, whether it is a VIP behind the gate.
    `classes` are the certificate classes that the file allows for this group.
    """

    id: int
    preferred: int
    vips: tuple[bool, ...]
    classes: Classes
    auto_failback: bool = False
    start_budget_ns: int = 20 * SECOND
    stop_budget_ns: int = 20 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the engine takes from the cluster file, seen from node number `node`.

    `names` are the two nodes in the order of the file; `links` counts the heartbeat links;
    `pings` counts the ping nodes; `reflect` says that one of them reflects heartbeats.
    `gate_absolute` is true where the kernel's gate takes an absolute deadline.
    """

    cluster_id: bytes
    node: int
    names: tuple[str, str]
    links: int
    pings: int
    reflect: bool
    groups: tuple[GroupSettings, ...]
    config_hash: bytes
    timing: Timing = Timing()
    gate_absolute: bool = False
    ping_switchover: bool = True

    @property
    def peer(self) -> int:
        """The other node's number."""
        return 1 - self.node

    @property
    def max_delay_ns(self) -> int:
        """L: the largest delay of a heartbeat that the bounds tolerate."""
        return self.timing.deadtime_ns // 20

    @property
    def margin_ns(self) -> int:
        """g: granularity of timers plus a scheduling margin."""
        return max(self.timing.deadtime_ns // 50, 2 * MS)

    @property
    def hold_ns(self) -> int:
        """H: how long a holder may go on after it *sent* the newest evidence that arrived.

        `shut_ns <= D (1-rho)/(1+rho) - L - g` (reference model: stop time is zero behind a gate;
        delay costs only at the end of the taker's window). A gate that counts a *relative* timeout
        can be renewed by a process that was frozen between computing the remainder and the system
        call, so it shuts by 2 H, and H is half of the bound.
        """
        if self.gate_absolute:
            return self.shut_ns
        return self.shut_ns // 2

    @property
    def shut_ns(self) -> int:
        """The bound that a holder announces: all is shut this long after its newest evidence."""
        rho = CLOCK_RATE_ERROR
        usable = int(self.timing.deadtime_ns * (1 - rho) / (1 + rho))
        return usable - self.max_delay_ns - self.margin_ns

    @property
    def beat_ns(self) -> int:
        """Interval of echoes and reflected heartbeats: `H >= (M + 2) beats + round trip`."""
        if not (self.reflect or self.pings):
            return self.timing.keepalive_ns
        fits = (self.hold_ns - self.max_delay_ns) // (REFLECT_MIN_ANSWERED + 2)
        return max(min(self.timing.keepalive_ns, fits), 1 * MS)

    @property
    def known_ns(self) -> int:
        """R: a reflected heartbeat must have come this recently before a silence began."""
        return 3 * self.beat_ns

    def group(self, group_id: int) -> GroupSettings:
        """The group with this id. Raises KeyError when there is none."""
        for group in self.groups:
            if group.id == group_id:
                return group
        raise KeyError(group_id)
