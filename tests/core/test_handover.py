"""What is asked of a node that should take or give a group, and what it answers."""

from __future__ import annotations

import pytest

from hafw.core import fitness, handover
from hafw.core.duties import FOREVER, Certificate
from hafw.core.handover import (
    AGREE_NS,
    FAILBACK_WINDOW_NS,
    FAILBACKS_MAX,
    OFFER_NS,
    REFUSALS,
)
from hafw.core.liveness import PeerState
from hafw.core.model import Ask, Persisted, Phase, Refusal
from hafw.core.states import State
from hafw_sim.pairs import ALPHA, BETA, running_pair
from hafw_sim.stories.reloading import SLOW, reload
from tests.core.givers import (
    DEADTIME_NS,
    answer,
    pair,
    parts,
    say,
    unheld,
)

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

    assert handover.obstacle(group, Ask.GIVE_IT, engine) == fitness.why_unwilling(group, engine)


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


# --- asking -----------------------------------------------------------------------------------


def test_a_request_has_a_new_number_a_reason_and_a_deadline() -> None:
    group, engine = pair(ALPHA)
    group.ask_failed = "by a test"
    before = group.ask_no

    handover.give(group, "by a test", engine)

    assert (group.ask, group.ask_no, group.ask_why) == (Ask.TAKE_IT, before + 1, "by a test")
    assert group.ask_failed == ""
    assert group.ask_deadline_ns == engine.now_ns + AGREE_NS
    assert engine.news


def test_who_asks_for_a_group_is_prepared_to_start_it() -> None:
    group, engine = pair(BETA)
    group.intent = None

    handover.pull(group, "by a test", engine)

    assert group.ask is Ask.GIVE_IT
    assert group.intent == (engine.next_epoch(group), Certificate.RELEASED)


@pytest.mark.parametrize(("left_ns", "asks"), [(1, True), (0, False)])
def test_without_an_agreement_in_time_nothing_is_moved(left_ns: int, *, asks: bool) -> None:
    group, engine = pair(ALPHA)
    handover.give(group, "by a test", engine)
    group.ask_deadline_ns = engine.now_ns + left_ns

    handover.run(group, engine)

    assert (group.ask is Ask.TAKE_IT) is asks
    assert (group.ask_failed == "no agreement in time") is not asks
    assert group.state is State.ACTIVE


def test_what_a_silent_node_was_asked_for_is_cancelled() -> None:
    group, engine = pair(ALPHA)
    handover.give(group, "by a test", engine)
    engine.peer.state = PeerState.DEAD
    group.ping_fewer_ns = group.failback_seen_ns = engine.now_ns

    handover.run(group, engine)

    assert (group.ask, group.ask_failed) == (Ask.NOTHING, "the other node is silent")
    assert group.ping_fewer_ns == group.failback_seen_ns == FOREVER


def test_what_was_cancelled_is_not_asked_again_by_itself_before_a_deadtime() -> None:
    group, engine = pair(ALPHA)
    group.service_up = False  # a reason to give it away
    handover._cancel_ask(group, "by a test", engine)

    handover.run(group, engine)

    assert group.ask is Ask.NOTHING
    assert group.ask_deadline_ns == engine.now_ns + DEADTIME_NS


@pytest.mark.parametrize(("left_ns", "asks"), [(1, False), (0, True)])
def test_after_the_pause_it_is_asked_again(left_ns: int, *, asks: bool) -> None:
    group, engine = pair(ALPHA)
    group.service_up = False
    group.ask_deadline_ns = engine.now_ns + left_ns

    handover.run(group, engine)

    assert (group.ask is Ask.TAKE_IT) is asks


@pytest.mark.parametrize("refusal", list(REFUSALS))
def test_a_refusal_cancels_and_says_why(refusal: Refusal) -> None:
    group, engine = pair(ALPHA)
    handover.give(group, "by a test", engine)
    say(group, engine, reply_no=group.ask_no, refusal=refusal)

    handover.run(group, engine)

    assert (group.ask, group.ask_failed) == (Ask.NOTHING, REFUSALS[refusal])
    assert group.state is State.ACTIVE


@pytest.mark.parametrize("later", [-1, 1])
def test_an_answer_to_another_request_is_no_answer(later: int) -> None:
    group, engine = pair(ALPHA)
    group.ask_no = 5
    handover.give(group, "by a test", engine)
    say(group, engine, reply_no=group.ask_no + later)

    handover.run(group, engine)

    assert group.ask is Ask.TAKE_IT
    assert group.state is State.ACTIVE


