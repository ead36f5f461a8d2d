"""A node with a lease, in the states that tests of it need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core import lease as lease_of
from hafw.core.lease import Lease
from hafw.core.model import (
    LeaseOutcome,
    LeaseReading,
    LeaseRecord,
    LeaseTold,
    Op,
    OpKind,
)
from hafw.core.settings import MS, SECOND, Classes
from hafw_sim.pairs import ALPHA, running_pair, settings_pair

if TYPE_CHECKING:
    from hafw.core.effects import Effect
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw_sim.world import World


SETTINGS: Final = settings_pair(Classes.LEASED, pings=0)[0]


TTL_NS: Final = SETTINGS.lease_ttl_ns


RENEW_NS: Final = SETTINGS.renew_ns


SEEN_NS: Final = 1_000 * SECOND


CLAIM: Final = 7


def leased(number: int) -> tuple[World, Group, Lease, Engine]:
    """A running pair whose lease alpha holds and both have read; one of the nodes, at rest."""
    world = running_pair(Classes.LEASED, pings=0)
    world.run(30)
    engine = world.engine(number)
    group = engine.groups[1]
    assert group.lease is not None
    engine._effects = []
    return world, group, group.lease, engine


def other_record(**fields: int | None) -> LeaseRecord:
    """What alpha would write."""
    record = LeaseRecord(epoch=2, holder=ALPHA, incarnation=1, nonce=99, ttl_ms=TTL_NS // MS)
    return record._replace(**fields)  # type: ignore[arg-type]


def asked(group: Group, engine: Engine, kind: OpKind = OpKind.READ) -> Op:
    """A request is in flight that was ordered a second ago."""
    assert group.lease is not None
    op = engine.new_op(kind, group.id, 0, group.epoch, RENEW_NS)
    group.lease.op, group.lease.ordered_ns = op, engine.now_ns - SECOND
    return op


def tell(
    group: Group,
    engine: Engine,
    reading: LeaseReading | None,
    outcome: LeaseOutcome = LeaseOutcome.OK,
) -> list[Effect]:
    """The request in flight ends so; what the engine says to that."""
    assert group.lease is not None
    assert group.lease.op is not None
    lease_of.told(group, LeaseTold(group.lease.op.id, outcome, reading, "by a test"), engine)
    return engine._effects


def of(lease: Lease) -> dict[str, object]:
    return {name: getattr(lease, name) for name in Lease.__slots__}
