"""Who may switch the other node off, and when it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from hafw.core import fencing as fencing_of
from hafw.core.duties import FOREVER, NEVER, Certificate
from hafw.core.effects import FencePeer
from hafw.core.fencing import FENCES_MAX, WINDOW_NS, Fencing
from hafw.core.liveness import PeerState
from hafw.core.model import LeaseReading, LeaseRecord, OpKind, Phase
from hafw.core.settings import Classes
from hafw.core.states import State
from hafw_sim.pairs import ALPHA, BETA
from tests.core.shots import fenced, noted, shoot

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group

FENCED_OR_LEASED: Final = Classes.FENCED | Classes.LEASED
CLAIM: Final = 7

# --- who may shoot ----------------------------------------------------------------------------


def test_a_node_that_has_met_the_other_may_switch_it_off() -> None:
    _, group, engine = fenced(BETA)

    assert fencing_of.refusal(group, engine) == ""


def test_the_host_of_an_agent_that_was_stopped_is_left_on() -> None:
    _, group, engine = fenced(BETA)
    engine.peer.state = PeerState.GONE

    assert "agent was stopped" in fencing_of.refusal(group, engine)


@pytest.mark.parametrize(
    ("recent", "older", "refused"),
    [
        (FENCES_MAX - 1, 0, False),
        (FENCES_MAX - 1, 5, False),
        (FENCES_MAX, 0, True),
        (FENCES_MAX + 1, 0, True),
    ],
)
def test_after_a_few_shots_within_the_window_a_person_has_to_look(
    recent: int, older: int, *, refused: bool
) -> None:
    fencing, group, engine = fenced(BETA)
    fencing.done = (
        *(engine.now_ns - WINDOW_NS,) * older,
        *(engine.now_ns - WINDOW_NS + 1,) * recent,
    )

    assert ("within 10 minutes" in fencing_of.refusal(group, engine)) is refused


def test_one_shot_at_a_time() -> None:
    _, group, engine = fenced(BETA)
    shoot(engine)

    assert "being switched off" in fencing_of.refusal(group, engine)


@pytest.mark.parametrize(("left_ns", "refused"), [(1, True), (0, False)])
def test_after_a_failure_nobody_shoots_before_the_pause_has_passed(
    left_ns: int, *, refused: bool
) -> None:
    fencing, group, engine = fenced(BETA)
    fencing.retry_ns = engine.now_ns + left_ns

    assert bool(fencing_of.refusal(group, engine)) is refused


def lone(classes: Classes = FENCED_OR_LEASED) -> tuple[Group, Engine]:
    """A node that has not heard the other since it booted."""
    fencing, group, engine = fenced(BETA, classes)
    engine.peer.last_ns = NEVER
    fencing.met_before = False
    return group, engine


def give_lease(group: Group, engine: Engine) -> None:
    """The lease is this node's for a start under `CLAIM`."""
    assert group.lease is not None
    record = LeaseRecord(CLAIM, BETA, engine.incarnation, 99, 20_000)
    group.lease.seen = LeaseReading(record, "20")
    group.lease.renewed_epoch, group.lease.renewed_ns = CLAIM, engine.now_ns
    group.lease.wanted = CLAIM
    group.intent = (CLAIM, Certificate.FENCED)


def test_who_may_have_been_shot_itself_does_not_shoot_back() -> None:
    group, engine = lone()

    assert "does not shoot back" in fencing_of.refusal(group, engine)


def test_the_lease_in_hand_is_the_ticket_to_shoot() -> None:
    group, engine = lone()
    give_lease(group, engine)

    assert fencing_of.refusal(group, engine) == ""


@pytest.mark.parametrize("lacks", ["wanted", "in hand", "lease"])
def test_without_the_whole_ticket_a_lone_node_does_not_shoot(lacks: str) -> None:
    group, engine = lone()
    give_lease(group, engine)
    assert group.lease is not None
    if lacks == "wanted":
        group.lease.wanted = 0
    elif lacks == "in hand":
        group.lease.renewed_ns = engine.now_ns - engine.settings.lease_hold_ns
    else:
        group.lease = None

    assert fencing_of.refusal(group, engine) != ""


# --- when it shoots ---------------------------------------------------------------------------


def run(engine: Engine) -> list[FencePeer]:
    engine._effects = []
    fencing_of.run(engine)
    return [each for each in engine._effects if isinstance(each, FencePeer)]


def test_what_nobody_wants_is_not_done() -> None:
    _, _, engine = fenced(ALPHA)

    assert run(engine) == []
    assert engine.fencing.due_ns == FOREVER


def test_who_served_shoots_at_once() -> None:
    fencing, group, engine = fenced(ALPHA)
    fencing_of.want(engine)

    orders = run(engine)

    assert [order.op for order in orders] == [fencing.op]
    assert (orders[0].op.kind, orders[0].op.group, orders[0].op.index) == (OpKind.FENCE, 0, 0)
    assert orders[0].op.id.epoch == group.epoch
    assert orders[0].op.deadline_ns == engine.now_ns + engine.settings.fence_budget_ns
    assert fencing.ordered_ns == engine.now_ns
    assert noted(engine) == ["fence.ordered"]


