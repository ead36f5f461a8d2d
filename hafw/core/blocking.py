"""Why a group is not taken, told to people: once, and again when the reason changes.

One rule: nothing here decides; it says what was decided, and the exact commands that end it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.core import maintenance
from hafw.core.duties import FENCE_RUNS, LEASE_NOT_OURS, LEASE_RUNS
from hafw.core.settings import SECOND
from hafw.core.states import State

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group


def only_waits(group: Group, refusals: list[str]) -> bool:
    """Whether the lease will be had in time, if nobody renews it, or the other node may be off."""
    store_answers = group.lease is not None and not group.lease.trouble
    leased = store_answers and any(why.endswith((LEASE_RUNS, LEASE_NOT_OURS)) for why in refusals)
    return leased or any(why.endswith(FENCE_RUNS) for why in refusals)


def wait(group: Group, why: str, engine: Engine) -> None:
    """Say once that there is something to wait for."""
    if group.state is State.STANDBY and not group.blocked_why:
        group.blocked_why = why
        after_s = engine.settings.lease_ttl_ns // SECOND
        text = f"waiting for the lease: to be claimed when nobody renewed it for {after_s} s"
        if why.endswith(FENCE_RUNS):
            text = f"waiting: {FENCE_RUNS}"
        engine.note("group.waiting", group.id, text)


def block(group: Group, refusals: list[str], engine: Engine) -> None:
    """No route to a certificate: say so once, and whenever the reason changes."""
    why = "; ".join(refusals)
    if group.state is State.BLOCKED and group.blocked_why == why:
        return
    group.blocked_why = why
    if group.state is not State.BLOCKED:
        group._become(State.BLOCKED, engine)  # noqa: SLF001 - one machine in two modules
    hint = unblock_hint(group, engine)
    engine.note("group.blocked", group.id, f"blocked: {why}. {hint}" if hint else f"blocked: {why}")


def unblock(group: Group, engine: Engine) -> None:
    """The reason to wait, or not to take it, is over."""
    group.blocked_why = ""
    if group.state is State.BLOCKED:
        group._become(State.STANDBY, engine)  # noqa: SLF001 - one machine in two modules


def unblock_hint(group: Group, engine: Engine) -> str:
    """The exact commands that end a block; "": none, as long as this node cannot run the group."""
    paused = maintenance.in_force(engine)
    hints = [maintenance.ENDS_IT] if paused else []
    if group.willing(engine) and not (paused and engine.peer.alive()):
        hints.append(vouching_hint(engine))
    return ". ".join(hints)


def vouching_hint(engine: Engine) -> str:
    """The exact command when the peer is known to be off."""
    name = engine.settings.names[engine.settings.peer]
    return f"If {name} is certainly off: hafw takeover --force --peer-is-off {name} --reason TEXT"
