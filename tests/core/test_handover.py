"""What a node answers when it is asked for a group, and when it gives one by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from hafw.core import handover
from hafw.core.duties import FOREVER
from hafw.core.handover import FAILBACK_WINDOW_NS, FAILBACKS_MAX
from hafw.core.model import Ask, Persisted, Phase, Refusal
from hafw.core.settings import SECOND
from hafw.core.states import State
from hafw_sim.pairs import ALPHA, BETA, running_pair
from hafw_sim.stories.reloading import SLOW, reload

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw_sim.world import World

DEADTIME_NS: Final = 10 * SECOND


def parts(world: World, number: int) -> tuple[Group, Engine]:
    """The engine of a node, and its first group."""
    engine = world.nodes[number].engine
    assert engine is not None
    return engine.groups[1], engine


def answer(world: World, number: int, ask: Ask) -> Refusal | None:
    """What a node says to such a request of the other; None: it prepares first."""
    group, engine = parts(world, number)
    word = engine.peer_word(group)
    assert word is not None
    return handover._answer_to(group, word._replace(ask=ask, ask_no=1), engine)


# --- answers ----------------------------------------------------------------------------------


def test_who_holds_a_group_does_not_take_it_once_more() -> None:
    assert answer(running_pair(), ALPHA, Ask.TAKE_IT) is Refusal.NOT_READY


def test_who_could_not_run_a_group_does_not_agree_to_take_it() -> None:
    world = running_pair()
    world.set_service(BETA, up=False)

    assert answer(world, BETA, Ask.TAKE_IT) is Refusal.NOT_READY


def test_who_takes_a_group_is_prepared_before_it_agrees() -> None:
    world = running_pair()
    group, _ = parts(world, BETA)

    first = answer(world, BETA, Ask.TAKE_IT)
    world.feed(world.nodes[BETA], Persisted(group.intent_token))

    assert first is None
    assert answer(world, BETA, Ask.TAKE_IT) is Refusal.NONE


@pytest.mark.parametrize("ask", [Ask.TAKE_IT, Ask.GIVE_IT])
def test_with_different_files_nothing_is_agreed(ask: Ask) -> None:
    world = running_pair()
    reload(world, ALPHA, SLOW)
    world.run(1)

    assert answer(world, BETA, ask) is Refusal.CONFIG_DRIFT


def test_an_owner_gives_what_it_is_asked_for() -> None:
    assert answer(running_pair(), ALPHA, Ask.GIVE_IT) is Refusal.NONE


def test_who_has_not_got_a_group_cannot_give_it() -> None:
    assert answer(running_pair(), BETA, Ask.GIVE_IT) is Refusal.NOT_HELD


@pytest.mark.parametrize("state", [State.STARTING, State.STOPPING])
def test_who_starts_or_stops_a_group_is_busy(state: State) -> None:
    world = running_pair()
    group, _ = parts(world, ALPHA)
    group.state = state

    assert answer(world, ALPHA, Ask.GIVE_IT) is Refusal.BUSY


def test_of_two_that_hold_nothing_the_preferred_one_may_give() -> None:
    world = running_pair()
    for number in (ALPHA, BETA):
        group, _ = parts(world, number)
        group.state, group.phase = State.STANDBY, Phase.CLEAR

    assert answer(world, ALPHA, Ask.GIVE_IT) is Refusal.NONE
    assert answer(world, BETA, Ask.GIVE_IT) is Refusal.NOT_HELD


# --- obstacles --------------------------------------------------------------------------------


def test_nothing_hinders_a_hand_over_between_nodes_that_are_well() -> None:
    world = running_pair()

    assert handover.obstacle(parts(world, ALPHA)[0], Ask.TAKE_IT, parts(world, ALPHA)[1]) is None
    assert handover.obstacle(parts(world, BETA)[0], Ask.GIVE_IT, parts(world, BETA)[1]) is None


def test_who_could_not_run_a_group_does_not_ask_for_it() -> None:
    world = running_pair()
    world.set_service(BETA, up=False)
    group, engine = parts(world, BETA)

    assert handover.obstacle(group, Ask.GIVE_IT, engine) == engine.why_unwilling(group)


def test_a_node_that_is_cut_off_is_not_asked() -> None:
    world = running_pair()
    world.net.cut_links()
    world.net.cut_ping(BETA)
    world.run(6)
    group, engine = parts(world, ALPHA)

    assert engine.peer_word(group) is not None  # not dead yet, but what it said is old
    assert handover.obstacle(group, Ask.TAKE_IT, engine) is not None


# --- failback ---------------------------------------------------------------------------------


@pytest.mark.parametrize("failbacks", range(FAILBACKS_MAX))
def test_the_hold_down_before_a_failback_doubles_with_each_in_the_last_hour(
    failbacks: int,
) -> None:
    group, engine = parts(running_pair(), ALPHA)
    group.failback_seen_ns = engine.now_ns
    within = (engine.now_ns - FAILBACK_WINDOW_NS + 1,) * failbacks
    before = (engine.now_ns - FAILBACK_WINDOW_NS,) * 2

    group.failbacks = (*before, *within)

    assert handover.failback_ns(group, engine) == engine.now_ns + (DEADTIME_NS << failbacks)


def test_without_a_preferred_node_that_is_back_no_failback_is_due() -> None:
    group, engine = parts(running_pair(), ALPHA)

    assert handover.failback_ns(group, engine) == FOREVER
