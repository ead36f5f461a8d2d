"""A heartbeat as node 0 sends it while it holds group 3, or as one was heard; tests change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core.maintenance import Word
from hafw.core.model import Ask, Beat, GroupBeat, Phase, Refusal
from hafw.core.settings import Classes

if TYPE_CHECKING:
    from hafw_sim.world import World

GROUP: Final = GroupBeat(
    id=3,
    phase=Phase.ACTIVE,
    ready=False,
    epoch=7,
    offer=0,
    want=0,
    grant=5,
    ask=Ask.NOTHING,
    ask_no=0,
    reply_no=0,
    refusal=Refusal.NONE,
    binds=int(Classes.REFLECTED),
    shut_ms=8_000,
)
BEAT: Final = Beat(
    node=0,
    incarnation=11,
    n=42,
    acked_incarnation=9,
    acked_n=41,
    heard=0b11,
    pings=1,
    leaving=False,
    is_ack=False,
    config_hash=b"the file",
    groups=(GROUP,),
    maintenance=Word(),
)


def newest(world: World, number: int) -> Beat:
    """The newest beat of the other node that a node has heard."""
    beat = world.engine(number).peer.beat
    assert beat is not None
    return beat
