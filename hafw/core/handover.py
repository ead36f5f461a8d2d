"""Moving a group by agreement: asks, answers, offers, and the reasons to give a group away.

One rule: first the other node agrees and is prepared, then this one stops, and only a confirmed
stop makes an offer. An offer is numbered, addressed to one incarnation, and counts once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core import fitness, maintenance
from hafw.core.duties import FOREVER, Certificate
from hafw.core.group import HOLD_DOWN_MAX_NS, Group
from hafw.core.model import Ask, Phase, Refusal
from hafw.core.settings import SECOND
from hafw.core.states import State
from hafw.core.takeover import prepare, prepared

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.model import GroupBeat

AGREE_NS: Final = 10 * SECOND
"""No agreement by then: cancelled, nothing released (Heartbeat's standby does the same)."""
OFFER_NS: Final = 10 * SECOND
"""An offer that was not taken by then is withdrawn."""
FAILBACK_WINDOW_NS: Final = 3_600 * SECOND
"""Failbacks are counted over this window."""
FAILBACKS_MAX: Final = 3
"""Failbacks allowed per window; after that a person decides."""

REFUSALS: Final = {
    Refusal.NOT_READY: "the other node is not ready to run it",
    Refusal.BUSY: "the other node is in the middle of a start or stop",
    Refusal.NOT_HELD: "the other node does not hold it",
    Refusal.CONFIG_DRIFT: "the cluster files of the two nodes differ",
}


def run(group: Group, engine: Engine) -> None:
    """Everything about handing over that is due now."""
    now_ns = engine.now_ns
    word = engine.peer_word(group)
    if group.offer_no and now_ns >= group.offer_deadline_ns:
        group.end_offer(engine)
        engine.note("group.offer_withdrawn", group.id, "the other node did not take it")
    if group.ask is not Ask.NOTHING and (word is None or now_ns >= group.ask_deadline_ns):
        why = "the other node is silent" if word is None else "no agreement in time"
        _cancel_ask(group, why, engine)
    if word is None:
        group.ping_fewer_ns = group.failback_seen_ns = FOREVER
        return
    if engine.addressed():
        if word.ask is not Ask.NOTHING and word.ask_no != group.reply_no:
            _answer(group, word, engine)
        if group.ask is not Ask.NOTHING and word.reply_no == group.ask_no:
            _answered(group, word, engine)
    waiting = group.ask is not Ask.NOTHING or now_ns < group.ask_deadline_ns
    if group.state is State.ACTIVE and not waiting:
        reason = _reason_to_give(group, word, engine)
        if reason is not None:
            give(group, reason, engine)
    elif not group.held:
        _pass_on(group, word, engine)


def obstacle(group: Group, what: Ask, engine: Engine) -> str | None:
    """Why the other node cannot be asked now to take a group, or to give it; None: it can."""
    if what is Ask.GIVE_IT and not group.willing(engine):
        return fitness.why_unwilling(group, engine)
    word = engine.peer_word(group)
    if word is None or not engine.fresh():
        return "the other node is silent or does not hear this one"
    if what is Ask.TAKE_IT and not word.ready:
        return REFUSALS[Refusal.NOT_READY]
    return None


def give(group: Group, why: str, engine: Engine) -> None:
    """Ask the other node to take a group that runs here."""
    _ask(group, Ask.TAKE_IT, why, engine)


def pull(group: Group, why: str, engine: Engine) -> None:
    """Ask the other node to give a group to this one."""
    prepare(group, Certificate.RELEASED, engine)
    _ask(group, Ask.GIVE_IT, why, engine)


def _ask(group: Group, ask: Ask, why: str, engine: Engine) -> None:
    group.ask = ask
    group.ask_no += 1
    group.ask_why = why
    group.ask_failed = ""
    group.ask_deadline_ns = engine.now_ns + AGREE_NS
    engine.note("handover.asked", group.id, f"asking the other node: {why}")
    engine.changed()


def _cancel_ask(group: Group, why: str, engine: Engine) -> None:
    """Nothing comes of it; the engine by itself does not ask again before a deadtime."""
    group.ask = Ask.NOTHING
    group.ask_deadline_ns = engine.now_ns + engine.settings.timing.deadtime_ns
    group.ask_failed = why
    engine.note("handover.cancelled", group.id, f"cancelled, nothing moved: {why}")
    engine.changed()


def _answered(group: Group, word: GroupBeat, engine: Engine) -> None:
    if word.refusal is not Refusal.NONE:
        _cancel_ask(group, REFUSALS.get(word.refusal, "refused"), engine)
        return
    ask, group.ask = group.ask, Ask.NOTHING
    group.ask_deadline_ns = engine.now_ns
    if ask is Ask.TAKE_IT and group.held:  # else it was let go meanwhile, and is nobody's
        surrender(group, group.ask_why, engine)


def surrender(group: Group, why: str, engine: Engine) -> None:
    """Stop, and offer the group to the other node the moment the stop is confirmed."""
    group.surrender = True
    group.failback_due = False
    group.let_go(why, engine)


def offer(group: Group, engine: Engine) -> None:
    """This node holds nothing of the group, has nothing in doubt, and lets the other take it."""
    assert group.phase is Phase.CLEAR
    word = engine.peer.groups.get(group.id)
    if word is not None and word.offer:  # it is given back: taking both would make two owners
        group.consumed_offer = (engine.peer.incarnation, word.offer)
    group.offer_no = engine.next_number()
    group.offer_deadline_ns = engine.now_ns + OFFER_NS
    engine.note("group.offered", group.id, "released: the other node may take it")
    engine.changed()


def _answer(group: Group, word: GroupBeat, engine: Engine) -> None:
    """Answer the other node's request, once it can be answered."""
    refusal = _answer_to(group, word, engine)
    if refusal is None:
        return  # preparing
    group.reply_no = word.ask_no
    group.refusal = refusal
    engine.changed()
    if refusal is Refusal.NONE and word.ask is Ask.GIVE_IT:
        if group.held:
            surrender(group, "the other node asked for it", engine)
        elif not group.offer_no:
            offer(group, engine)


def _answer_to(group: Group, word: GroupBeat, engine: Engine) -> Refusal | None:
    if engine.drift():
        return Refusal.CONFIG_DRIFT
    if word.ask is Ask.TAKE_IT:
        if group.held or not group.ready(engine):
            return Refusal.NOT_READY
        if not prepared(group, Certificate.RELEASED, engine):
            prepare(group, Certificate.RELEASED, engine)
            return None
        return Refusal.NONE
    if group.state is State.ACTIVE or (not group.held and _has_token(group, engine)):
        return Refusal.NONE
    return Refusal.BUSY if group.held else Refusal.NOT_HELD


def _has_token(group: Group, engine: Engine) -> bool:
    """When neither node holds a group, the preferred one decides who may take it."""
    return group.settings.preferred == engine.settings.node


def _pass_on(group: Group, word: GroupBeat, engine: Engine) -> None:
    """Neither node holds it and the right to take is ours, but the other should have it."""
    if group.offer_no or word.phase is not Phase.CLEAR or not _has_token(group, engine):
        return
    if engine.now_ns < group.quarantine_ns or not word.ready or not engine.fresh():
        return
    if not engine.worker_up and not _worker_is_lost(engine):
        return  # it is still getting warm
    if maintenance.in_force(engine):
        passed_on = maintenance.last_holder(group, engine) == engine.settings.peer
    else:
        unfit = not group.willing(engine) or bool(engine.notice)
        passed_on = unfit or engine.should_return(group)
    if passed_on:
        offer(group, engine)


def _worker_is_lost(engine: Engine) -> bool:
    return not engine.worker_up and engine.now_ns - engine.worker_ns >= AGREE_NS


def _reason_to_give(group: Group, word: GroupBeat, engine: Engine) -> str | None:
    """Why a group that runs here would run better on the other node."""
    if not word.ready or not engine.fresh() or maintenance.forbids_moves(engine):
        group.ping_fewer_ns = group.failback_seen_ns = FOREVER
        return None
    if not group.service_up:
        return "the service interface is down here"
    if engine.drift():
        return None
    if engine.notice:
        return f"this machine is to be disturbed: {engine.notice}"
    if _sees_fewer_pings(group, engine):
        return "the other node sees more ping nodes"
    if _worker_is_lost(engine):
        return "the worker does not come back"
    return _failback_due(group, engine)


def _sees_fewer_pings(group: Group, engine: Engine) -> bool:
    """Fewer ping nodes than the peer for two keepalives: the side that sees more should have it."""
    beat = engine.peer.beat
    fewer = beat is not None and engine.pings_up() < beat.pings
    if not engine.settings.ping_switchover or not fewer:
        group.ping_fewer_ns = FOREVER
        return False
    wait_ns = 2 * engine.settings.timing.keepalive_ns
    group.ping_fewer_ns = min(group.ping_fewer_ns, engine.now_ns + wait_ns)
    return engine.now_ns >= group.ping_fewer_ns


def _failback_due(group: Group, engine: Engine) -> str | None:
    """The preferred node came back after its recorded end, and has been well for the hold-down."""
    wanted = (
        group.settings.auto_failback
        and group.failback_due
        and group.settings.preferred != engine.settings.node
    )
    if not wanted:
        return None
    if group.failback_seen_ns == FOREVER:
        group.failback_seen_ns = engine.now_ns
    recent = tuple(t for t in group.failbacks if engine.now_ns - t < FAILBACK_WINDOW_NS)
    if len(recent) >= FAILBACKS_MAX or engine.now_ns < failback_ns(group, engine):
        return None
    group.failbacks = (*recent, engine.now_ns)
    return "its preferred node is back"


def failback_ns(group: Group, engine: Engine) -> int:
    """When the hold-down ends: deadtime, doubled for each failback in the last hour."""
    if group.failback_seen_ns == FOREVER:
        return FOREVER
    recent = sum(1 for t in group.failbacks if engine.now_ns - t < FAILBACK_WINDOW_NS)
    hold_down_ns = engine.settings.timing.deadtime_ns << recent
    return group.failback_seen_ns + min(hold_down_ns, HOLD_DOWN_MAX_NS)


def next_ns(group: Group, engine: Engine) -> int:
    """When the clock alone makes something of a hand-over due."""
    due = FOREVER
    if group.offer_no:
        due = group.offer_deadline_ns
    if group.ask is not Ask.NOTHING or group.ask_deadline_ns > engine.now_ns:
        due = min(due, group.ask_deadline_ns)
    if group.quarantine_ns > engine.now_ns:
        due = min(due, group.quarantine_ns)
    if group.state is State.ACTIVE:
        due = min(due, group.ping_fewer_ns)
        if group.settings.auto_failback and group.failback_due:
            due = min(due, failback_ns(group, engine))
    return due if due > engine.now_ns else FOREVER
