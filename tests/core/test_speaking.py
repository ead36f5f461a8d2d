"""When a node says what it says: both in one rhythm, and never less often than by its own clock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hafw.core import reload, speaking, takeover
from hafw.core.duties import NEVER
from hafw.core.effects import SendBeat, SendEcho
from hafw.core.liveness import SentLog
from hafw.core.model import REFLECTED_PATH, BeatHeard, Tick
from hafw.core.reflection import Echoes
from hafw.core.settings import MS
from hafw_sim.pairs import ALPHA, BETA, running_pair, settings_pair
from hafw_sim.world import World
from tests.core.beats import newest

if TYPE_CHECKING:
    from hafw.core.effects import Effect
    from hafw.core.engine import Engine
    from hafw.core.model import Event

LINK = 0


def interval_ns(engine: Engine) -> int:
    return reload.echo_interval_ns(engine)


def step(world: World, number: int, event: Event) -> list[Effect]:
    return world.engine(number).step(event, world.nodes[number].instant(world.now_ns))


def a_new_beat(world: World, number: int, path: int = LINK) -> BeatHeard:
    """The peer's next beat, as this node is about to hear it."""
    beat = newest(world, number)
    return BeatHeard(path, beat._replace(n=beat.n + 1))


def speaks(effects: list[Effect]) -> bool:
    """Whether it says what it says by its own clock: echoes are sent with nothing else."""
    return any(isinstance(each, SendEcho) for each in effects)


def due_in(world: World, number: int, after_ns: int) -> None:
    """Have the node's next beat come so long from now."""
    engine = world.engine(number)
    engine.next_echo_ns = world.nodes[number].instant(world.now_ns).boot_ns + after_ns


# --- the second node speaks along -------------------------------------------------------------


