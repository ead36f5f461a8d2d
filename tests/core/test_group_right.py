"""How long a group may be held, and until when its kernel is told to keep the address open."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hafw.core.duties import FOREVER, NEVER, Certificate
from hafw.core.effects import HoldGate, Note, ShutGate, StartOp
from hafw.core.model import Op, OpKind
from hafw.core.settings import SECOND, Classes
from hafw.core.states import PHASES, State
from hafw_sim.pairs import ALPHA, BETA, running_pair
from tests.core.givers import pair, say, unheld
from tests.core.lessees import leased

if TYPE_CHECKING:
    from hafw.core.effects import Effect
    from hafw.core.engine import Engine
    from hafw.core.group import Group


def told(engine: Engine) -> list[Effect]:
    """What the kernel is told of the address."""
    found: list[Effect] = [
        each for each in engine._effects if isinstance(each, HoldGate | ShutGate)
    ]
    engine._effects = []
    return found


def ordered(engine: Engine) -> list[Op]:
    return [each.op for each in engine._effects if isinstance(each, StartOp)]


def unbound() -> tuple[Group, Engine]:
    """An owner whose right no clock ends."""
    engine = running_pair(Classes.NONE).engine(ALPHA)
    engine._effects = []
    return engine.groups[1], engine


# --- its end --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("left_ns", "holds"), [(1, True), (0, False)])
@pytest.mark.parametrize("state", [State.STARTING, State.ACTIVE])
def test_a_group_is_let_go_when_the_right_ends_and_not_before(
    state: State, left_ns: int, *, holds: bool
) -> None:
    group, engine = pair(ALPHA)
    group.state, group.phase = state, PHASES[state]
    engine.now_ns = group.right_ns(engine) - left_ns

    group.judge_right(engine)

    assert (group.state is state) is holds
    assert told(engine) == ([] if holds else [ShutGate(1)])


def test_ends_of_a_right_are_counted_and_told() -> None:
    group, engine = pair(ALPHA)
    engine.now_ns = group.right_ns(engine)

    group.judge_right(engine)

    assert (engine.right_endings, engine.right_ended_ns) == (1, engine.now_ns)
    names = [each.name for each in engine._effects if isinstance(each, Note)]
    assert names == ["group.right_ended", "group.stopping"]


def test_every_end_of_a_right_is_counted() -> None:
    group, engine = pair(ALPHA)
    engine.right_endings = 5
    engine.now_ns = group.right_ns(engine)

    group.judge_right(engine)

    assert engine.right_endings == 6


def test_nothing_ends_where_nothing_is_held() -> None:
    group, engine = unheld()
    engine.now_ns = group.right_ns(engine) + SECOND

    group.judge_right(engine)

    assert group.state is State.STANDBY
    assert engine.right_endings == 0


# --- the gate -------------------------------------------------------------------------------------


def test_the_gate_is_open_for_as_long_as_the_evidence_bears() -> None:
    group, engine = pair(ALPHA)
    group.gate_ns = NEVER
    right_ns = group.right_ns(engine)
    assert right_ns <= engine.now_ns + engine.settings.hold_ns

    group.renew_gate(engine)

    assert told(engine) == [HoldGate(1, right_ns)]
    assert group.gate_ns == right_ns


def test_the_gate_is_never_open_for_longer_than_an_agent_may_be_dead() -> None:
    """A lease may bear for longer."""
    _, group, _, engine = leased(ALPHA)
    group.gate_ns = NEVER
    limit_ns = engine.now_ns + engine.settings.hold_ns
    assert group.right_ns(engine) > limit_ns

    group.renew_gate(engine)

    assert told(engine) == [HoldGate(1, limit_ns)]


@pytest.mark.parametrize(("more", "is_told"), [(-1, False), (0, True)])
def test_the_kernel_is_told_when_a_quarter_of_a_beat_is_gained(more: int, *, is_told: bool) -> None:
    group, engine = pair(ALPHA)
    group.gate_ns = group.right_ns(engine) - engine.settings.beat_ns // 4 - more

    group.renew_gate(engine)

    assert bool(told(engine)) is is_told


def test_where_no_clock_ends_the_right_the_kernel_is_told_once() -> None:
    group, engine = unbound()
    group.gate_ns = NEVER

    group.renew_gate(engine)
    group.renew_gate(engine)

    assert told(engine) == [HoldGate(1, None)]
    assert group.right_ns(engine) == FOREVER


def test_other_settings_reach_the_kernel_at_once() -> None:
    group, engine = pair(ALPHA)
    settings = replace(group.settings, auto_failback=True)

    group.rebind(settings, engine)

    assert group.settings is settings
    assert told(engine) == [HoldGate(1, group.right_ns(engine))]


def test_other_settings_open_nothing_that_was_shut() -> None:
    group, engine = unheld()

    group.rebind(group.settings, engine)

    assert told(engine) == []
    assert group.gate_ns == NEVER


def test_the_gate_is_shut_before_anything_is_stopped() -> None:
    group, engine = pair(ALPHA)

    group.let_go("it is told to", engine)

    assert isinstance(engine._effects[0], ShutGate)
    assert group.gate_ns == NEVER


def test_what_is_let_go_is_let_go_once() -> None:
    group, engine = pair(ALPHA)
    group.let_go("it is told to", engine)
    engine._effects = []

    group.let_go("it is told to again", engine)

    assert engine._effects == []
    assert group.stop_why == "it is told to"


# --- how long a start may take --------------------------------------------------------------------


@pytest.mark.parametrize("kind", [OpKind.START, OpKind.STOP])
def test_only_a_start_must_not_outlive_the_lease(kind: OpKind) -> None:
    _, group, _, engine = leased(ALPHA)
    left_ns = group.right_ns(engine) - engine.now_ns

    group._order(kind, 2 * left_ns, engine)

    (op,) = ordered(engine)
    assert op.deadline_ns - engine.now_ns == (left_ns if kind is OpKind.START else 2 * left_ns)


def test_a_start_that_is_short_enough_has_its_own_time() -> None:
    _, group, _, engine = leased(ALPHA)

    group._order(OpKind.START, 5, engine)

    assert ordered(engine)[0].deadline_ns == engine.now_ns + 5


# --- the right of what is about to start ----------------------------------------------------------


def isolated(number: int = ALPHA) -> tuple[Group, Engine]:
    """A node that would rest on the other's being unarmed: all its evidence is old."""
    group, engine = unheld(number)
    engine.now_ns += 10 * engine.settings.hold_ns
    group.unarmed = False
    return group, engine


