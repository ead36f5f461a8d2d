"""When an owner tells the network who has the address: in a burst, from time to time, and again."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest

from hafw.core.announcing import AGAIN_NS, AT_NS, EVERY_NS, QUIET_NS, again, wake_ns
from hafw.core.duties import FOREVER
from hafw.core.effects import StartOp
from hafw.core.model import ForeignAnnounced, OpKind, Verb
from hafw.core.settings import MS, SECOND
from hafw_sim.pairs import ALPHA, BETA, running_pair
from tests.core.givers import pair

if TYPE_CHECKING:
    from hafw.core.effects import Effect
    from hafw.core.model import Event, Instant
    from hafw_sim.world import Machine, World

LATE_NS: Final = 2 * MS
"""Steps come a moment after they were wanted."""
RIVAL: Final = ForeignAnnounced(1, "02:00:00:00:00:99")


class Heard:
    """The announcements of a world from now on: who, and when."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.all: list[tuple[str, int]] = []
        world.taps.append(self._listen)

    def _listen(self, node: Machine, _: Event, __: Instant, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, StartOp) and effect.op.kind is OpKind.ANNOUNCE:
                self.all.append((node.name, self._world.now_ns))

    def after_ns(self) -> list[int]:
        """How long after the first each of them came."""
        return [at_ns - self.all[0][1] for _, at_ns in self.all]


def test_a_new_owner_announces_in_a_burst_that_outlasts_neighbours_locks() -> None:
    world = running_pair()
    heard = Heard(world)

    world.ask(ALPHA, Verb.STANDBY)
    world.run(10)

    assert {name for name, _ in heard.all} == {"beta"}
    assert len(heard.all) == len(AT_NS)
    for came_ns, wanted_ns in zip(heard.after_ns(), AT_NS, strict=True):
        assert wanted_ns <= came_ns <= wanted_ns + LATE_NS


def test_an_owner_announces_from_time_to_time_and_wakes_for_it_no_more_often_than_it_beats() -> (
    None
):
    world = running_pair()
    world.run(10)
    heard = Heard(world)
    beat_ns = world.nodes[ALPHA].settings.beat_ns

    world.run(10 * EVERY_NS / SECOND)

    gaps_ns = [later - sooner for (_, sooner), (_, later) in pairwise(heard.all)]
    assert {name for name, _ in heard.all} == {"alpha"}
    assert len(gaps_ns) >= 8
    assert all(EVERY_NS <= gap_ns <= EVERY_NS + beat_ns + LATE_NS for gap_ns in gaps_ns)


def test_an_owner_contradicts_a_rival_at_once() -> None:
    world = running_pair()
    world.run(10)
    heard = Heard(world)
    rival_ns = world.now_ns

    world.feed(world.nodes[ALPHA], RIVAL)

    assert heard.all == [("alpha", rival_ns)]


def test_the_answer_to_a_rival_is_a_whole_burst() -> None:
    world = running_pair()
    world.run(10)
    heard = Heard(world)

    world.feed(world.nodes[ALPHA], RIVAL)
    world.run(10)

    assert len(heard.all) == len(AT_NS)


def test_people_are_told_of_a_rival_once_and_again_when_it_was_quiet_meanwhile() -> None:
    world = running_pair()
    alpha = world.nodes[ALPHA]
    told = []
    for pause_s in (1, 1, QUIET_NS / SECOND):
        world.feed(alpha, RIVAL)
        world.run(pause_s)
        told.append([note.name for _, note in alpha.notes].count("vip.foreign"))

    world.feed(alpha, RIVAL)

    told.append([note.name for _, note in alpha.notes].count("vip.foreign"))
    assert told == [1, 1, 1, 2]


def test_an_owner_does_not_shout_back_at_each_word_of_a_rival() -> None:
    world = running_pair()
    world.run(10)
    heard = Heard(world)

    for _ in range(1_000):
        world.feed(world.nodes[ALPHA], RIVAL)
        world.run(0.001)

    assert len(heard.all) <= 2 * SECOND // AGAIN_NS


def test_who_does_not_own_the_address_contradicts_nobody() -> None:
    world = running_pair()
    world.run(10)
    heard = Heard(world)

    world.feed(world.nodes[BETA], RIVAL)

    assert heard.all == []


@pytest.mark.parametrize(("early_ns", "said"), [(1, 0), (0, 1)], ids=["just begun", "long enough"])
def test_a_burst_begins_anew_unless_it_has_just_begun(early_ns: int, said: int) -> None:
    """Then it goes on with its second announcement."""
    group, engine = pair(ALPHA)
    again(group, engine)
    group.announced, engine._effects = 4, []

    engine.now_ns += AGAIN_NS - early_ns
    again(group, engine)

    assert len([one for one in engine._effects if isinstance(one, StartOp)]) == said
    assert group.announced == 1


@pytest.mark.parametrize("announced", range(1, len(AT_NS) + 2))
def test_only_the_burst_is_woken_for(announced: int) -> None:
    group, _ = pair(ALPHA)
    group.announced = announced

    assert (wake_ns(group) == FOREVER) is (announced >= len(AT_NS))
