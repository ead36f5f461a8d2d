"""What the engine knows of the cluster file, and the bounds computed from it.

One rule: every duration is an integer in nanoseconds, and every bound that two nodes must agree
on is computed here, once, from values that are identical on both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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

RENEWALS: Final = 4
"""A lease is renewed so often before its holder would have to let go (P <= H / 3, one to spare)."""

LEASE_MARGIN: Final = 50
"""The part of a lease that is left for the granularity of timers: one in so many."""
RENEW_MIN_NS: Final = 50 * MS
"""The shortest renew period: what a store in the same town takes when it is slow."""
TICK_MAX_NS: Final = 10 * MS
"""The longest tick of a kernel (HZ=100)."""

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


def shortest_lease_ns(timing: Timing) -> int:
    """The shortest `lease_ttl_ns` that can be renewed in time, on whatever kernel."""
    needed_ns = timing.deadtime_ns // 2 + TICK_MAX_NS + RENEWALS * RENEW_MIN_NS
    usable = (1 - CLOCK_RATE_ERROR) / (1 + CLOCK_RATE_ERROR) - 1 / LEASE_MARGIN
    return (int(needed_ns / usable) // MS + 1) * MS


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSettings:
    """One resource group as the engine sees it.

    `vips` says for each resource, in start order, whether it is a VIP behind the gate.
    `classes` are the certificate classes that the file allows for this group. `both`: a start
    needs the lease *and* the fence, not one of them.
    """

    id: int
    preferred: int
    vips: tuple[bool, ...]
    classes: Classes
    auto_failback: bool = False
    both: bool = False
    start_budget_ns: int = 20 * SECOND
    stop_budget_ns: int = 20 * SECOND
    binds: int = field(init=False)
    """`classes` as a plain number: the hot path's bit operations on flags are ten times slower."""
    reflected: bool = field(init=False)
    best_effort: bool = field(init=False)
    leased: bool = field(init=False)
    fenced: bool = field(init=False)
    only_fenced: bool = field(init=False)

    def __post_init__(self) -> None:
        """Take the classes apart, once."""
        object.__setattr__(self, "binds", int(self.classes))
        object.__setattr__(self, "reflected", Classes.REFLECTED in self.classes)
        object.__setattr__(self, "best_effort", Classes.BEST_EFFORT in self.classes)
        object.__setattr__(self, "leased", Classes.LEASED in self.classes)
        object.__setattr__(self, "fenced", Classes.FENCED in self.classes)
        object.__setattr__(self, "only_fenced", self.classes == Classes.FENCED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the engine takes from the cluster file, seen from node number `node`.

    `names` are the two nodes in the order of the file; `links` counts the heartbeat links;
    `pings` counts the ping nodes; `reflect` says that one of them reflects heartbeats.
    `lease_ttl_ns` is W, how long a taker watches a lease that nobody renews; 0: there is no store.
    `fence_delay_ns`: the node that did not serve waits so long before it switches the other off;
    `fence_budget_ns`: what that may take. `gate_absolute` is true where the kernel's gate takes an
    absolute deadline. `tick_ns` is the tick of this node's kernel: the gate shuts by so much too
    late. `one_rhythm`: both nodes' beats come together (see `speaking`); models that look at whole
    times alone do without.
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
    lease_ttl_ns: int = 0
    fence_delay_ns: int = 5 * SECOND
    fence_budget_ns: int = 60 * SECOND
    gate_absolute: bool = False
    tick_ns: int = 0
    ping_switchover: bool = True
    one_rhythm: bool = True

    peer: int = field(init=False)
    """The other node's number."""
    max_delay_ns: int = field(init=False)
    """L: the largest delay of a heartbeat that the bounds tolerate."""
    margin_ns: int = field(init=False)
    """g: granularity of timers plus a scheduling margin."""
    shut_ns: int = field(init=False)
    """The bound that a holder announces: all is shut this long after its newest evidence.

    `shut_ns <= D (1-rho)/(1+rho) - L - g` (reference model: stop time is zero behind a gate; delay
    costs only at the end of the taker's window).
    """
    hold_ns: int = field(init=False)
    """H: how long a holder may go on after it *sent* the newest evidence that arrived.

    A gate that counts a *relative* timeout can be renewed by a process that was frozen between
    computing the remainder and the system call, so it shuts by 2 H and a tick of the kernel; an
    absolute one by H and a tick. That is the bound.
    """
    beat_ns: int = field(init=False)
    """Interval of echoes and reflected heartbeats: `H >= (M + 2) beats + round trip`.

    Without a ping node, the service interface is asked as often whether it heard anybody.
    """
    known_ns: int = field(init=False)
    """R: a reflected heartbeat must have come this recently before a silence began."""
    lease_hold_ns: int = field(init=False)
    """How long a holder may go on after it *sent* its newest successful renewal.

    `W (1-rho)/(1+rho) - g`, less what a gate that counts a relative timeout may shut too late: its
    last renewal cannot have been for more than H. Stop time is zero behind a gate.
    """
    renew_ns: int = field(init=False)
    """P: a holder renews its lease this often, and no request to the store lasts longer."""
    begin_ns: int = field(init=False)
    """A right that ends sooner begins nothing: newer evidence, a beat or an echo and its answer,
    may be under way for so long."""

    def __post_init__(self) -> None:
        """Compute the bounds, once: the engine asks for them in every step."""
        deadtime_ns, keepalive_ns = self.timing.deadtime_ns, self.timing.keepalive_ns
        max_delay_ns = deadtime_ns // 20
        margin_ns = max(deadtime_ns // 50, 2 * MS)
        usable_ns = int(deadtime_ns * (1 - CLOCK_RATE_ERROR) / (1 + CLOCK_RATE_ERROR))
        shut_ns = usable_ns - max_delay_ns - margin_ns
        hold_ns = shut_ns - self.tick_ns if self.gate_absolute else (shut_ns - self.tick_ns) // 2
        beat_ns = keepalive_ns
        if self.reflect or self.pings or any(group.best_effort for group in self.groups):
            fits_ns = (hold_ns - max_delay_ns) // (REFLECT_MIN_ANSWERED + 2)
            beat_ns = max(min(keepalive_ns, fits_ns), 1 * MS)
        lease = self._lease(hold_ns)
        derived = {
            "peer": 1 - self.node,
            "max_delay_ns": max_delay_ns,
            "margin_ns": margin_ns,
            "shut_ns": shut_ns,
            "hold_ns": hold_ns,
            "beat_ns": beat_ns,
            "known_ns": 3 * beat_ns,
            **lease,
            "begin_ns": min(2 * max_delay_ns, lease["renew_ns"] or 2 * max_delay_ns),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def _lease(self, hold_ns: int) -> dict[str, int]:
        """The bounds of the lease."""
        usable_ns = int(self.lease_ttl_ns * (1 - CLOCK_RATE_ERROR) / (1 + CLOCK_RATE_ERROR))
        margin_ns = max(self.lease_ttl_ns // LEASE_MARGIN, 2 * MS)
        late_ns = self.tick_ns if self.gate_absolute else hold_ns + self.tick_ns
        lease_hold_ns = max(usable_ns - margin_ns - late_ns, 0)
        return {"lease_hold_ns": lease_hold_ns, "renew_ns": lease_hold_ns // RENEWALS}

    def group(self, group_id: int) -> GroupSettings:
        """The group with this id. Raises KeyError when there is none."""
        for group in self.groups:
            if group.id == group_id:
                return group
        raise KeyError(group_id)