def test_who_did_not_serve_waits_for_its_delay() -> None:
    fencing, _, engine = fenced(BETA)
    fencing_of.want(engine)

    assert run(engine) == []
    assert fencing.due_ns == engine.now_ns + engine.settings.fence_delay_ns
    assert noted(engine) == ["fence.waiting"]


@pytest.mark.parametrize(("left_ns", "orders"), [(1, 0), (0, 1)])
def test_the_delay_runs_from_the_first_wish_on(left_ns: int, orders: int) -> None:
    fencing, _, engine = fenced(BETA)
    fencing.due_ns = engine.now_ns + left_ns
    fencing_of.want(engine)

    assert len(run(engine)) == orders


@pytest.mark.parametrize(("left_ns", "orders"), [(1, 0), (0, 1)])
def test_a_failed_shot_is_tried_again_after_its_pause(left_ns: int, orders: int) -> None:
    fencing, _, engine = fenced(ALPHA)
    fencing.retry_ns = engine.now_ns + left_ns
    fencing_of.want(engine)

    assert len(run(engine)) == orders


def test_a_shot_in_flight_is_not_ordered_again() -> None:
    _, _, engine = fenced(ALPHA)
    shoot(engine)
    fencing_of.want(engine)

    assert run(engine) == []


def test_a_wish_counts_for_one_step() -> None:
    fencing, _, engine = fenced(BETA)
    fencing_of.want(engine)
    run(engine)

    assert run(engine) == []
    assert fencing.due_ns == FOREVER


def test_who_is_off_is_not_switched_off() -> None:
    fencing, _, engine = fenced(ALPHA)
    fencing.off = True
    fencing_of.want(engine)

    assert run(engine) == []
    assert fencing.due_ns == FOREVER


@pytest.mark.parametrize(
    ("number", "mine", "theirs", "first"),
    [
        (ALPHA, True, False, True),
        (ALPHA, False, True, False),
        (ALPHA, False, False, True),
        (ALPHA, True, True, True),
        (BETA, True, False, True),
        (BETA, False, True, False),
        (BETA, False, False, False),
        (BETA, True, True, False),
    ],
)
def test_who_served_goes_first_and_else_the_first_node_of_the_file(
    number: int, *, mine: bool, theirs: bool, first: bool
) -> None:
    _, group, engine = fenced(number)
    group.phase = Phase.ACTIVE if mine else Phase.CLEAR
    phase = Phase.ACTIVE if theirs else Phase.CLEAR
    engine.peer.groups[1] = engine.peer.groups[1]._replace(phase=phase)

    delay_ns = fencing_of._delay_ns(engine)

    assert delay_ns == (0 if first else engine.settings.fence_delay_ns)


def test_who_has_the_lease_in_hand_does_not_wait() -> None:
    group, engine = lone()
    give_lease(group, engine)

    assert fencing_of._delay_ns(engine) == 0


# --- the holder's defence ---------------------------------------------------------------------


def defended() -> tuple[Fencing, Group, Engine]:
    """Alpha serves what only a shot can move, and beta is dead to it."""
    fencing, group, engine = fenced(ALPHA)
    engine.peer.state = PeerState.DEAD
    return fencing, group, engine


def test_a_holder_shoots_before_it_is_shot() -> None:
    _, _, engine = defended()

    assert len(run(engine)) == 1


@pytest.mark.parametrize(
    "state", [each for each in PeerState if each is not PeerState.DEAD], ids=str
)
def test_a_holder_shoots_nobody_who_is_not_dead(state: PeerState) -> None:
    _, _, engine = defended()
    engine.peer.state = state

    assert run(engine) == []


def test_a_holder_shoots_nobody_whom_this_start_never_heard() -> None:
    _, _, engine = defended()
    engine.peer.last_ns = NEVER

    assert run(engine) == []


@pytest.mark.parametrize("state", [State.STANDBY, State.STARTING, State.STOPPING])
def test_who_does_not_serve_defends_nothing(state: State) -> None:
    _, group, engine = defended()
    group.state = state

    assert run(engine) == []


def test_what_a_lease_can_move_as_well_is_not_defended_by_a_shot() -> None:
    _, _, engine = fenced(ALPHA, FENCED_OR_LEASED)
    engine.peer.state = PeerState.DEAD

    assert run(engine) == []


def test_a_holder_that_may_not_shoot_does_not() -> None:
    fencing, _, engine = defended()
    fencing.done = (engine.now_ns,) * FENCES_MAX

    assert run(engine) == []


# --- when it wakes ----------------------------------------------------------------------------


def test_it_wakes_for_the_next_of_delay_pause_and_window() -> None:
    fencing, _, engine = fenced(BETA)
    fencing.due_ns = engine.now_ns + 5
    fencing.retry_ns = engine.now_ns + 6
    fencing.done = (engine.now_ns - WINDOW_NS + 7, engine.now_ns - WINDOW_NS + 8)
    woken = []

    for _ in range(4):
        woken.append(fencing_of.next_ns(engine) - engine.now_ns)
        engine.now_ns += woken[-1]

    assert woken == [5, 1, 1, 1]
    assert fencing_of.next_ns(engine) == FOREVER
