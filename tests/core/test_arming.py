"""The handshake of `reflected`: who wants, who grants, who is armed, and who rests on what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.core import arming
from hafw.core.duties import NEVER
from hafw.core.settings import Classes
from hafw.core.states import State
from hafw_sim.pairs import ALPHA, BETA, running_pair

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import GroupBeat

WANT = 9
"""The number of an arming that the other node asks for."""


def reflected(number: int, classes: Classes = Classes.REFLECTED) -> tuple[Group, Engine]:
    """One node of a running pair in which alpha holds and beta is armed."""
    engine = running_pair(classes).engine(number)
    engine.news = False
    return engine.groups[1], engine


def word_of_peer(group: Group, engine: Engine, *, want: int = 0, grant: int = 0) -> GroupBeat:
    return engine.peer.groups[group.id]._replace(want=want, grant=grant)


def blind(engine: Engine) -> None:
    """The ping node no longer answers this node."""
    assert engine.reflector is not None
    engine.reflector._newest_answered[-1] = engine.now_ns - engine.settings.hold_ns


def unheard(engine: Engine) -> None:
    """The peer no longer shows that it hears this node."""
    engine.peer.heard_ns = engine.now_ns - engine.settings.hold_ns


# --- wanting ----------------------------------------------------------------------------------


def test_a_standby_that_sees_the_ping_node_and_is_granted_is_armed() -> None:
    group, _ = reflected(BETA)

    assert group.want_no > 0
    assert group.armed


@pytest.mark.parametrize("lost", ["ping node", "path", "standing by"])
def test_who_is_no_longer_fit_disarms_at_once(lost: str) -> None:
    group, engine = reflected(BETA)
    if lost == "ping node":
        blind(engine)
    elif lost == "path":
        engine.peer.reflected_ns = NEVER
    else:
        group.phase = reflected(ALPHA)[0].phase

    arming.update(group, engine)

    assert (group.want_no, group.armed) == (0, False)
    assert engine.news


def test_who_stays_fit_stays_armed_and_has_nothing_new_to_say() -> None:
    group, engine = reflected(BETA)
    before = group.want_no

    arming.update(group, engine)

    assert (group.want_no, group.armed) == (before, True)
    assert not engine.news


def test_an_answer_counts_for_wanting_until_h_after_its_echo_was_sent() -> None:
    group, engine = reflected(BETA)
    assert engine.reflector is not None
    engine.reflector._newest_answered[-1] = engine.now_ns - engine.settings.hold_ns + 1

    arming.update(group, engine)

    assert group.armed


def test_each_arming_has_a_new_number_and_needs_a_new_grant() -> None:
    group, engine = reflected(BETA)
    before = group.arming_no
    group.disarm()

    arming.update(group, engine)

    assert group.want_no == group.arming_no == before + 1
    assert not group.armed
    assert engine.news


def test_a_holder_does_not_arm() -> None:
    group, engine = reflected(ALPHA)

    arming.update(group, engine)

    assert group.want_no == 0
    assert not engine.news


def test_who_is_still_cleaning_up_does_not_arm() -> None:
    group, engine = reflected(BETA)
    group.disarm()
    group.state = State.CLEANING

    arming.update(group, engine)

    assert group.want_no == 0


@pytest.mark.parametrize("lacks", ["ping node", "class"])
def test_without_reflection_nothing_is_wanted_and_nothing_granted(lacks: str) -> None:
    group, engine = reflected(BETA)
    group.disarm()
    group.granted_no = 0
    if lacks == "ping node":
        engine.settings = running_pair(Classes.BEST_EFFORT).nodes[BETA].settings
    else:
        group.settings = running_pair(Classes.BEST_EFFORT).nodes[BETA].settings.groups[0]

    arming.update(group, engine)
    arming.heard(group, word_of_peer(group, engine, want=WANT), engine)

    assert (group.want_no, group.granted_no) == (0, 0)


# --- granting ---------------------------------------------------------------------------------


def test_a_grant_ends_the_right_to_rest_on_an_unarmed_peer() -> None:
    group, engine = reflected(ALPHA)
    group.unarmed, group.granted_no = True, 0

    arming.heard(group, word_of_peer(group, engine, want=WANT), engine)

    assert (group.granted_no, group.unarmed) == (WANT, False)
    assert engine.news


def test_a_grant_that_stands_is_no_news() -> None:
    group, engine = reflected(ALPHA)
    group.granted_no = WANT

    arming.heard(group, word_of_peer(group, engine, want=WANT), engine)

    assert group.granted_no == WANT
    assert not engine.news


@pytest.mark.parametrize("rests_on", ["echoes", "peer"])
def test_a_holder_that_rests_on_anything_else_grants(rests_on: str) -> None:
    group, engine = reflected(ALPHA)
    group.unarmed, group.granted_no = True, 0
    if rests_on == "echoes":
        unheard(engine)
    else:
        blind(engine)

    arming.heard(group, word_of_peer(group, engine, want=WANT), engine)

    assert (group.granted_no, group.unarmed) == (WANT, False)


def test_a_holder_that_rests_on_nothing_else_does_not_grant() -> None:
    group, engine = reflected(ALPHA)
    group.unarmed, group.granted_no = True, 0
    unheard(engine)
    blind(engine)

    arming.heard(group, word_of_peer(group, engine, want=WANT), engine)

    assert (group.granted_no, group.unarmed) == (0, True)


def test_who_holds_nothing_grants_without_resting_on_anything() -> None:
    group, engine = reflected(BETA)
    group.unarmed, group.granted_no = True, 0
    unheard(engine)
    blind(engine)

    arming.heard(group, word_of_peer(group, engine, want=WANT), engine)

    assert (group.granted_no, group.unarmed) == (WANT, False)


def test_a_peer_that_wants_nothing_is_unarmed_and_has_no_grant() -> None:
    group, engine = reflected(ALPHA)
    group.unarmed, group.granted_no = False, WANT

    arming.heard(group, word_of_peer(group, engine), engine)

    assert (group.granted_no, group.unarmed) == (0, True)


# --- being granted ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("want", "grant", "armed"),
    [(3, 3, True), (3, 2, False), (3, 4, False), (3, 0, False), (0, 0, False)],
)
def test_a_grant_counts_for_the_arming_that_it_names(want: int, grant: int, *, armed: bool) -> None:
    group, engine = reflected(BETA)
    group.want_no, group.armed = want, False

    arming.heard(group, word_of_peer(group, engine, grant=grant), engine)

    assert group.armed is armed


def test_a_grant_to_an_earlier_incarnation_counts_for_nothing() -> None:
    group, engine = reflected(BETA)
    group.armed = False
    engine.incarnation += 1

    arming.heard(group, word_of_peer(group, engine, grant=group.want_no), engine)

    assert not group.armed


# --- what silence tells a holder --------------------------------------------------------------


def silent() -> tuple[Group, Engine]:
    """Alpha holds; beta crashed longer ago than a deadtime, and the ping node answers."""
    world = running_pair()
    world.crash(BETA)
    world.run(9)
    engine = world.engine(ALPHA)
    group = engine.groups[1]
    while engine.peer.silence_ns(engine.now_ns) < engine.settings.timing.deadtime_ns:
        world.run(0.1)
    group.unarmed = False
    return group, engine


def test_the_silence_of_a_peer_that_would_be_heard_means_that_it_disarmed() -> None:
    group, engine = silent()

    arming.certainly_unarmed(group, engine)

    assert group.unarmed


def test_what_would_bind_the_peer_as_a_holder_does_not_matter_for_that() -> None:
    group, engine = silent()
    engine.peer.groups[1] = engine.peer.groups[1]._replace(binds=0)

    arming.certainly_unarmed(group, engine)

    assert group.unarmed


@pytest.mark.parametrize("lost", ["echoes", "path", "silence", "bound", "hold", "class"])
def test_silence_proves_nothing_without(lost: str) -> None:
    group, engine = silent()
    assert engine.reflector is not None
    if lost == "echoes":
        engine.reflector._answered.clear()
    elif lost == "path":
        engine.peer.reflected_ns = NEVER
    elif lost == "silence":
        engine.peer.gap_end_ns = engine.now_ns - engine.settings.timing.deadtime_ns + 1
    elif lost == "bound":
        engine.peer.groups[1] = engine.peer.groups[1]._replace(shut_ms=60_000)
    elif lost == "hold":
        group.phase = reflected(BETA)[0].phase
    else:
        group.settings = running_pair(Classes.BEST_EFFORT).nodes[ALPHA].settings.groups[0]

    arming.certainly_unarmed(group, engine)

    assert not group.unarmed
