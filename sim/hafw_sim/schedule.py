"""A run as data: which pair, and what is done to it when. Independent of what drew it.

One rule: a schedule says decisions, never chances to decide; so it survives a change of the
generator, and can be cut down to what matters. (Chance is left only in the weather, by its seed.)

A file (`*.hasim.jsonl`) has the pair in its first line, and one decision in each that follows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from hafw.core.duties import protection
from hafw.core.settings import Classes, GroupSettings, Settings, Timing
from hafw_sim.faults import Refused, check
from hafw_sim.world.files import sealed

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA: Final = "hafw.schedule/1"
CLASSES: Final = {
    **{protection(Classes(number)): Classes(number) for number in range(16)},
    "fenced+leased": Classes.FENCED | Classes.LEASED,
}
"""Every protection by its name."""

Value = bool | int | float | str
Ending = Literal["whole", "core", "survivor"]


class ScheduleError(ValueError):
    """A file that is no schedule; the text says where, and what is wrong."""


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One resource group of a pair. `preferred`: the number of a node; `vips`: see the engine's."""

    id: int
    preferred: int = 0
    protection: str = "reflected"
    vips: tuple[bool, ...] = (True,)
    auto_failback: bool = False


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The cluster of a run. Group n prefers alpha if n is odd. Times in ns.

    `members`: the groups one by one; `groups`, `protection` and `auto_failback` then say nothing.
    `seed` is that of the weather; a `steady` world leaves nothing to chance: everything takes as
    long as it may. `rates_ppm`: how wrong each node's clocks run. `tick_ns`: of the kernels.
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

    def encode(self) -> str:
        """The file's content."""
        head = {
            "schema": SCHEMA,
            "note": self.note,
            "end_ns": self.end_ns,
            "within": self.within,
            "heals": self.heals,
            "ending": self.ending,
            "pair": _changed(self.pair),
        }
        lines = [head]
        lines += [{"t_ns": each.at_ns, "do": each.kind, **each.args} for each in self.decisions]
        return "".join(msgspec.json.encode(line).decode() + "\n" for line in lines)


def _changed(pair: Pair) -> dict[str, object]:
    """The fields of a pair that are not as usual."""
    usual = Pair()
    every = {name: getattr(pair, name) for name in Pair.__struct_fields__}
    return {name: value for name, value in every.items() if value != getattr(usual, name)}


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    end_ns: int
    pair: Pair
    within: bool = True
    heals: bool = True
    ending: Ending = "whole"
    note: str = ""


def decode(text: str, name: str) -> Schedule:
    """The schedule in a file's content. Raises ScheduleError, with `name`, line and word."""
    lines = text.splitlines()
    if not lines:
        raise ScheduleError(f"{name}:1: the file is empty; its first line names the pair")
    try:
        kind = msgspec.json.decode(lines[0]).get("schema")
        if kind != SCHEMA:
            raise ScheduleError(f'{name}:1: schema is "{kind}"; this version reads "{SCHEMA}"')
        head = msgspec.json.decode(lines[0], type=_Head)
    except (msgspec.MsgspecError, AttributeError) as problem:
        raise ScheduleError(f"{name}:1: {problem}") from problem
    for word in (head.pair.protection, *(each.protection for each in head.pair.members)):
        if word not in CLASSES:
            known = ", ".join(CLASSES)
            raise ScheduleError(f'{name}:1: protection "{word}"; choose from {known}')
    decisions = [
        _decision(line, f"{name}:{number}") for number, line in enumerate(lines[1:], 2) if line
    ]
    return Schedule(
        head.pair, tuple(decisions), head.end_ns, head.within, head.heals, head.ending, head.note
    )


def _decision(line: str, where: str) -> Decision:
    try:
        args = msgspec.json.decode(line, type=dict[str, Value])
        at_ns, kind = args.pop("t_ns"), args.pop("do")
    except (msgspec.MsgspecError, KeyError) as problem:
        raise ScheduleError(f"{where}: {problem}; a decision has t_ns and do") from problem
    if not isinstance(at_ns, int) or not isinstance(kind, str):
        raise ScheduleError(f"{where}: t_ns is a number of nanoseconds, do a word")
    try:
        check(kind, args)
    except Refused as problem:
        raise ScheduleError(f"{where}: {problem}") from problem
    return Decision(at_ns, kind, args)


def load(path: Path) -> Schedule:
    """The schedule in a file. Raises ScheduleError and OSError."""
    return decode(path.read_text(), str(path))


__all__ = [
    "CLASSES",
    "Decision",
    "Member",
    "Pair",
    "Schedule",
    "ScheduleError",
    "decode",
    "load",
]
