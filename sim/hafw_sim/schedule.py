"""A run as data: which pair, and what is done to it when. Independent of what drew it.

One rule: a schedule says decisions, never chances to decide; so it survives a change of the
generator, and can be cut down to what matters. (Chance is left only in the weather, by its seed.)

How it looks in a file is `schedule_file`'s business. Nothing but the engine is imported here, so
that any Python can play a schedule.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal

from hafw.core.duties import protection
from hafw.core.settings import Classes, GroupSettings, Settings, Timing
from hafw_sim.world.files import sealed

CLASSES: Final = {
    **{protection(Classes(number)): Classes(number) for number in range(16)},
    "fenced+leased": Classes.FENCED | Classes.LEASED,
}
"""Every protection by its name."""

Value = bool | int | float | str
Ending = Literal["whole", "core", "survivor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One resource group of a pair. `preferred`: the number of a node; `vips`: see the engine's."""

    id: int
    preferred: int = 0
    protection: str = "reflected"
    vips: tuple[bool, ...] = (True,)
    auto_failback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The cluster of a run. Group n prefers alpha if n is odd. Times in ns.

    `members`: the groups one by one; `groups`, `protection` and `auto_failback` then say nothing.
    `seed` is that of the weather; a `steady` world leaves nothing to chance: everything takes as
    long as it may, and each node beats by its own clock. `rates_ppm`: how wrong each node's clocks
    run. `tick_ns`: of the kernels.
    """

    protection: str = "reflected"
    groups: int = 1
    links: int = 2
    pings: int = 1
    auto_failback: bool = False
    keepalive_ns: int = 1_000_000_000
    warntime_ns: int = 5_000_000_000
    deadtime_ns: int = 10_000_000_000
    initdead_ns: int = 30_000_000_000
    lease_ttl_ns: int = 20_000_000_000
    fence_delay_ns: int = 5_000_000_000
    fence_budget_ns: int = 60_000_000_000
    rates_ppm: tuple[int, int] = (0, 0)
    seed: int = 0
    steady: bool = False
    members: tuple[Member, ...] = ()
    ping_switchover: bool = True
    tick_ns: int = 0

    def every_group(self) -> tuple[Member, ...]:
        """The groups, one by one."""
        return self.members or tuple(
            Member(
                id=number + 1,
                preferred=number % 2,
                protection=self.protection,
                auto_failback=self.auto_failback,
            )
            for number in range(self.groups)
        )

    def settings(self) -> tuple[Settings, Settings]:
        """What each node's engine is started with."""
        groups = tuple(_group(member) for member in self.every_group())
        reflected = any(group.reflected for group in groups)
        alpha = Settings(
            cluster_id=b"simulated pair 1",
            node=0,
            names=("alpha", "beta"),
            links=self.links,
            pings=self.pings,
            reflect=reflected and self.pings > 0,
            groups=groups,
            config_hash=b"",
            timing=Timing(
                keepalive_ns=self.keepalive_ns,
                warntime_ns=self.warntime_ns,
                deadtime_ns=self.deadtime_ns,
                initdead_ns=self.initdead_ns,
            ),
            lease_ttl_ns=self.lease_ttl_ns if any(group.leased for group in groups) else 0,
            fence_delay_ns=self.fence_delay_ns,
            fence_budget_ns=self.fence_budget_ns,
            tick_ns=self.tick_ns,
            ping_switchover=self.ping_switchover,
            one_rhythm=not self.steady,
        )
        alpha = sealed(alpha)
        return alpha, replace(alpha, node=1)


def _group(member: Member) -> GroupSettings:
    return GroupSettings(
        id=member.id,
        preferred=member.preferred,
        vips=member.vips,
        classes=CLASSES[member.protection],
        both="+" in member.protection,
        auto_failback=member.auto_failback,
    )


@dataclass(frozen=True, slots=True)
class Decision:
    """At this time of the world, this is done (see `hafw_sim.faults`)."""

    at_ns: int
    kind: str
    args: dict[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        """As a person reads it."""
        words = " ".join(f"{name}={value}" for name, value in self.args.items())
        return f"{self.at_ns / 1e9:11.6f} s  {self.kind} {words}".rstrip()


@dataclass(frozen=True, slots=True)
class Schedule:
    """A whole run: the decisions in their order, and when they are over.

    `within`: nothing is beyond what `reflected` assumes. `heals`: at `end_ns` something is made
    whole, and the pair must come to rest: everything (`ending` "whole"), both nodes and one link
    while all else stays broken ("core"), or everything until one node dies for good ("survivor").
    """

    pair: Pair
    decisions: tuple[Decision, ...]
    end_ns: int
    within: bool = True
    heals: bool = True
    ending: Ending = "whole"
    note: str = ""

    def with_decisions(self, decisions: tuple[Decision, ...]) -> Schedule:
        """The same run with other decisions."""
        return replace(self, decisions=decisions)
