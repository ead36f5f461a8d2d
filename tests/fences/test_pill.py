"""Every order in which a pill, a guard and a watchdog can meet: is the target off in time?

The model is the guard's loop (look, pet, look …) in ticks; it may be stopped for any number of them
anywhere, and a look may take any number. What it decides is decided by `hafw.pill`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

import pytest

from hafw import pill
from hafw.pill import Guard, Pill, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

TICK_NS = 10**9
WATCHDOG = 3
OLD, NEW = Pill("old"), Pill("new")


class At(Enum):
    """Where the guard is in its loop."""

    IDLE = 0
    LOOKING = 1
    LOOKED = 2
    DYING = 3


@dataclass(frozen=True, slots=True)
class State:
    """`petted`, `written`: ticks ago (None: not yet). `saw`: what the last look found."""

    at: At = At.IDLE
    petted: int = 0
    written: int | None = None
    saw: Pill = OLD


Judge = Callable[[Guard, Pill], Verdict]


def steps(state: State, guard: Guard, judge: Judge) -> Iterator[State]:
    """What may happen next without time passing: one step of the guard, or the pill."""
    on_disk = OLD if state.written is None else NEW
    if state.written is None:
        yield replace(state, written=0)
    match state.at:
        case At.IDLE:
            yield replace(state, at=At.LOOKING)
        case At.LOOKING:
            yield replace(state, at=At.LOOKED, saw=on_disk)
        case At.LOOKED if judge(guard, state.saw) is Verdict.PET:
            yield replace(state, at=At.IDLE, petted=0)
        case At.LOOKED:
            yield replace(state, at=At.DYING)
        case At.DYING:
            return


def longest_life(judge: Judge) -> int:
    """How many ticks after the pill a target can still run, at most."""
    guard = pill.armed(1, WATCHDOG * 1000, OLD)
    longest, seen, todo = 0, {State()}, [State()]
    while todo:
        state = todo.pop()
        if state.written is not None:
            longest = max(longest, state.written)
        following = list(steps(state, guard, judge))
        if state.petted + 1 < WATCHDOG:  # else it strikes with the next tick
            written = None if state.written is None else state.written + 1
            following.append(replace(state, petted=state.petted + 1, written=written))
        for each in following:
            if each not in seen and (each.written or 0) <= 10 * WATCHDOG:
                seen.add(each)
                todo.append(each)
    return longest


def off_after() -> int:
    """After how many whole ticks the other node takes it to be off, with clocks that are right."""
    return pill.certainly_off_ns(Guard(1, WATCHDOG * 1000), 0) // TICK_NS


def test_no_target_runs_when_it_counts_as_off_and_one_runs_longer_than_its_watchdog() -> None:
    lives = longest_life(pill.judge)

    assert WATCHDOG < lives < off_after()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda _guard, _found: Verdict.PET,
        lambda guard, found: Verdict.DIE if found.op == guard.seen else Verdict.PET,
    ],
    ids=["pets whatever it finds", "pets for new pills"],
)
def test_a_guard_that_breaks_the_rule_is_found(wrong: Judge) -> None:
    assert longest_life(wrong) >= off_after()
