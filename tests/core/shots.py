"""A node of a pair that rests on fences, and the orders that it has given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.core import fencing as fencing_of
from hafw.core.effects import Note
from hafw.core.fencing import Fencing
from hafw.core.model import OpEnded, OpKind, Outcome
from hafw.core.settings import SECOND, Classes
from hafw_sim.pairs import running_pair

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import Op


def fenced(
    number: int, classes: Classes = Classes.FENCED, **options: object
) -> tuple[Fencing, Group, Engine]:
    """One node of a running pair in which alpha serves, at rest."""
    world = running_pair(classes, pings=0, **options)  # type: ignore[arg-type]
    world.run(10)
    engine = world.engine(number)
    engine._effects = []
    return engine.fencing, engine.groups[1], engine


def shoot(engine: Engine) -> Op:
    """The other node is being switched off since a second ago."""
    fencing = engine.fencing
    fencing.op = engine.new_op(OpKind.FENCE, 0, 0, 2, engine.settings.fence_budget_ns)
    fencing.ordered_ns = engine.now_ns - SECOND
    engine.peer.last_ns = min(engine.peer.last_ns, fencing.ordered_ns)
    return fencing.op


def end(engine: Engine, outcome: Outcome) -> None:
    """The order in flight ends so."""
    assert engine.fencing.op is not None
    fencing_of.ended(OpEnded(engine.fencing.op.id, outcome, "by a test"), engine)


def noted(engine: Engine) -> list[str]:
    """What people are told; none of it concerns one group."""
    notes = [each for each in engine._effects if isinstance(each, Note)]
    assert [each.group for each in notes] == [0] * len(notes)
    return [each.name for each in notes]


def of(fencing: Fencing) -> dict[str, object]:
    return {name: getattr(fencing, name) for name in Fencing.__slots__}
