"""What a beat of the peer changes: liveness, evidence, arming, and who yields.

One rule: what is not new changes nothing but a counter; of two holders the lower epoch yields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.core import announcing, arming, handover, maintenance, speaking
from hafw.core.effects import Reincarnate, SendBeat
from hafw.core.liveness import Heard
from hafw.core.model import REFLECTED_PATH, Phase, Refusal
from hafw.core.states import State

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import Beat, GroupBeat


def is_old_news(path: int, beat: Beat, engine: Engine) -> bool:
    """Whether a beat says only what was heard by another link, or was acknowledged before.

    By the reflecting path even an old word is evidence.
    """
    peer = engine.peer
    if beat.incarnation != peer.incarnation or not engine.addressed():
        return False
    if beat.is_ack:
        ours = beat.acked_incarnation == engine.incarnation
        known = ours and beat.acked_n <= engine.sent.newest_n
        return known and engine.sent.sent_ns(beat.acked_n) <= peer.heard_ns
    return path != REFLECTED_PATH and beat.n == peer.n


def beat_heard(path: int, beat: Beat, engine: Engine) -> None:
    """An authenticated beat of the peer arrived by `path`."""
    if beat.is_ack:
        if beat.incarnation == engine.peer.incarnation:
            _acknowledged(beat, engine)
        return
    before, silence_ns = engine.peer.groups, engine.peer.silence_ns(engine.now_ns)
    if not engine.addressed():
        engine.changed()  # a newcomer on either side: answer at once, not at the next keepalive
    verdict = engine.peer.hear(path, beat, engine.now_ns, engine.settings)
    if verdict is Heard.RESTARTED:
        _peer_restarted(before, silence_ns, engine)
    if verdict not in (Heard.NEW, Heard.RESTARTED):
        return
    speaking.speak_along(engine)
    _acknowledged(beat, engine)
    maintenance.heard(beat.maintenance, engine)
    for group in engine.groups.values():
        word = engine.peer.groups.get(group.id)
        if word is not None:
            arming.heard(group, word, engine)
            _compare_epochs(group, word, engine)
            if word.phase in (Phase.STARTING, Phase.ACTIVE):
                maintenance.heard_held(group, word.epoch, engine)
    if path != REFLECTED_PATH and any(word.phase is not Phase.CLEAR for word in beat.groups):
        # The holder's evidence is then one round trip old, not one keepalive.
        engine.emit(SendBeat(path, speaking.beat(engine.sent.newest_n, engine, is_ack=True)))


def _acknowledged(beat: Beat, engine: Engine) -> None:
    if beat.acked_incarnation == engine.incarnation and beat.acked_n <= engine.sent.newest_n:
        engine.peer.acknowledge(engine.sent.sent_ns(beat.acked_n))
    elif beat.acked_incarnation >= engine.incarnation:
        engine.note("state.rolled_back", 0, "the peer remembers a later start of this node")
        engine.emit(Reincarnate(beat.acked_incarnation))


def _peer_restarted(before: dict[int, GroupBeat], silence_ns: int, engine: Engine) -> None:
    for group in engine.groups.values():
        # A grant and a reply were to the incarnation that asked, which numbered from 1 as well.
        group.granted_no = group.reply_no = 0
        group.refusal = Refusal.NONE
        word = before.get(group.id)
        held = word is not None and word.phase is not Phase.CLEAR
        if held and silence_ns < engine.settings.timing.deadtime_ns:
            wait_ns = max(engine.settings.timing.deadtime_ns, handover.OFFER_NS)
            engine.returning[group.id] = engine.now_ns + wait_ns
    if before:
        engine.note("peer.restarted", 0, "the agent of the other node was started again")


def _compare_epochs(group: Group, word: GroupBeat, engine: Engine) -> None:
    """The lower epoch yields, and only it; the winner announces again after that."""
    if not group.held or group.state is State.CLEANING:
        group.heard_of(word.epoch, engine)
        return
    if word.phase not in (Phase.STARTING, Phase.ACTIVE):
        group.heard_of(word.epoch, engine)
        if word.phase is Phase.CLEAR and group.id in engine.conflicts:
            engine.conflicts.discard(group.id)
            announcing.again(group, engine)
    elif word.epoch > group.held_epoch:
        group.epoch = word.epoch
        group.let_go("the other node holds it under a higher epoch", engine)
    elif group.id not in engine.conflicts and group.state is not State.STOPPING:
        engine.conflicts.add(group.id)
        engine.note("group.conflict", group.id, "the other node still holds it: it must yield")
