"""A step that hears only what was heard before ends at once, and as the whole one would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.core.effects import HoldGate, SendEcho
from hafw.core.engine import Engine
from hafw.core.model import REFLECTED_PATH, BeatHeard
from hafw_sim.pairs import ALPHA, BETA, running_pair
from hafw_sim.play import play
from hafw_sim.swarm import draw_schedule
from tests.core.beats import newest

if TYPE_CHECKING:
    from hafw.core.effects import Effect
    from hafw.core.model import Beat, Event, Instant
    from hafw_sim.world import World

LINK, OTHER_LINK = 0, 1
SEEDS = range(12)


# --- in random runs ---------------------------------------------------------------------------


class Compared:
    """Makes each step that ends at once whole as well, in a copy of the engine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at_once = 0
        self.differ: list[str] = []
        self._judge = Engine._is_old_news
        self._step = Engine.step
        self._ended = self._copying = False
        monkeypatch.setattr(Engine, "_is_old_news", lambda *heard: self._is_old_news(*heard))  # noqa: PLW0108 - bound to the engine
        monkeypatch.setattr(Engine, "step", lambda *given: self._compared(*given))  # noqa: PLW0108 - the same

    def _is_old_news(self, engine: Engine, event: BeatHeard) -> bool:
        self._ended = not self._copying and self._judge(engine, event)
        return self._ended

    def _compared(self, engine: Engine, event: Event, now: Instant) -> list[Effect]:
        copy = Engine.restore(engine.snapshot())
        self._ended = False
        effects = self._step(engine, event, now)
        if self._ended:
            self._compare(copy, engine, event, now)
        return effects

    def _compare(self, copy: Engine, engine: Engine, event: Event, now: Instant) -> None:
        self.at_once += 1
        self._copying = True
        whole = self._step(copy, event, now)
        self._copying = False
        if [each for each in whole if not isinstance(each, HoldGate)]:
            self.differ.append(f"{event} would have done {whole}")
        for group in copy.groups.values():  # a gate may be renewed a step later
            group.gate_ns = engine.groups[group.id].gate_ns
        copy.leaving_ns = engine.leaving_ns  # an agent that still holds lingers from its last step
        if copy.snapshot() != engine.snapshot() or copy.deadline() != engine.deadline():
            self.differ.append(f"{event} would have changed something")


@pytest.mark.parametrize("seed", SEEDS)
def test_it_leaves_out_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = Compared(monkeypatch)

    play(draw_schedule(seed))

    assert compared.differ == []
    assert compared.at_once


# --- what is old news -------------------------------------------------------------------------


def at_once(world: World, number: int, path: int, beat: Beat) -> bool:
    """Whether a node that hears this now, before anything is due, ends its step at once."""
    engine = world.engine(number)
    engine.now = world.nodes[number].instant(world.now_ns)
    engine.now_ns = engine.now.boot_ns
    assert engine.now_ns < engine.deadline()
    return engine._is_old_news(BeatHeard(path, beat))


@pytest.fixture(name="world")
def a_pair_between_two_beats() -> World:
    world = running_pair()
    world.run(0.3)
    return world


def test_the_newest_beat_by_one_more_link_is(world: World) -> None:
    assert at_once(world, BETA, OTHER_LINK, newest(world, BETA))


def test_the_next_beat_is_not(world: World) -> None:
    beat = newest(world, BETA)

    assert not at_once(world, BETA, LINK, beat._replace(n=beat.n + 1))


def test_an_older_one_is_not(world: World) -> None:
    beat = newest(world, BETA)

    assert not at_once(world, BETA, LINK, beat._replace(n=beat.n - 1))


def test_the_newest_by_way_of_the_ping_node_is_not(world: World) -> None:
    assert not at_once(world, BETA, REFLECTED_PATH, newest(world, BETA))


def test_one_of_another_start_is_not(world: World) -> None:
    beat = newest(world, BETA)

    assert not at_once(world, BETA, LINK, beat._replace(incarnation=beat.incarnation + 1))


def test_nothing_is_as_long_as_the_peer_answers_an_earlier_start(world: World) -> None:
    engine, beat = world.engine(BETA), newest(world, BETA)
    engine.peer.beat = old = beat._replace(acked_incarnation=engine.incarnation - 1)

    assert not at_once(world, BETA, OTHER_LINK, old)


@pytest.mark.parametrize(("later", "is_old"), [(0, True), (1, False)])
def test_an_acknowledgement_is_if_it_was_given_before(
    world: World, later: int, *, is_old: bool
) -> None:
    engine, beat = world.engine(ALPHA), newest(world, ALPHA)
    world.net.cut_links()
    world.net.cut_ping(ALPHA)
    world.run(1)
    known = next(
        n
        for n in range(engine.sent.newest_n, 0, -1)
        if engine.sent.sent_ns(n) <= engine.peer.heard_ns
    )

    ack = beat._replace(is_ack=True, acked_n=known + later)

    assert at_once(world, ALPHA, LINK, ack) is is_old


def test_one_of_our_newest_beat_is_if_another_one_told_of_it(world: World) -> None:
    engine, beat = world.engine(ALPHA), newest(world, ALPHA)
    engine.peer.heard_ns = engine.sent.sent_ns(engine.sent.newest_n)

    ack = beat._replace(is_ack=True, acked_n=engine.sent.newest_n)

    assert at_once(world, ALPHA, LINK, ack)


def test_one_of_a_beat_that_was_never_sent_is_not(world: World) -> None:
    engine, beat = world.engine(ALPHA), newest(world, ALPHA)

    ack = beat._replace(is_ack=True, acked_n=engine.sent.newest_n + 1)

    assert not at_once(world, ALPHA, LINK, ack)


def test_one_of_another_start_of_this_node_is_not(world: World) -> None:
    beat = newest(world, ALPHA)

    ack = beat._replace(is_ack=True, acked_incarnation=beat.acked_incarnation - 1)

    assert not at_once(world, ALPHA, LINK, ack)


def test_what_is_due_is_done_whatever_is_heard(world: World) -> None:
    engine = world.engine(BETA)
    late_ns = world.now_ns + engine.deadline() - engine.now_ns

    effects = engine.step(
        BeatHeard(OTHER_LINK, newest(world, BETA)), world.nodes[BETA].instant(late_ns)
    )

    assert any(isinstance(each, SendEcho) for each in effects)


def test_that_a_link_works_is_taken_down(world: World) -> None:
    engine = world.engine(BETA)
    engine.peer.path_n[OTHER_LINK] -= 1

    now = world.nodes[BETA].instant(world.now_ns)
    engine.step(BeatHeard(OTHER_LINK, newest(world, BETA)), now)

    assert engine.peer.link_ns[OTHER_LINK] == engine.now_ns
