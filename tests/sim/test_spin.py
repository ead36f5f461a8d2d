"""L2: what is started over and over is noticed, unless somebody starts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.core.model import BeatHeard, Verb
from hafw_sim.pairs import ALPHA, running_pair
from hafw_sim.world.workers import STARTS_PER_DEADTIME_MAX
from tests.core.beats import newest

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw_sim.world import World

LINK = 0


def start_again(world: World) -> None:
    """Alpha's agent starts anew by itself: the other node seems to remember a later start."""
    beat = newest(world, ALPHA)
    later = beat._replace(n=beat.n + 1, acked_incarnation=beat.acked_incarnation + 1)
    world.feed(world.nodes[ALPHA], BeatHeard(LINK, later))


def be_started(world: World) -> None:
    """An operator stops and starts alpha's agent."""
    world.kill_agent(ALPHA)
    world.boot(ALPHA)


def be_asked(world: World) -> None:
    """An operator has alpha let go, and take again."""
    world.ask(ALPHA, Verb.RELEASE)
    world.run(0.1)
    world.ask(ALPHA, Verb.TAKEOVER)


@pytest.mark.parametrize(
    ("way", "spins"), [(start_again, True), (be_started, False), (be_asked, False)]
)
def test_only_what_starts_by_itself_spins(way: Callable[[World], None], *, spins: bool) -> None:
    world = running_pair()
    world.run(20)
    for _ in range(STARTS_PER_DEADTIME_MAX + 1):
        way(world)
        world.run(1.5)

    assert any("over and over" in each for each in world.violations) is spins