@pytest.mark.parametrize("path", [LINK, REFLECTED_PATH])
def test_what_the_second_node_would_say_soon_it_says_when_it_hears_the_first(path: int) -> None:
    world = running_pair()
    due_in(world, BETA, interval_ns(world.engine(BETA)) // 4)

    effects = step(world, BETA, a_new_beat(world, BETA, path))

    assert speaks(effects)
    assert sum(isinstance(each, SendBeat) and not each.beat.is_ack for each in effects) == 3


def test_what_it_would_say_later_it_does_not_say_yet() -> None:
    world = running_pair()
    due_in(world, BETA, interval_ns(world.engine(BETA)) // 4 + 1)

    assert not speaks(step(world, BETA, a_new_beat(world, BETA)))


def test_the_first_node_keeps_its_own_time() -> None:
    world = running_pair()
    due_in(world, ALPHA, 1)

    assert not speaks(step(world, ALPHA, a_new_beat(world, ALPHA)))


def test_what_was_heard_before_prompts_nobody() -> None:
    world = running_pair()
    due_in(world, BETA, 1)

    assert not speaks(step(world, BETA, BeatHeard(LINK, newest(world, BETA))))


def test_a_full_interval_follows_what_was_said_along() -> None:
    world = running_pair()
    due_in(world, BETA, MS)

    step(world, BETA, a_new_beat(world, BETA))

    beta = world.engine(BETA)
    assert beta.next_echo_ns == beta.now_ns + interval_ns(beta)


def test_the_first_node_speaks_oftener_than_the_second_would() -> None:
    world = running_pair()
    for number in (ALPHA, BETA):
        due_in(world, number, 0)
        step(world, number, Tick())

    alpha, beta = world.engine(ALPHA), world.engine(BETA)

    assert alpha.next_echo_ns - alpha.now_ns == interval_ns(alpha) - interval_ns(alpha) // 16
    assert beta.next_echo_ns - beta.now_ns == interval_ns(beta)


def test_who_was_held_up_keeps_its_rhythm_up_to_half_an_interval() -> None:
    world = running_pair()
    beta = world.engine(BETA)
    half_ns = interval_ns(beta) // 2

    due_in(world, BETA, half_ns + 1 - interval_ns(beta))
    step(world, BETA, Tick())
    assert beta.next_echo_ns == beta.now_ns + half_ns + 1

    due_in(world, BETA, half_ns - interval_ns(beta))
    step(world, BETA, Tick())
    assert beta.next_echo_ns == beta.now_ns + interval_ns(beta)


def test_without_one_rhythm_each_keeps_its_own_time() -> None:
    world = running_pair()
    for number in (ALPHA, BETA):
        engine = world.engine(number)
        engine.settings = replace(engine.settings, one_rhythm=False)
        due_in(world, number, 0)
        step(world, number, Tick())

        assert engine.next_echo_ns - engine.now_ns == interval_ns(engine)

    due_in(world, BETA, 1)
    assert not speaks(step(world, BETA, a_new_beat(world, BETA)))


# --- what goes along --------------------------------------------------------------------------


def by_links(effects: list[Effect]) -> list[int]:
    """By which links a beat goes out."""
    beats = [each for each in effects if isinstance(each, SendBeat) and not each.beat.is_ack]
    return [each.path for each in beats if each.path != REFLECTED_PATH]


def links_due_in(world: World, number: int, after_ns: int) -> None:
    """Have the time of the node's links come so long from now."""
    engine = world.engine(number)
    engine.next_link_ns = world.nodes[number].instant(world.now_ns).boot_ns + after_ns


def test_the_links_go_along_with_the_last_echo_before_their_time() -> None:
    world = running_pair()
    beta = world.engine(BETA)
    due_in(world, BETA, 0)
    links_due_in(world, BETA, interval_ns(beta) - 1)

    assert by_links(step(world, BETA, Tick())) == [0, 1]
    assert beta.next_link_ns == beta.now_ns + reload.link_interval_ns(beta)


def test_an_echo_that_comes_no_later_than_the_links_leaves_them_to_the_next() -> None:
    world = running_pair()
    beta = world.engine(BETA)
    due_in(world, BETA, 0)
    links_due_in(world, BETA, interval_ns(beta))

    effects = step(world, BETA, Tick())

    assert speaks(effects)
    assert by_links(effects) == []


def test_news_goes_by_every_link_and_moves_nobodys_time() -> None:
    world = running_pair()
    beta = world.engine(BETA)
    due_in(world, BETA, MS)
    links_due_in(world, BETA, MS)
    times = beta.next_echo_ns, beta.next_link_ns
    beta.news = True

    effects = step(world, BETA, Tick())

    assert by_links(effects) == [0, 1]
    assert not speaks(effects)
    assert (beta.next_echo_ns, beta.next_link_ns) == times


@pytest.mark.parametrize("too_old_ns", [0, 1])
def test_when_a_beat_was_sent_is_known_for_two_deadtimes(too_old_ns: int) -> None:
    world = running_pair()
    beta = world.engine(BETA)
    due_in(world, BETA, 0)
    then_ns = beta.next_echo_ns - 2 * beta.settings.timing.deadtime_ns - too_old_ns
    beta.sent = SentLog()
    beta.sent.record(then_ns, then_ns)

    step(world, BETA, Tick())

    assert beta.sent.sent_ns(1) == (NEVER if too_old_ns else then_ns)


@pytest.mark.parametrize("too_old_ns", [0, 1])
def test_an_echo_is_known_for_two_of_a_takers_longest_waits(too_old_ns: int) -> None:
    world = running_pair()
    beta = world.engine(BETA)
    due_in(world, BETA, 0)
    then_ns = beta.next_echo_ns - 2 * takeover.longest_wait_ns(beta) - too_old_ns
    beta.echoes[0] = Echoes()
    beta.echoes[0].send(1, then_ns, then_ns)

    step(world, BETA, Tick())

    assert beta.echoes[0].answer(1) is not bool(too_old_ns)


# --- what is said -----------------------------------------------------------------------------


@pytest.mark.parametrize("up", [(), (0,), (1,), (0, 1), (0, 2)])
def test_a_beat_tells_which_links_are_heard(up: tuple[int, ...]) -> None:
    beta = running_pair().engine(BETA)
    beta.settings = replace(beta.settings, links=3)
    beta.peer.link_ns = [beta.now_ns if link in up else NEVER for link in range(3)]

    assert speaking.beat(1, beta, is_ack=False).heard == sum(1 << link for link in up)


# --- together ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_ppm", [-10_000, 0, 10_000])
@pytest.mark.parametrize("eighths", range(8))
def test_wherever_they_began_both_speak_at_once_before_long(eighths: int, rate_ppm: int) -> None:
    world = World(settings_pair(), seed=0)
    world.nodes[BETA].rate_ppm = rate_ppm
    world.boot(ALPHA)
    world.boot(BETA)
    world.run(2)
    beta = world.engine(BETA)
    beta.next_echo_ns += eighths * interval_ns(beta) // 8

    world.run(20)

    for _ in range(10):
        world.run(0.5)
        assert abs(spoke_ns(world, ALPHA) - spoke_ns(world, BETA)) < 5 * MS


def spoke_ns(world: World, number: int) -> int:
    """When the node spoke last, in the time of the world."""
    sent = world.engine(number).sent
    return world.nodes[number].world_ns(sent.sent_ns(sent.newest_n))