def test_an_owner_stops_when_the_other_node_agrees_to_take_it() -> None:
    group, engine = pair(ALPHA)
    group.failback_due = True
    handover.give(group, "by a test", engine)
    say(group, engine, reply_no=group.ask_no)

    handover.run(group, engine)

    assert group.ask is Ask.NOTHING
    assert group.state is State.STOPPING
    assert group.surrender
    assert not group.failback_due
    assert "by a test" in group.stop_why


def test_an_agreement_about_what_was_let_go_meanwhile_gives_nothing_away_later() -> None:
    group, engine = pair(ALPHA)
    handover.give(group, "by a test", engine)
    group.state, group.phase = State.STANDBY, Phase.CLEAR
    say(group, engine, reply_no=group.ask_no)

    handover.run(group, engine)

    assert group.ask is Ask.NOTHING
    assert not group.surrender


def test_who_asked_for_a_group_stops_nothing_when_the_other_agrees() -> None:
    group, engine = pair(BETA)
    handover.pull(group, "by a test", engine)
    say(group, engine, reply_no=group.ask_no)

    handover.run(group, engine)

    assert (group.ask, group.ask_deadline_ns) == (Ask.NOTHING, engine.now_ns)
    assert group.state is State.STANDBY
    assert not group.surrender


def test_what_is_not_said_to_this_incarnation_is_neither_request_nor_answer() -> None:
    group, engine = pair(ALPHA)
    handover.give(group, "by a test", engine)
    say(group, engine, reply_no=group.ask_no, ask=Ask.GIVE_IT, ask_no=7)
    engine.incarnation += 1

    handover.run(group, engine)

    assert group.ask is Ask.TAKE_IT
    assert group.reply_no == 0


# --- answering --------------------------------------------------------------------------------


def test_a_request_is_answered_once() -> None:
    group, engine = pair(BETA)
    say(group, engine, ask=Ask.GIVE_IT, ask_no=7)

    handover.run(group, engine)
    first, engine.news = (group.reply_no, group.refusal, engine.news), False
    handover.run(group, engine)

    assert first == (7, Refusal.NOT_HELD, True)
    assert not engine.news


def test_without_a_request_nothing_is_answered() -> None:
    group, engine = pair(BETA)
    say(group, engine, ask=Ask.NOTHING, ask_no=7)

    handover.run(group, engine)

    assert group.reply_no == 0


def test_while_a_start_is_prepared_the_request_is_not_answered_yet() -> None:
    group, engine = pair(BETA)
    say(group, engine, ask=Ask.TAKE_IT, ask_no=7)

    handover.run(group, engine)
    before = group.reply_no
    engine._durable_token = group.intent_token
    handover.run(group, engine)

    assert (before, group.reply_no, group.refusal) == (0, 7, Refusal.NONE)


def test_an_owner_that_agrees_to_give_stops_and_offers() -> None:
    group, engine = pair(ALPHA)
    say(group, engine, ask=Ask.GIVE_IT, ask_no=7)

    handover.run(group, engine)

    assert (group.reply_no, group.refusal) == (7, Refusal.NONE)
    assert group.state is State.STOPPING
    assert group.surrender


def test_who_agrees_to_take_stops_and_offers_nothing() -> None:
    group, engine = pair(BETA)
    say(group, engine, ask=Ask.TAKE_IT, ask_no=7)
    handover.run(group, engine)
    engine._durable_token = group.intent_token

    handover.run(group, engine)

    assert group.offer_no == 0
    assert not group.surrender


def test_what_nobody_holds_is_offered_to_who_asks_for_it() -> None:
    group, engine = unheld()
    say(group, engine, ask=Ask.GIVE_IT, ask_no=7)

    handover.run(group, engine)

    assert group.offer_no > 0
    assert group.offer_deadline_ns == engine.now_ns + OFFER_NS


def test_an_offer_that_stands_is_not_made_anew() -> None:
    group, engine = unheld()
    handover.offer(group, engine)
    before = group.offer_no
    say(group, engine, ask=Ask.GIVE_IT, ask_no=7)

    handover.run(group, engine)

    assert group.offer_no == before
