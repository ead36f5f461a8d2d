"""Switching the other node off: when this node may, when it must wait, and what it proves.

One rule: the other node is off only when its device said so, after it was ordered in this very
silence; the proof ends when anything new of it is heard.

A node that was itself switched off must never shoot back (no death match): who has not heard the
other since its machine booted shoots only with the lease of a group in its hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core import lease, maintenance
from hafw.core.duties import FOREVER, NEVER
from hafw.core.effects import FencePeer
from hafw.core.liveness import PeerState
from hafw.core.model import OpKind, Outcome, Phase
from hafw.core.settings import SECOND
from hafw.core.states import State

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import Op, OpEnded

FENCES_MAX: Final = 2
"""A node switches the other off so often within `WINDOW_NS`; then a person has to look."""
WINDOW_NS: Final = 600 * SECOND
RETRY_NS: Final = 2 * SECOND
"""Pause after a first failure; it doubles up to `RETRY_MAX_NS`."""
RETRY_MAX_NS: Final = 60 * SECOND


class Fencing:
    """What this node knows of its power over the other one."""

    __slots__ = (
        "done",
        "due_ns",
        "failures",
        "met_before",
        "noted",
        "off",
        "off_ns",
        "op",
        "ordered_ns",
        "proved_ns",
        "retry_ns",
        "trouble",
        "used",
        "wanted",
    )

    def __init__(self, *, used: bool, met_before: bool, shots: tuple[int, ...]) -> None:
        """`used`: some group may rest on it. `met_before`, `shots`: see `Engine`."""
        self.used = used
        self.met_before = met_before
        self.noted = met_before
        # the order in flight, and the reason why the last one failed
        self.op: Op | None = None
        self.ordered_ns = self.retry_ns = NEVER
        self.failures = 0
        self.trouble = ""
        # a group wants it in this step; since when the delay runs, its end
        self.wanted = False
        self.due_ns = FOREVER
        # confirmed off, when; when the proof ended; when it was confirmed, or tried before a crash
        self.off = False
        self.off_ns = self.proved_ns = NEVER
        self.done = shots

    def evidence_ns(self, now_ns: int) -> int:
        """When the other node was certainly off last: now, while the proof stands."""
        return now_ns if self.off else self.proved_ns


def refusal(group: Group, engine: Engine) -> str:
    """Why the other node cannot be switched off for this group now; '' if it is to be ordered."""
    fencing, now_ns = engine.fencing, engine.now_ns
    if maintenance.forbids_moves(engine):
        return f"nobody is switched off: {maintenance.why(engine)}"
    if engine.peer.state is PeerState.GONE:
        return "the other node's agent was stopped: its host is not switched off for that"
    if not _may_shoot(group, engine):
        return (
            "this node has not heard the other one since it booted, so it may have been switched "
            "off itself, and does not shoot back"
        )
    if len([at_ns for at_ns in fencing.done if now_ns - at_ns < WINDOW_NS]) >= FENCES_MAX:
        return f"the other node was switched off {FENCES_MAX} times within 10 minutes"
    if fencing.op is not None:
        return "the other node is being switched off"
    if now_ns < fencing.retry_ns:
        return f"the other node could not be switched off: {fencing.trouble}"
    return ""


def shots(engine: Engine) -> tuple[int, ...]:
    """When the other node was ordered off lately, or is being: what a reboot must not forget."""
    fencing = engine.fencing
    done = fencing.done
    return done if fencing.op is None else (*done, fencing.ordered_ns)


def has_met(engine: Engine) -> bool:
    """Whether the other node was heard since this machine booted."""
    return engine.peer.met() or engine.fencing.met_before


def _may_shoot(group: Group, engine: Engine) -> bool:
    return has_met(engine) or _has_ticket(group, engine)


def _has_ticket(group: Group, engine: Engine) -> bool:
    """Whether the lease is ours for the start that is wanted."""
    return group.lease is not None and group.lease.wanted != 0 and lease.in_hand(group, engine)


def want(engine: Engine) -> None:
    """A group that may be had in no other way needs the other node off."""
    engine.fencing.wanted = True


def ended(event: OpEnded, engine: Engine) -> None:
    """The order ended. The end of one that is not awaited changes nothing."""
    fencing, name = engine.fencing, engine.settings.names[engine.settings.peer]
    if fencing.op is None or event.op != fencing.op.id:
        return
    fencing.op = None
    if event.outcome is not Outcome.OK:
        pause_ns = min(RETRY_NS << min(fencing.failures, 7), RETRY_MAX_NS)
        fencing.failures += 1
        fencing.trouble, fencing.retry_ns = event.detail, engine.now_ns + pause_ns
        engine.note("fence.failed", 0, f"{name} could not be switched off: {event.detail}")
        return
    recent = (at_ns for at_ns in fencing.done if engine.now_ns - at_ns < WINDOW_NS)
    fencing.done = (*recent, engine.now_ns)
    fencing.failures, fencing.trouble = 0, ""
    if engine.peer.last_ns > fencing.ordered_ns:
        engine.note("fence.void", 0, f"{name} was heard after it was ordered off: that proves less")
        return
    fencing.off, fencing.off_ns = True, engine.now_ns
    engine.note("fence.confirmed", 0, f"{name} is off: {event.detail}")


def judge(engine: Engine) -> None:
    """End the proof when the other node is heard again; make it durable that it was heard."""
    fencing, peer = engine.fencing, engine.peer
    if not fencing.used:
        return
    if fencing.off and peer.last_ns > fencing.off_ns:
        fencing.off, fencing.proved_ns = False, engine.now_ns
    if peer.met() and not fencing.noted and engine.may_persist():
        fencing.noted = True
        engine.persist()


def run(engine: Engine) -> None:
    """Order it when it is wanted, and has been for long enough."""
    fencing = engine.fencing
    if not fencing.used:
        return
    wanted = fencing.wanted or _holder_defends(engine)
    fencing.wanted = False
    if fencing.off or not wanted:
        fencing.due_ns = FOREVER
        return
    if fencing.due_ns == FOREVER:
        fencing.due_ns = engine.now_ns + _delay_ns(engine)
        name = engine.settings.names[engine.settings.peer]
        if fencing.due_ns > engine.now_ns:
            engine.note("fence.waiting", 0, f"{name} is switched off unless it does so first")
    if fencing.op is None and engine.now_ns >= max(fencing.due_ns, fencing.retry_ns):
        _order(engine)


def _order(engine: Engine) -> None:
    fencing, settings = engine.fencing, engine.settings
    epoch = max((group.epoch for group in engine.groups.values()), default=0)
    fencing.op = engine.new_op(OpKind.FENCE, 0, 0, epoch, settings.fence_budget_ns)
    fencing.ordered_ns = engine.now_ns
    engine.note("fence.ordered", 0, f"{settings.names[settings.peer]} is to be switched off")
    engine.persist()  # a machine that dies of it remembers that it tried
    engine.emit(FencePeer(fencing.op))


def _holder_defends(engine: Engine) -> bool:
    """Who holds what only a shot can move shoots first, or it would be shot while it serves."""
    if engine.peer.state is not PeerState.DEAD or not engine.peer.met():
        return False
    at_risk = (
        group
        for group in engine.groups.values()
        if group.state is State.ACTIVE and group.settings.only_fenced
    )
    return any(not refusal(group, engine) for group in at_risk)


def _delay_ns(engine: Engine) -> int:
    """Who served goes first; where both or none did, the first node of the file; or the lease."""
    mine = any(group.held for group in engine.groups.values())
    theirs = any(word.phase is not Phase.CLEAR for word in engine.peer.groups.values())
    first = mine if mine != theirs else engine.settings.node == 0
    won = any(_has_ticket(group, engine) for group in engine.groups.values())
    return 0 if first or won else engine.settings.fence_delay_ns


def next_ns(engine: Engine) -> int:
    """When the clock alone makes something of it due."""
    fencing, now_ns = engine.fencing, engine.now_ns
    if not fencing.used:
        return FOREVER
    instants = (fencing.due_ns, fencing.retry_ns, *(at_ns + WINDOW_NS for at_ns in fencing.done))
    return min((at_ns for at_ns in instants if at_ns > now_ns), default=FOREVER)
