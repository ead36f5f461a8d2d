"""What the machine of one group makes of what happens to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.core.duties import NEVER
from hafw.core.effects import StartOp
from hafw.core.model import Op, OpEnded, OpKind, Outcome
from hafw.core.states import State
from hafw_sim.pairs import ALPHA
from tests.core.givers import pair, unheld

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group


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
