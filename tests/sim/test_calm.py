"""What moves in maintenance is noticed, whatever the engine thinks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.core.settings import SECOND
from hafw_sim.mutants import MUTANTS, applied
from hafw_sim.play import play
from hafw_sim.schedule import Decision, Pair, Schedule

if TYPE_CHECKING:
    from hafw_sim.schedule import Value

Done = tuple[float, str, "dict[str, Value]"]
ON: Done = (5.0, "maintenance", {"node": "alpha", "on": True})


def played(*done: Done, protection: str = "reflected") -> list[str]:
    """What is found when this is done to a pair in maintenance; alpha holds the group."""
    decisions = tuple(Decision(int(at_s * SECOND), kind, args) for at_s, kind, args in (ON, *done))
    pair = Pair(protection=protection, auto_failback=True)
    return play(Schedule(pair, decisions, 120 * SECOND)).violations


CRASH: Done = (10.0, "crash", {"node": "alpha"})
STOP: Done = (10.0, "operator", {"node": "alpha", "verb": "stop"})
FAILS: Done = (
    9.0,
    "fate",
    {"node": "alpha", "operation": "start", "outcome": "failed", "lands": False},
)
RESTART: tuple[Done, ...] = ((10.0, "kill", {"node": "alpha"}), (10.1, "boot", {"node": "alpha"}))
SERVICE: Done = (10.0, "service", {"node": "alpha", "up": False})
CUT: Done = (10.0, "cut_links", {})


@pytest.mark.parametrize(
    ("mutant", "done", "protection", "complaint"),
    [
        ("taken_on_silence", (CRASH,), "reflected", "beta starts group 1, which alpha held last"),
        ("shot_in_maintenance", (CUT,), "fenced", "alpha switches the other node off"),
        ("given_in_maintenance", (SERVICE,), "reflected", "alpha gives group 1 away"),
        ("stop_hands_over", (STOP,), "reflected", "alpha gives group 1 away"),
        ("failed_start_gives", (FAILS, *RESTART), "reflected", "alpha stops group 1 to give it"),
    ],
)
def test_each_thing_that_is_forbidden_is_noticed(
    mutant: str,
    done: tuple[Done, ...],
    protection: str,
    complaint: str,
) -> None:
    with applied(MUTANTS[mutant]):
        found = played(*done, protection=protection)

    assert any(complaint in text for text in found), found
    assert played(*done, protection=protection) == []


def test_a_person_may_order_what_is_forbidden_to_the_engine() -> None:
    order: Done = (20.0, "operator", {"node": "beta", "verb": "takeover"})
    back: Done = (40.0, "operator", {"node": "alpha", "verb": "failback"})

    assert played(order, back) == []


@pytest.mark.parametrize("path", [0, -1])
def test_what_the_former_holder_said_shows_nothing_when_it_comes_again(path: int) -> None:
    """It died, the other was ordered to take, and is the last holder when its right has ended."""
    given: Done = (2.0, "operator", {"node": "alpha", "verb": "standby"})
    dies: Done = (10.0, "crash", {"node": "beta"})
    vouched: Done = (25.0, "operator", {"node": "alpha", "verb": "takeover", "vouches": True})
    again: list[Done] = [
        (26.0, "replay", {"node": "beta", "path": path, "age": age}) for age in range(40, -1, -1)
    ]
    alone: Done = (27.0, "ping_node", {"up": False})
    back: Done = (50.0, "boot", {"node": "beta"})
    done = (given, dies, vouched, *again, alone, back)

    assert played(*done, protection="reflected|best-effort") == []
