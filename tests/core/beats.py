"""A heartbeat as node 0 sends it while it holds group 3; tests change what they are about."""

from __future__ import annotations

from typing import Final

from hafw.core.maintenance import Word
from hafw.core.model import Ask, Beat, GroupBeat, Phase, Refusal
from hafw.core.settings import Classes

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