@pytest.mark.parametrize(("want", "counts"), [(0, True), (3, False)])
def test_a_hand_over_shows_the_other_node_unarmed_if_it_wants_no_grant(
    want: int, *, counts: bool
) -> None:
    group, engine = isolated()
    say(group, engine, want=want)

    assert group.could_hold(Certificate.RELEASED, engine) is counts
    assert group.ready(engine) is counts


@pytest.mark.parametrize(("left_ns", "ready"), [(1, True), (0, False)])
def test_who_could_not_hold_it_at_all_is_not_ready_for_it(left_ns: int, *, ready: bool) -> None:
    group, engine = unheld()
    say(group, engine, want=3)
    group.unarmed = False
    engine.now_ns = group.right_ns(engine) - left_ns

    assert group.ready(engine) is ready


def test_a_lease_that_is_not_ours_makes_nobody_ready() -> None:
    _, group, _, engine = leased(BETA)
    assert group.ready(engine)

    engine.now_ns += 10 * engine.settings.lease_ttl_ns

    assert not group.ready(engine)


def test_a_node_that_was_never_heard_may_be_armed() -> None:
    group, engine = isolated()
    engine.peer.groups = {}

    assert not group.could_hold(Certificate.RELEASED, engine)


@pytest.mark.parametrize(
    ("certificate", "proves"),
    [
        (Certificate.REFLECTED, True),
        (Certificate.FENCED, True),
        (Certificate.OPERATOR, True),
        (Certificate.LEASED, False),
        (Certificate.BEST_EFFORT, False),
    ],
)
def test_what_shows_that_the_other_node_let_go_or_is_off_shows_it_unarmed(
    certificate: Certificate, *, proves: bool
) -> None:
    group, engine = isolated()

    assert group.could_hold(certificate, engine) is proves


def test_who_knows_the_other_node_to_be_unarmed_needs_no_certificate_for_that() -> None:
    group, engine = isolated()
    group.unarmed = True

    assert group.could_hold(Certificate.BEST_EFFORT, engine)


def test_a_lease_that_would_be_won_now_counts_from_now() -> None:
    _, group, _, engine = leased(ALPHA)
    engine.now_ns += 10 * engine.settings.lease_ttl_ns

    assert not group.could_hold(Certificate.LEASED, engine)
    assert group.could_hold(Certificate.LEASED, engine, won=True)
