"""What each field of a lease, a store and a fence means to the future of a world.

One rule: as in `hafw_sim.explore.fields`, what is not listed here stays as it is.

Of earlier shots only their number is written down: a shot counts for ten minutes, and no model is
that long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hafw.core.fencing import FENCES_MAX
from hafw_sim.explore.rules import FAILURES_KEPT, aged, epoch, mark, nothing, when

if TYPE_CHECKING:
    from hafw_sim.explore.canonical import Walk
    from hafw_sim.explore.rules import Rule
    from hafw_sim.world import Machine


def leases(_whole: object, walk: Walk) -> bool:
    """Whether any group has a lease."""
    return walk.bounds["lease"] > 1


def fences(machine: Machine) -> bool:
    """Whether the machine's agent may shoot."""
    return any(group.fenced for group in machine.settings.groups)


def shots(walk: Walk, _who: int, value: tuple[int, ...], _whole: object) -> None:
    """How often the other node was ordered off, up to what a person has to look at."""
    walk.put(min(len(value), FENCES_MAX))


def _answered(walk: Walk, who: int, value: int, whole: Any) -> None:  # noqa: ANN401 - a Lease
    """When the store answered last, and whether that was in this silence."""
    aged("lease", old=True)(walk, who, value, whole)
    engine = walk.world.nodes[who].engine
    assert engine is not None
    walk.put(value >= engine.peer.first_missed_ns(engine.settings))


def _renewed(walk: Walk, who: int, value: int, whole: Any) -> None:  # noqa: ANN401 - a Lease
    """The epoch of a renewal matters as long as it is evidence."""
    if walk.clock_ns[who] - whole.renewed_ns < walk.bounds["lease hold"] and value:
        walk.number("epoch", 0, value)
    else:
        walk.put(None)


def _writer(walk: Walk, _who: int, value: int, whole: Any) -> None:  # noqa: ANN401 - a LeaseRecord
    """By which start of its holder a record was written."""
    if whole.holder is not None:
        walk.number("incarnation", whole.holder, value)
    else:
        walk.put(None)


def _ordered_off(walk: Walk, who: int, value: int, whole: Any) -> None:  # noqa: ANN401 - a Fencing
    """Whether the other node was heard since it was ordered off."""
    engine = walk.world.nodes[who].engine
    assert engine is not None
    walk.put(whole.op is not None and engine.peer.last_ns > value)


AUTHORITY: Final[dict[str, dict[str, Rule]]] = {
    "Lease": {
        "ordered_ns": when(lambda lease, _: lease.op is not None, aged("lease hold")),
        "retry_ns": aged("now", old=True),
        "trouble": lambda walk, _who, value, _whole: walk.put(bool(value)),
        "answered_ns": _answered,
        "seen_ns": when(lambda lease, _: lease.seen is not None, aged("lease")),
        "renewed_epoch": _renewed,
        "renewed_ns": aged("lease hold", old=True),
        "doubt_ns": when(lambda lease, _: lease.doubt is not None, aged("lease hold")),
        "wanted": when(lambda lease, _: lease.wanted, epoch),
    },
    "LeaseRecord": {"epoch": epoch, "incarnation": _writer, "nonce": mark},
    "LeaseReading": {"version": mark},
    "LeaseTold": {"detail": nothing},
    "Fencing": {
        "done": shots,
        "due_ns": aged("now"),
        "failures": lambda walk, _who, value, _whole: walk.put(min(value, FAILURES_KEPT)),
        "trouble": nothing,
        "retry_ns": aged("now", old=True),
        "off_ns": nothing,
        "proved_ns": aged("hold", old=True),
        "ordered_ns": _ordered_off,
        "wanted": nothing,
    },
}
"""By class and field."""
