"""A node that holds nothing, in the states that tests of taking over need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core import takeover
from hafw.core.duties import (
    Certificate,
)
from hafw.core.effects import Note, StartOp
from hafw.core.liveness import PeerState
from hafw.core.model import LeaseReading, LeaseRecord, OpKind, Phase
from hafw.core.settings import MS, Classes
from hafw_sim.pairs import ALPHA, BETA, running_pair

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import GroupBeat
    from hafw_sim.world import World


FENCED_OR_LEASED: Final = Classes.FENCED | Classes.LEASED


EVERY_CLASS: Final = Classes.FENCED | Classes.LEASED | Classes.REFLECTED | Classes.BEST_EFFORT


OFFER: Final = 5


def standby(
    classes: Classes = Classes.REFLECTED, *, pings: int = 1, both: bool = False
) -> tuple[World, Group, Engine]:
    """Beta, which hears alpha hold the group."""
    world = running_pair(classes, pings=pings, both=both)
    world.run(3)
    return world, *parts(world)


def parts(world: World, number: int = BETA) -> tuple[Group, Engine]:
    engine = world.engine(number)
    engine._effects = []
    return engine.groups[1], engine


def silent(
    classes: Classes = Classes.REFLECTED, *, both: bool = False, until_s: float = 4
) -> tuple[Group, Engine]:
    """Beta, whose peer fell silent: nothing is due yet."""
    world, *_ = standby(classes, both=both)
    world.crash(ALPHA)
    world.run(until_s)
    return parts(world)


def dead(classes: Classes = Classes.REFLECTED, *, both: bool = False) -> tuple[Group, Engine]:
    """Beta, to whom the peer is dead: the wait is over, and nothing was decided yet."""
    group, engine = silent(classes, both=both, until_s=9.5)
    engine.now_ns = takeover.due_ns(group, engine)
    engine.peer.judge(engine.now_ns, engine.settings)
    assert engine.peer.state is PeerState.DEAD
    return group, engine


def notes(engine: Engine) -> list[str]:
    return [each.name for each in engine._effects if isinstance(each, Note)]


def starts(engine: Engine, kind: OpKind) -> int:
    return sum(isinstance(each, StartOp) and each.op.kind is kind for each in engine._effects)


def say(group: Group, engine: Engine, **fields: object) -> GroupBeat:
    """What the peer says of the group from now on."""
    word = engine.peer.groups[group.id]._replace(**fields)  # type: ignore[arg-type]
    engine.peer.groups[group.id] = word
    return word


def offered(group: Group, engine: Engine, **fields: object) -> GroupBeat:
    """The peer let the group go and offers it."""
    fields = {"phase": Phase.CLEAR, "offer": OFFER, "epoch": group.epoch, **fields}
    return say(group, engine, **fields)


def lease_held_by(group: Group, engine: Engine, holder: int | None, age_ns: int) -> None:
    assert group.lease is not None
    record = LeaseRecord(group.epoch, holder, 1, 99, engine.settings.lease_ttl_ns // MS)
    group.lease.seen = LeaseReading(record, "20")
    group.lease.seen_ns = engine.now_ns - age_ns


def win(group: Group, engine: Engine) -> None:
    """The lease is in this node's hand, for the start that it has prepared."""
    assert group.lease is not None
    epoch = engine.next_epoch(group)
    group.intent = epoch, Certificate.LEASED
    group.lease.renewed_epoch, group.lease.renewed_ns = epoch, engine.now_ns


def make_durable(group: Group, certificate: Certificate, engine: Engine) -> None:
    takeover.prepare(group, certificate, engine)
    engine._durable_token = group.intent_token
