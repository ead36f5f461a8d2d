"""What the simulator takes for a violation, and what it does not, at its bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from hafw.core import engine
from hafw.core.settings import SECOND
from hafw_sim.pairs import ALPHA, BETA, running_pair, settings_pair
from hafw_sim.play import WAKING_NS, Player, play
from hafw_sim.schedule import Decision, Pair, Schedule
from hafw_sim.world import World
from hafw_sim.world.disks import Disks

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw_sim.world.machine import Machine


def woken_late(agent_s: float) -> list[str]:
    """The owner sleeps until it is taken for dead, and its agent needs so long to run again."""
    decisions = (
        Decision(2 * SECOND, "slow", {"node": "alpha", "seconds": agent_s}),
        Decision(20 * SECOND, "suspend", {"node": "alpha", "seconds": 11.0}),
    )
    schedule = Schedule(Pair(), decisions, end_ns=60 * SECOND, heals=False)
    return [text for text in play(schedule).violations if text.startswith("S2")]


@pytest.mark.parametrize(("agent_s", "found"), [(0.15, 0), (0.25, 1)])
def test_a_gate_may_be_open_on_waking_for_as_long_as_an_agent_needs_to_run(
    agent_s: float, found: int
) -> None:
    assert len(woken_late(agent_s)) == found


@pytest.mark.parametrize(
    ("begin_ns", "end_ns", "found"),
    [
        (-1, 1, 1),
        (-2, -1, 1),
        (0, WAKING_NS, 0),
        (WAKING_NS - 1, WAKING_NS, 0),
        (0, WAKING_NS + 1, 1),
    ],
    ids=["it began before", "it was over", "on waking", "taken meanwhile", "it lasts too long"],
)
def test_only_what_lies_within_the_waking_of_a_machine_is_the_waking_s(
    begin_ns: int, end_ns: int, found: int
) -> None:
    player = Player(Schedule(Pair(), (), end_ns=SECOND, heals=False))
    player.world.resumed_ns = [SECOND]
    player.world.kernels.overlaps = [(1, SECOND + begin_ns, SECOND + end_ns)]

    assert len(list(player._judge_overlaps())) == found


@pytest.mark.parametrize(
    "spoil",
    [Disks.lose, lambda machine: Disks.roll_back(machine, 5)],
    ids=["it is lost", "it is rolled back"],
)
def test_an_agent_wrote_what_it_wrote_whatever_becomes_of_the_file(
    spoil: Callable[[Machine], None],
) -> None:
    world = running_pair()

    spoil(world.nodes[ALPHA])
    world.steal_address(ALPHA, 1)
    world.run(1)

    assert world.violations == []
    assert world.owner(1) == "alpha"


def test_a_start_that_was_not_written_before_is_found_where_the_file_is_gone() -> None:
    world = World(settings_pair(), 0)
    world.weather.fsync_ns = (SECOND, SECOND)
    for number in (ALPHA, BETA):
        world.boot(number)
        world.disks.lose(world.nodes[number])

    with patch.object(engine.Engine, "durable", lambda *_: True):
        world.run(2)

    assert "which was not on its disk" in world.violations[0]
