"""What a person who typed a command is answered, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.core import maintenance, operator
from hafw.core.effects import Answer, Exit
from hafw.core.handover import AGREE_NS
from hafw.core.model import Ask, OperatorAsked, Phase, Verb
from hafw.core.operator import DEGRADED, OK, REFUSED, UNKNOWN
from hafw.core.states import State
from hafw_sim.pairs import ALPHA, BETA, running_pair
from tests.core.givers import pair, say

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group


def ask(engine: Engine, verb: Verb, **more: object) -> None:
    operator.asked(OperatorAsked(1, verb, **more), engine)  # type: ignore[arg-type]


def answers(engine: Engine) -> list[tuple[int, str]]:
    """What people were answered by now."""
    operator.run(engine)
    told = [(each.code, each.text) for each in engine._effects if isinstance(each, Answer)]
    engine._effects = []
    return told


def alone(number: int = ALPHA) -> tuple[Group, Engine]:
    """A node whose peer is silent."""
    world = running_pair()
    world.crash(1 - number)
    world.run(12)
    engine = world.engine(number)
    engine._effects = []
    assert not engine.peer.alive()
    return engine.groups[1], engine


# --- standby --------------------------------------------------------------------------------------


def test_a_node_that_is_alone_is_not_made_standby_by_a_slip() -> None:
    group, engine = alone()

    ask(engine, Verb.STANDBY)

    text = "the other node is silent, nobody could take over; --force releases anyway"
    assert answers(engine) == [(REFUSED, text)]
    assert group.state is State.ACTIVE


def test_a_node_that_is_alone_is_made_standby_by_force_and_stays_so() -> None:
    group, engine = alone()

    ask(engine, Verb.STANDBY, force=True)

    assert group.state is State.STOPPING
    assert group.held_off
    assert answers(engine) == []


def test_what_is_released_while_the_other_node_is_silent_is_with_nobody() -> None:
    group, engine = alone()
    ask(engine, Verb.STANDBY, force=True)

    group.state, group.phase = State.STANDBY, Phase.CLEAR

    assert answers(engine) == [(OK, "group 1 released; nobody is known to hold it")]


@pytest.mark.parametrize("phase", [Phase.CLEAR, Phase.STARTING])
def test_a_group_is_not_there_before_the_other_node_says_that_it_runs(phase: Phase) -> None:
    group, engine = pair(ALPHA)
    ask(engine, Verb.STANDBY)
    group.ask = Ask.NOTHING
    group.state, group.phase = State.STANDBY, Phase.CLEAR

    say(group, engine, phase=phase)
    assert answers(engine) == []
    say(group, engine, phase=Phase.ACTIVE)

    assert answers(engine) == [(OK, "group 1 now on beta")]


# --- takeover and failback ------------------------------------------------------------------------


def test_a_group_is_here_when_it_runs_here() -> None:
    group, engine = pair(BETA)
    ask(engine, Verb.TAKEOVER)
    group.ask = Ask.NOTHING
    group.state, group.phase = State.STARTING, Phase.STARTING

    assert answers(engine) == []
    group.state, group.phase = State.ACTIVE, Phase.ACTIVE

    assert answers(engine) == [(OK, "group 1 now on beta")]


def test_several_groups_that_arrive_at_one_node_are_told_of_together() -> None:
    engine = running_pair(groups=3).engine(BETA)
    engine._effects = []
    ask(engine, Verb.TAKEOVER)

    for group in engine.groups.values():
        group.ask = Ask.NOTHING
        group.state, group.phase = State.ACTIVE, Phase.ACTIVE

    assert answers(engine) == [(OK, "group 1, 3 now on beta")]


@pytest.mark.parametrize(
    ("number", "verb", "text"),
    [
        (BETA, Verb.STANDBY, "nothing was held here"),
        (ALPHA, Verb.TAKEOVER, "already here"),
        (ALPHA, Verb.FAILBACK, "every group is where it prefers to be"),
    ],
)
def test_a_command_that_has_nothing_to_do_says_so(number: int, verb: Verb, text: str) -> None:
    _, engine = pair(number)

    ask(engine, verb)

    assert answers(engine) == [(OK, text)]


def test_a_refusal_of_the_other_node_is_the_answer() -> None:
    group, engine = pair(BETA)
    ask(engine, Verb.TAKEOVER)
    group.ask, group.ask_failed = Ask.NOTHING, "the other node is not ready to run it"

    assert answers(engine) == [(REFUSED, "group 1: the other node is not ready to run it")]
    assert group.ask_failed == ""


@pytest.mark.parametrize(
    "under_way", [{"ask": Ask.GIVE_IT}, {"offer_no": 3}], ids=["it asks again", "it is offered"]
)
def test_a_refusal_is_no_answer_while_something_is_under_way(under_way: dict[str, int]) -> None:
    group, engine = pair(BETA)
    ask(engine, Verb.TAKEOVER)
    group.ask, group.ask_failed = Ask.NOTHING, "not yet"
    for name, value in under_way.items():
        setattr(group, name, value)

    assert answers(engine) == []


def test_a_command_may_take_what_agreeing_stopping_and_starting_may() -> None:
    group, engine = pair(BETA)

    ask(engine, Verb.TAKEOVER)

    moving_ns = group.settings.stop_budget_ns + group.settings.start_budget_ns
    assert operator.next_ns(engine) == engine.now_ns + AGREE_NS + moving_ns


def test_a_command_that_takes_too_long_is_answered_at_its_deadline() -> None:
    _, engine = pair(BETA)
    ask(engine, Verb.TAKEOVER)
    deadline_ns = operator.next_ns(engine)

    engine.now_ns = deadline_ns - 1
    assert answers(engine) == []
    engine.now_ns = deadline_ns

    assert answers(engine) == [(UNKNOWN, "not finished in time; hafw status shows where it stands")]
    assert engine.requests == []


def test_a_command_that_takes_too_long_ends_no_agent() -> None:
    _, engine = pair(BETA)
    ask(engine, Verb.TAKEOVER)
    engine.now_ns = operator.next_ns(engine)
    engine._effects = []

    operator.run(engine)

    assert not any(isinstance(effect, Exit) for effect in engine._effects)


# --- release --------------------------------------------------------------------------------------


def test_a_release_is_over_when_nothing_is_held_and_keeps_it_so() -> None:
    group, engine = pair(ALPHA)
    ask(engine, Verb.RELEASE)

    assert answers(engine) == []
    group.state, group.phase = State.STANDBY, Phase.CLEAR

    assert answers(engine) == [(OK, "released: nothing is held here")]
    assert group.held_off


# --- maintenance ----------------------------------------------------------------------------------


def test_maintenance_is_refused_while_the_other_agent_does_not_know_it() -> None:
    _, engine = pair(ALPHA)
    assert engine.peer.beat is not None
    engine.peer.beat = engine.peer.beat._replace(maintenance=None)

    ask(engine, Verb.MAINTENANCE_ON)

    text = "the agent on beta is too old to know maintenance: upgrade it first"
    assert answers(engine) == [(REFUSED, text)]


@pytest.mark.parametrize(
    ("verb", "now", "other"),
    [
        (Verb.MAINTENANCE_ON, "on", "if it were off"),
        (Verb.MAINTENANCE_OFF, "off", "in maintenance"),
    ],
)
def test_maintenance_at_a_node_that_is_alone_holds_there_only(
    verb: Verb, now: str, other: str
) -> None:
    _, engine = alone()
    ask(engine, verb)

    assert answers(engine) == []  # not on disk yet
    engine.maintenance.said = engine.maintenance.word

    text = (
        f"maintenance is {now} here; beta is silent and hears of it when it is back, "
        f"so until then it may act as {other}"
    )
    assert answers(engine) == [(DEGRADED, text)]


def test_maintenance_is_on_when_both_nodes_know_it() -> None:
    _, engine = pair(ALPHA)
    ask(engine, Verb.MAINTENANCE_ON)
    engine.maintenance.said = engine.maintenance.word
    assert answers(engine) == []

    assert engine.peer.beat is not None
    engine.peer.beat = engine.peer.beat._replace(maintenance=engine.maintenance.word)

    assert answers(engine) == [(OK, "maintenance is on, on both nodes")]


def test_who_was_overruled_is_told_so() -> None:
    _, engine = pair(ALPHA)
    ask(engine, Verb.MAINTENANCE_ON)
    maintenance.order(engine, on=False, for_ms=0)
    engine.maintenance.said = engine.maintenance.word
    assert engine.peer.beat is not None
    engine.peer.beat = engine.peer.beat._replace(maintenance=engine.maintenance.word)

    assert answers(engine) == [
        (
            REFUSED,
            "maintenance is off: it was ordered otherwise at the same time, or is over already",
        )
    ]
