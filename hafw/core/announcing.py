"""Saying on the network who has the address: the burst, the refresh, the answer to a rival.

One rule: the owner has the last word, and does not shout: two owners that each answer the other
must not fill the network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core.duties import FOREVER
from hafw.core.effects import StartOp
from hafw.core.model import OpKind
from hafw.core.settings import MS, SECOND
from hafw.core.states import State

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group

AT_NS: Final = (0, 100 * MS, 500 * MS, 1_100 * MS, 2_500 * MS)
"""Announcements after opening: spread past Linux' neighbour lock time (1 s, arp(7) locktime)."""
EVERY_NS: Final = 30 * SECOND
"""Refresh while owner, for switches and caches that missed the burst."""
DEADLINE_NS: Final = 50 * MS
"""An announcement that was not sent by then is not sent at all."""
AGAIN_NS: Final = AT_NS[1]
"""Bursts begin anew at least this far apart."""
QUIET_NS: Final = 10 * SECOND
"""A rival that was not heard for this long is told of again."""


def announce(group: Group, engine: Engine) -> None:
    """Order one announcement of each address."""
    for index, is_vip in enumerate(group.settings.vips):
        if is_vip:
            op = engine.new_op(OpKind.ANNOUNCE, group.id, index, group.held_epoch, DEADLINE_NS)
            engine.emit(StartOp(op))
    group.announced += 1
    group.announced_ns = engine.now_ns


def next_ns(group: Group) -> int:
    """When the next announcement is due, counted from the last."""
    if group.announced < len(AT_NS):
        return group.announced_ns + AT_NS[group.announced] - AT_NS[group.announced - 1]
    return group.announced_ns + EVERY_NS


def wake_ns(group: Group) -> int:
    """When to wake for the next announcement. A refresh needs none: it goes along with a beat."""
    return next_ns(group) if group.announced < len(AT_NS) else FOREVER


def again(group: Group, engine: Engine) -> None:
    """Begin the burst anew: at once, but not when it has just begun."""
    if group.state is not State.ACTIVE:
        return
    if engine.now_ns - group.again_ns < AGAIN_NS:
        group.announced = 1
        return
    group.again_ns = engine.now_ns
    group.announced = 0
    announce(group, engine)


def rival_heard(group: Group, who: str, engine: Engine) -> None:
    """Somebody else announced an address of the group: its owner contradicts."""
    if group.state is not State.ACTIVE:
        return
    if engine.now_ns - group.rival_ns >= QUIET_NS:
        text = f"{who} announced our address; announcing again, and whenever it does"
        engine.note("vip.foreign", group.id, text)
    group.rival_ns = engine.now_ns
    again(group, engine)
