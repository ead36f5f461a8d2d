"""What a node does with its groups when its agent is asked to stop, and when it may go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.core import maintenance, operator
from hafw.core.effects import Answer, Exit
from hafw.core.model import Ask, OperatorAsked, Phase, Verb
from hafw.core.operator import LINGER_NS
from hafw.core.states import State
from hafw_sim.pairs import ALPHA, BETA
from tests.core.givers import old_news, pair, say, unheld
from tests.core.lessees import leased
from tests.core.takers import dead

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.core.engine import Engine
    from hafw.core.group import Group

STOP = OperatorAsked(1, Verb.STOP)


def stop(engine: Engine) -> None:
    operator.asked(STOP, engine)


def left(engine: Engine) -> str | None:
    """What a person is told who asked for the stop; None: not yet."""
    engine._effects = []
    operator.run(engine)
    answers = [effect.text for effect in engine._effects if isinstance(effect, Answer)]
    assert any(isinstance(effect, Exit) for effect in engine._effects) is bool(answers)
    return answers[0] if answers else None


def offering() -> tuple[Group, Engine]:
    """A stopping node that let the group go and offers it."""
    group, engine = unheld()
    stop(engine)
    group.offer_no = 1
    return group, engine


# --- what becomes of the groups -------------------------------------------------------------------


def test_the_other_node_is_asked_to_take_what_runs_here_and_until_then_it_runs() -> None:
    group, engine = pair(ALPHA)

    stop(engine)

    assert group.ask is Ask.TAKE_IT
    assert left(engine) is None
    assert group.state is State.ACTIVE


def test_a_hand_over_that_is_under_way_is_not_begun_again() -> None:
    group, engine = pair(ALPHA)
    group.ask, group.ask_no = Ask.TAKE_IT, 7

    stop(engine)

    assert group.ask_no == 7


@pytest.mark.parametrize(
    "spoil",
    [lambda group, engine: say(group, engine, ready=False), lambda _, engine: old_news(engine)],
    ids=["it is not ready", "it may not hear this one"],
)
def test_what_the_other_node_cannot_take_is_stopped_and_offered(
    spoil: Callable[[Group, Engine], object],
) -> None:
    group, engine = pair(ALPHA)
    spoil(group, engine)

    stop(engine)

    assert group.state is State.STOPPING
    assert group.surrender


def test_in_maintenance_it_is_stopped_and_not_offered() -> None:
    group, engine = pair(ALPHA)
    maintenance.order(engine, on=True, for_ms=0)

    stop(engine)

    assert group.state is State.STOPPING
    assert not group.surrender


def test_what_is_starting_here_is_stopped_and_offered() -> None:
    group, engine = unheld()
    group.state, group.phase = State.STARTING, Phase.STARTING

    stop(engine)

    assert group.state is State.STOPPING
    assert group.surrender


def test_what_the_other_node_refused_after_all_is_stopped_and_offered() -> None:
    group, engine = pair(ALPHA)
    stop(engine)
    group.ask = Ask.NOTHING

    assert left(engine) is None
    assert group.state is State.STOPPING
    assert group.surrender


def test_nothing_is_offered_that_is_not_held() -> None:
    group, engine = unheld()

    stop(engine)

    assert not group.surrender
    assert group.state is State.STANDBY


# --- when it may go -------------------------------------------------------------------------------


def test_it_goes_when_nothing_is_held_and_nothing_is_offered() -> None:
    _, engine = unheld()
    stop(engine)

    assert left(engine) == "stopped; everything was released"


def test_it_lingers_until_the_other_node_has_taken_what_is_offered() -> None:
    group, engine = offering()

    assert left(engine) is None
    group.offer_no = 0
    assert left(engine) is not None


def test_it_lingers_no_longer_than_a_second() -> None:
    _, engine = offering()

    engine.now_ns += LINGER_NS - 1
    assert left(engine) is None
    engine.now_ns += 1
    assert left(engine) is not None


def test_the_second_is_counted_from_when_nothing_was_held_any_more() -> None:
    group, engine = offering()
    group.state, group.phase = State.STOPPING, Phase.STOPPING

    engine.now_ns += LINGER_NS
    assert left(engine) is None
    group.state, group.phase = State.STANDBY, Phase.CLEAR
    engine.now_ns += LINGER_NS - 1

    assert left(engine) is None


def test_it_wakes_up_when_the_second_is_over_and_not_once_more() -> None:
    _, engine = offering()
    over_ns = engine.leaving_ns + LINGER_NS

    assert operator.next_ns(engine) == over_ns
    engine.now_ns = over_ns

    assert operator.next_ns(engine) > over_ns


def test_a_stop_that_takes_too_long_ends_the_agent_all_the_same() -> None:
    group, engine = offering()
    group.state, group.phase = State.STOPPING, Phase.STOPPING
    (request,) = engine.requests

    engine.now_ns = request.deadline_ns

    assert left(engine) == "not finished in time; hafw status shows where it stands"


def test_it_does_not_linger_for_a_dead_peer() -> None:
    group, engine = dead()
    stop(engine)
    group.offer_no = 1

    assert left(engine) is not None


def test_it_lingers_until_the_lease_is_given_back() -> None:
    _, group, lease, engine = leased(ALPHA)
    group.state, group.phase = State.STANDBY, Phase.CLEAR
    stop(engine)

    assert left(engine) is None
    assert lease.seen is not None
    assert lease.seen.record is not None
    lease.seen = lease.seen._replace(record=lease.seen.record._replace(holder=BETA))
    assert left(engine) is not None


def test_a_person_is_told_that_in_maintenance_it_waits_for_this_node() -> None:
    _, engine = unheld()
    maintenance.order(engine, on=True, for_ms=0)
    stop(engine)

    assert left(engine) == (
        "stopped; everything was released, "
        "and waits for this node: in maintenance nothing moves by itself"
    )
