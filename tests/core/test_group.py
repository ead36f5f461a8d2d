"""What the machine of one group makes of what happens to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hafw.core import announcing, maintenance
from hafw.core.duties import FOREVER, NEVER, Certificate
from hafw.core.effects import StartOp
from hafw.core.group import PROVES_UNARMED, START_HOLD_DOWN_NS, STOP_RETRY_NS, Group
from hafw.core.model import Op, OpEnded, OpKind, Outcome, Phase
from hafw.core.settings import SECOND
from hafw.core.states import State
from hafw_sim.pairs import ALPHA, settings_pair
from tests.core.givers import noted, pair, unheld

if TYPE_CHECKING:
    from hafw.core.engine import Engine


def ordered(engine: Engine) -> list[tuple[OpKind, int]]:
    """What the worker is to do, and with which resource."""
    ops = [effect.op for effect in engine._effects if isinstance(effect, StartOp)]
    return [(op.kind, op.index) for op in ops]


def probing(group: Group, engine: Engine) -> Op:
    """A probe of the address that began just now."""
    budget_ns = engine.probe_budget_ns
    op = engine.new_op(OpKind.PROBE, group.id, 0, group.epoch, budget_ns)
    group.probe = op
    return op


def three(*, starting: bool = False) -> tuple[Group, Engine]:
    """A group of three resources that runs here, or whose second one is being started."""
    group, engine = pair(ALPHA)
    group.settings = replace(group.settings, vips=(True, True, False))
    if starting:
        group.state, group.phase, group.index = State.STARTING, Phase.STARTING, 1
        group._order(OpKind.START, SECOND, engine)
        engine._effects = []
    return group, engine


def end(group: Group, engine: Engine, outcome: Outcome = Outcome.OK) -> None:
    """What was ordered last ends like this."""
    assert group.op is not None
    engine._effects = []
    group.op_ended(OpEnded(group.op.id, outcome, "no answer"), engine)


def starting(certificate: Certificate = Certificate.RELEASED) -> tuple[Group, Engine]:
    """A group that is about to start here, after much that has been."""
    group, engine = unheld()
    group.blocked_why = "nothing proved it"
    group.held_off = group.vouched = True
    group.quarantine_ns = group.offer_deadline_ns = engine.now_ns
    group.offer_no, group.want_no, group.armed = 3, 4, True
    group.unarmed = False
    group.index, group.announced, group.gate_ns = 7, 5, engine.now_ns
    group.intent, group.intent_token = (group.epoch + 2, certificate), engine._durable_token
    engine._effects = []
    return group, engine


def test_a_group_begins_with_cleaning_up_and_knows_of_nothing_else() -> None:
    settings, _ = settings_pair()

    group = Group(settings.groups[0], epoch=7, now_ns=5)

    assert (group.state, group.phase, group.since_ns) == (State.CLEANING, Phase.STOPPING, 5)
    assert (group.epoch, group.held_epoch, group.certificate) == (7, 0, None)
    assert (group.arming_no, group.want_no, group.granted_no) == (0, 0, 0)
    assert (group.armed, group.unarmed, group.from_peer) == (False, False, False)
    assert (group.offer_no, group.ask_no, group.reply_no) == (0, 0, 0)
    assert (group.failures, group.announced, group.intent_token) == (0, 0, 0)
    assert (group.stop_why, group.blocked_why) == ("", "")
    assert group.gate_ns == group.quarantine_ns == group.unwilling_ns == NEVER


# --- the beginning of a start ---------------------------------------------------------------------


def test_a_start_is_under_the_epoch_and_the_certificate_of_its_intent() -> None:
    group, engine = starting()
    epoch = group.epoch + 2

    group.start(Certificate.RELEASED, engine)

    assert (group.state, group.epoch, group.held_epoch) == (State.STARTING, epoch, epoch)
    assert group.certificate is Certificate.RELEASED
    assert group.intent is None
    assert maintenance.last_holder(group, engine) == epoch % 2


def test_what_stood_in_the_way_of_a_start_is_over() -> None:
    group, engine = starting()

    group.start(Certificate.RELEASED, engine)

    assert group.blocked_why == ""
    assert (group.held_off, group.vouched, group.quarantine_ns) == (False, False, NEVER)
    assert (group.offer_no, group.offer_deadline_ns) == (0, NEVER)


def test_a_start_begins_with_the_first_resource_a_shut_gate_and_unarmed() -> None:
    group, engine = starting()

    group.start(Certificate.RELEASED, engine)

    assert ordered(engine) == [(OpKind.START, 0)]
    assert (group.announced, group.gate_ns) == (0, NEVER)
    assert (group.want_no, group.armed) == (0, False)


@pytest.mark.parametrize("certificate", Certificate)
def test_what_shows_the_other_node_unarmed_is_known_from_the_start(
    certificate: Certificate,
) -> None:
    group, engine = starting(certificate)

    group.start(certificate, engine)

    assert group.unarmed is (certificate in PROVES_UNARMED)


def test_what_was_known_to_be_unarmed_stays_so() -> None:
    group, engine = starting(Certificate.LEASED)
    group.unarmed = True

    group.start(Certificate.LEASED, engine)

    assert group.unarmed


# --- start and stop -------------------------------------------------------------------------------


def test_resources_are_started_one_after_the_other() -> None:
    group, engine = three(starting=True)

    end(group, engine)
    assert ordered(engine) == [(OpKind.START, 2)]
    end(group, engine)

    assert group.state is State.ACTIVE


def test_resources_are_stopped_in_reverse_each_once_the_one_before_is_confirmed() -> None:
    group, engine = three()
    stopped = []

    group.let_go("it is told to", engine)
    while group.op is not None:
        stopped += ordered(engine)
        end(group, engine)

    assert stopped == [(OpKind.STOP, 2), (OpKind.STOP, 1), (OpKind.STOP, 0)]
    assert group.state is State.STANDBY


def test_no_stop_overtakes_a_start_that_is_in_flight() -> None:
    """It would leave behind what the start does after it."""
    group, engine = three(starting=True)

    group.let_go("it is told to", engine)
    assert group.state is State.STOPPING
    assert ordered(engine) == []
    end(group, engine)

    assert ordered(engine) == [(OpKind.STOP, 2)]


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.FAILED_NO_EFFECT])
def test_a_stop_that_is_not_confirmed_is_tried_again_a_second_later(outcome: Outcome) -> None:
    group, engine = three()
    group.let_go("it is told to", engine)
    end(group, engine, outcome)
    engine._effects = []

    assert group.next_ns(engine) == engine.now_ns + STOP_RETRY_NS
    engine.now_ns += STOP_RETRY_NS - 1
    group.run(engine)
    assert ordered(engine) == []
    engine.now_ns += 1
    group.run(engine)

    assert ordered(engine) == [(OpKind.STOP, 2)]
    assert group.held


def test_a_start_that_fails_is_undone_and_not_tried_again_at_once() -> None:
    group, engine = three(starting=True)

    end(group, engine, Outcome.FAILED_NO_EFFECT)

    assert ordered(engine) == [(OpKind.STOP, 2)]
    assert group.unwilling_ns == engine.now_ns + START_HOLD_DOWN_NS
    assert group.ask_failed == "start failed: no answer"


def test_the_pause_after_failed_starts_doubles_to_two_minutes() -> None:
    group, _ = three()
    pauses = []

    for group.failures in (1, 2, 3, 8, 9, 100):
        pauses.append(group.hold_down_ns() // SECOND)

    assert pauses == [1, 2, 4, 128, 128, 128]


# --- cleaning up ----------------------------------------------------------------------------------


def cleaning() -> tuple[Group, Engine]:
    """A group of three resources of which this start of the agent knows nothing yet."""
    held, engine = three()
    group = Group(held.settings, held.epoch, engine.now_ns)
    group.stop_why = "of an earlier time"
    return group, engine


def test_who_waits_for_its_worker_to_clean_up_wakes_up_for_nothing() -> None:
    group, engine = cleaning()

    assert group.next_ns(engine) == FOREVER


def test_what_an_earlier_agent_may_have_left_is_cleaned_up_in_reverse() -> None:
    group, engine = cleaning()
    cleaned = []

    group.run(engine)
    while group.op is not None:
        cleaned += ordered(engine)
        end(group, engine)

    assert cleaned == [(OpKind.CLEAN, 2), (OpKind.CLEAN, 1), (OpKind.CLEAN, 0)]
    assert group.state is State.STANDBY
    assert noted(engine) == []


def test_a_group_that_ran_is_said_to_be_stopped() -> None:
    group, engine = pair(ALPHA)

    group.let_go("it is told to", engine)
    end(group, engine)

    assert noted(engine) == [("group.stopped", "stopped: it is told to")]


def test_what_is_not_held_wakes_up_for_nothing() -> None:
    group, engine = unheld()

    assert group.next_ns(engine) == FOREVER


# --- announcements --------------------------------------------------------------------------------


@pytest.mark.parametrize("early_ns", [0, 1])
def test_an_address_is_announced_when_that_is_due(early_ns: int) -> None:
    group, engine = pair(ALPHA)
    engine.now_ns = announcing.next_ns(group) - early_ns
    engine._effects = []

    group.run(engine)

    assert ordered(engine) == ([] if early_ns else [(OpKind.ANNOUNCE, 0)])


# --- an address that another program removed ------------------------------------------------------


def test_an_address_that_was_removed_is_put_back() -> None:
    group, engine = pair(ALPHA)

    group.address_lost(0, engine)

    assert ordered(engine) == [(OpKind.START, 0)]


def test_an_address_that_is_being_put_back_is_not_put_back_twice() -> None:
    group, engine = pair(ALPHA)
    group.address_lost(0, engine)
    engine._effects = []

    group.address_lost(0, engine)

    assert ordered(engine) == []


def test_an_address_that_goes_while_the_group_is_let_go_stays_gone() -> None:
    group, engine = unheld()

    group.address_lost(0, engine)

    assert group.state is State.STANDBY
    assert ordered(engine) == []


# --- probes of the address ------------------------------------------------------------------------


def test_a_silent_probe_counts_from_when_it_began() -> None:
    """What begins to answer while it runs may not be seen by it."""
    group, engine = unheld()
    began_ns, op = engine.now_ns, probing(group, engine)
    engine.now_ns += engine.probe_budget_ns

    group.op_ended(OpEnded(op.id, Outcome.OK, "nobody answered"), engine)

    assert group.probe_silent_ns == began_ns
    assert group.probe_answer == ""


def test_who_answered_a_probe_is_kept_and_no_silence_counts() -> None:
    group, engine = unheld()
    group.probe_silent_ns = engine.now_ns
    op = probing(group, engine)

    group.op_ended(OpEnded(op.id, Outcome.FAILED_NO_EFFECT, "02:00:00:00:00:01 answers"), engine)

    assert group.probe_silent_ns == NEVER
    assert group.probe_answer == "02:00:00:00:00:01 answers"
