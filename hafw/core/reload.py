"""How a changed cluster file comes into force on two nodes that rely on each other's times.

One rule: what binds a node changes only when both have the same file, the peer has acknowledged
what will bind this node from then on, and the evidence at hand bears it. Until then the old
settings are obeyed, the weaker of both announced, and beats keep the faster of both rhythms. Then
the gate is moved first, and what binds now is announced after that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.core.duties import hold_until
from hafw.core.model import Phase

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.settings import Settings


def begin(settings: Settings, engine: Engine) -> None:
    """The file was reloaded: put it into force, or announce it until that is possible."""
    engine.coming, engine.coming_ns = settings, engine.now_ns
    engine.changed()
    run(engine)
    if engine.coming is not None:
        peer = settings.names[settings.peer]
        text = f"the new cluster file comes into force when {peer} has it too"
        engine.note("config.announced", 0, text)


def run(engine: Engine) -> None:
    """Put the coming settings into force if it is time."""
    coming = engine.coming
    if coming is None or not (_binds_alike(engine.settings, coming) or _is_time(coming, engine)):
        return
    engine.settings, engine.coming = coming, None
    for group in engine.groups.values():
        group.rebind(coming.group(group.id), engine)
    engine.next_echo_ns = min(engine.next_echo_ns, engine.now_ns + coming.beat_ns)
    engine.next_link_ns = min(engine.next_link_ns, engine.now_ns + coming.timing.keepalive_ns)
    engine.changed()
    engine.note("config.reloaded", 0, "the new cluster file is in force")


def _binds_alike(old: Settings, new: Settings) -> bool:
    """Neither node would notice the difference in what the other may rely on."""
    same_classes = all(group.binds == new.group(group.id).binds for group in old.groups)
    return same_classes and old.timing == new.timing


def _is_time(coming: Settings, engine: Engine) -> bool:
    beat = engine.peer.beat
    return (
        engine.peer.alive()
        and beat is not None
        and beat.config_hash == coming.config_hash
        and engine.peer.heard_ns > engine.coming_ns  # it knows what we announced since
        and all(_bears(group, coming, engine) for group in engine.groups.values())
    )


def _bears(group: Group, coming: Settings, engine: Engine) -> bool:
    """The evidence would not end by itself before the next beat under the coming settings."""
    if group.phase not in (Phase.STARTING, Phase.ACTIVE):
        return True
    evidence = group.evidence(engine, unarmed=group.unarmed)
    until_ns = hold_until(evidence, coming.group(group.id).binds, coming)
    return until_ns > engine.now_ns + coming.beat_ns + coming.max_delay_ns


def announced(group: Group, engine: Engine) -> tuple[int, int]:
    """What binds this node to a group, and the bound, as the peer may rely on from now on."""
    binds, shut_ns = group.settings.binds, engine.settings.shut_ns
    if engine.coming is not None:
        binds &= engine.coming.group(group.id).binds
        shut_ns = max(shut_ns, engine.coming.shut_ns)
    return binds, shut_ns


def config_hash(engine: Engine) -> bytes:
    """The file that this node was given last."""
    return (engine.coming or engine.settings).config_hash


def echo_interval_ns(engine: Engine) -> int:
    """Interval of echoes and reflected beats."""
    beat_ns = engine.settings.beat_ns
    return beat_ns if engine.coming is None else min(beat_ns, engine.coming.beat_ns)


def link_interval_ns(engine: Engine) -> int:
    """Interval of beats on the links."""
    keepalive_ns = engine.settings.timing.keepalive_ns
    if engine.coming is None:
        return keepalive_ns
    return min(keepalive_ns, engine.coming.timing.keepalive_ns)
