"""Cuts a failing schedule down to what matters: fewer decisions, then a smaller pair and times.

One rule: a schedule is replaced only by a smaller one that fails in the same way (the same
invariant), so that one bug is not exchanged for another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw.core.settings import SECOND
from hafw_sim.play import play

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw_sim.schedule import Decision, Schedule

_PARTS: Final = (
    "rates_ppm",
    "members",
    "auto_failback",
    "groups",
    "links",
    "pings",
    "ping_switchover",
    "tick_ns",
    "seed",
)
RUNS_MAX: Final = 400
"""A run takes a fraction of a second; more of them seldom cut more away."""


def failure(schedule: Schedule) -> str:
    """The invariant that a schedule violates first ("S2"), or ''."""
    violations = play(schedule).violations
    return invariant(violations[0]) if violations else ""


def invariant(violation: str) -> str:
    """The name of the invariant in a violation's text."""
    words = violation.replace(":", " ").split()
    return next((word for word in words if word[:1] in "SL" and word[1:].isdigit()), "assertion")


def shrink(schedule: Schedule, fails: Callable[[Schedule], str] = failure) -> Schedule:
    """The smallest schedule found that fails as this one does."""
    wanted = fails(schedule)
    if not wanted:
        return schedule
    runs = 0

    def still(smaller: Schedule) -> bool:
        nonlocal runs
        runs += 1
        return runs <= RUNS_MAX and fails(smaller) == wanted

    smallest = _fewer(schedule, still)
    for name in _PARTS:
        simpler = _without(smallest, name)
        if simpler.pair != smallest.pair and still(simpler):
            smallest = simpler
    smallest = _fewer(smallest, still)
    return _earlier(smallest, still)


def _fewer(schedule: Schedule, still: Callable[[Schedule], bool]) -> Schedule:
    """Zeller's ddmin over the decisions: leave out halves, quarters, … single ones."""
    kept = list(schedule.decisions)
    size = max(len(kept) // 2, 1)
    while kept:
        begin, cut = 0, False
        while begin < len(kept):
            rest = kept[:begin] + kept[begin + size :]
            if still(schedule.with_decisions(tuple(rest))):
                kept, cut = rest, True
            else:
                begin += size
        if size == 1 and not cut:
            break
        size = max(size // 2, 1)
    return schedule.with_decisions(tuple(kept))


def _without(schedule: Schedule, name: str) -> Schedule:
    """The same with one thing of the pair as usual."""
    usual = getattr(type(schedule.pair)(), name)
    return replace(schedule, pair=replace(schedule.pair, **{name: usual}))


def _earlier(schedule: Schedule, still: Callable[[Schedule], bool]) -> Schedule:
    """Shorter pauses between the decisions, and rounder times."""
    for unit_ns in (SECOND, SECOND // 10, SECOND // 100):
        rounded = schedule.with_decisions(
            tuple(_at(each, each.at_ns // unit_ns * unit_ns) for each in schedule.decisions)
        )
        if still(rounded):
            schedule = rounded
            break
    for number in range(len(schedule.decisions)):
        before_ns = schedule.decisions[number - 1].at_ns if number else 0
        gap_ns = schedule.decisions[number].at_ns - before_ns
        for share in (8, 4, 2):
            closer = _moved(schedule, number, gap_ns - gap_ns // share)
            if gap_ns > SECOND and still(closer):
                schedule = closer
                break
    return schedule


def _moved(schedule: Schedule, first: int, by_ns: int) -> Schedule:
    """The decisions from number `first` on come that much earlier, and so does the end."""
    moved = (
        _at(each, each.at_ns - by_ns) if number >= first else each
        for number, each in enumerate(schedule.decisions)
    )
    return replace(schedule, decisions=tuple(moved), end_ns=schedule.end_ns - by_ns)


def _at(decision: Decision, at_ns: int) -> Decision:
    return replace(decision, at_ns=at_ns)
