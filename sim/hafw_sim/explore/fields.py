"""What each field of a world means to its future: a date, a number of a family, or nothing.

One rule: what is not listed here stays as it is, so a new field makes more states, never fewer.
What is left out or clipped must be of no consequence; the search puts that to the test.

How they are written down, is in `hafw_sim.explore.rules`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hafw.core.announcing import AT_NS
from hafw.core.duties import FOREVER
from hafw.core.effects import Answer, Note, StartOp
from hafw.core.model import OpKind
from hafw.core.settings import REFLECT_FORGIVEN
from hafw_sim.explore.authority import AUTHORITY, fences, leases, shots
from hafw_sim.explore.rules import (
    FAILURES_KEPT,
    aged,
    as_is,
    beat_number,
    each,
    epoch,
    nothing,
    number,
    when,
)
from hafw_sim.world.disks import known_epochs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hafw.core.effects import Durable
    from hafw.core.group import Group
    from hafw.core.maintenance import Kept, Maintenance
    from hafw.core.model import Instant
    from hafw.core.reflection import Echoes
    from hafw_sim.explore.canonical import Walk
    from hafw_sim.explore.rules import Rule

# --- conditions ---------------------------------------------------------------------------------


def _held(group: Group, _walk: Walk) -> bool:
    return group.held


def _bursts(group: Group, _walk: Walk) -> bool:
    """After the first few, announcements go along with beats, and nobody hears them here."""
    return group.held and group.announced < len(AT_NS)


def _somebody_asks(_group: object, walk: Walk) -> bool:
    """An answer counts as long as the question stands."""
    return walk.late or walk.asked


def _somebody_waits(_group: Group, walk: Walk) -> bool:
    return any(node.engine is not None and node.engine.requests for node in walk.world.nodes)


def _is_on(own: Maintenance, _walk: Walk) -> bool:
    return own.word.on


# --- fields that need a closer look -------------------------------------------------------------


def _clocks(walk: Walk, who: int, value: Instant, _whole: object) -> None:
    """How far the two clocks have come apart since the last step."""
    now = walk.world.nodes[who].instant(walk.world.now_ns)
    walk.put((now.boot_ns - now.mono_ns) - (value.boot_ns - value.mono_ns))


def _returning(walk: Walk, who: int, value: dict[int, int], _whole: object) -> None:
    for group, until_ns in sorted(value.items()):
        if until_ns > walk.clock_ns[who]:
            walk.put(group)
            walk.put(walk.clock_ns[who] - until_ns)
    walk.put("returning")


def _intent(walk: Walk, _who: int, value: tuple[int, str] | None, _whole: object) -> None:
    walk.put(None if value is None else str(value[1]))
    if value is not None:
        walk.number("epoch", 0, value[0])


def _consumed(walk: Walk, who: int, value: tuple[int, int], _whole: object) -> None:
    """An offer that was taken matters as long as its maker may repeat it."""
    engine = walk.world.nodes[who].engine
    if engine is not None and value[0] == engine.peer.incarnation:
        walk.number("offer", 1 - who, value[1])
    else:
        walk.put(None)


def _reflected(walk: Walk, who: int, value: int, whole: Any) -> None:  # noqa: ANN401 - a Peer
    """When the reflecting path was last good, and whether it was when the silence began."""
    aged("known", old=True)(walk, who, value, whole)
    walk.put(whole.known(walk.world.nodes[who].settings))


def _paths(walk: Walk, who: int, value: dict[int, int], whole: Any) -> None:  # noqa: ANN401 - a Peer
    for path, n in sorted(value.items()):
        walk.put(path)
        walk.beat_number(1 - who, whole.incarnation, n)
    walk.put("paths")


def _words(walk: Walk, who: int, value: dict[int, object], whole: Any) -> None:  # noqa: ANN401 - a Peer
    acked = whole.beat.acked_incarnation if whole.beat is not None else 0
    walk.of = (acked, whole.incarnation) if who == 0 else (whole.incarnation, acked)
    for _group, word in sorted(value.items()):
        walk.value(word, 1 - who)
    walk.put("words")


def _running(walk: Walk, who: int, value: dict[int, object], _whole: object) -> None:
    walk.items((op for _n, op in sorted(value.items())), who)


def _queue(walk: Walk, who: int, value: Iterable[object], _whole: object) -> None:
    """What waits while an agent is frozen: of its numbers the order among themselves counts."""
    walk.waiting = True
    walk.items((item for item in value if not _only_told(item)), who)
    walk.waiting = False


def _only_told(item: object) -> bool:
    """Whether an effect that waits changes nothing in the world."""
    announces = isinstance(item, StartOp) and item.op.kind is OpKind.ANNOUNCE
    return announces or isinstance(item, Note | Answer)


def _holds(walk: Walk, _who: int, value: dict[int, int], _whole: object) -> None:
    """Of the newest hold it counts whose it was."""
    for group, newest in sorted(value.items()):
        walk.put(group)
        walk.put(newest % 2)
    walk.put("holds")


def _written(walk: Walk, _who: int, value: object, whole: Maintenance, /) -> None:
    """Whether what was last ordered to be written is what is known now."""
    holds = tuple(sorted(whole.holds.items())) if whole.word.on else ()
    walk.put(value == (whole.word, holds))


def _kept(walk: Walk, who: int, value: Kept | None) -> None:
    """What a start reads of maintenance."""
    walk.put(value is not None)
    if value is not None:
        walk.value(value.word, who)
        walk.put("for ever" if value.until_ns == FOREVER else value.until_ns - walk.clock_ns[who])
        walk.put("for ever" if value.left_ns == FOREVER else value.left_ns)
        _holds(walk, who, dict(value.holds), value)


def _left(walk: Walk, _who: int, value: int, _whole: object) -> None:
    """A time of the world's clock."""
    walk.put(value - walk.world.now_ns)


def _gates(walk: Walk, _who: int, value: dict[int, int], _whole: object) -> None:
    """When each gate shuts, by the world's clock."""
    for group, end_ns in sorted(value.items()):
        left_ns = end_ns - walk.world.now_ns
        if left_ns > 0:
            walk.put(group)
            walk.put("for ever" if end_ns == FOREVER else left_ns)
    walk.put("gates")


def _disk(walk: Walk, who: int, value: Durable | None, _whole: object) -> None:
    """What a start reads: the incarnation, and the highest epoch of each group."""
    walk.put(value is not None)
    if value is None:
        return
    walk.number("incarnation", who, value.incarnation)
    known = known_epochs(value)
    for group in walk.world.nodes[who].settings.groups:
        walk.group = group.id
        walk.number("epoch", 0, known.get(group.id, 0))
    _kept(walk, who, value.maintenance)
    if fences(walk.world.nodes[who]):
        walk.put(value.met)
        shots(walk, who, value.shots, value)


def echoes(walk: Walk, who: int, value: Echoes) -> None:
    """The dates that a holder rests on, and since when echoes were sent in time and answered.

    Looking back, a taker looks no further than to the beginning of the silence, or an echo that was
    not sent in time, or the first one too many that was not answered.
    """
    settings, now_ns = walk.world.nodes[who].settings, walk.clock_ns[who]
    engine = walk.world.nodes[who].engine
    assert engine is not None
    silence_ns = engine.peer.silence_ns(now_ns)
    each(aged("hold", old=True))(walk, who, value._newest_answered, value)  # noqa: SLF001 - all of it
    later_ns, missed, whole_ns = now_ns, 0, 0
    for n, sent_ns in reversed(value._sent):  # noqa: SLF001 - the same
        if later_ns - sent_ns > settings.beat_ns + settings.max_delay_ns:
            break
        age_ns = now_ns - sent_ns
        if n not in value._answered:  # noqa: SLF001 - the same
            walk.put(age_ns)
            missed += age_ns >= settings.max_delay_ns
        if missed > REFLECT_FORGIVEN and not walk.late:
            break
        if later_ns == now_ns or walk.late:
            walk.put(age_ns)
            walk.beat_number(who, walk.incarnations[who], n)
        later_ns, whole_ns = sent_ns, age_ns
        if age_ns >= silence_ns and not walk.late:
            break
    walk.put("unbroken")
    walk.put(min(whole_ns, silence_ns, walk.bounds["wait"]))


FIELDS: Final[dict[str, dict[str, Rule]]] = {
    **AUTHORITY,
    "Engine": {
        "settings": nothing,
        "incarnation": number("incarnation"),
        "salt": nothing,
        "fencing": when(lambda engine, _: engine.fencing.used, as_is),
        "now": _clocks,
        "now_ns": aged("pause"),
        "sent": nothing,  # its dates are written where its numbers are
        "worker_ns": when(lambda engine, _: not engine.worker_up, aged("agree")),
        "leaving_ns": when(lambda engine, _: engine.leaving, aged("linger")),
        "neighbour_ns": aged("deadtime", old=True),
        "right_endings": nothing,
        "right_ended_ns": nothing,
        "pauses": nothing,
        "returning": _returning,
        "_effects": nothing,
        "_due_ns": nothing,
        "next_echo_ns": aged("beat"),
        "next_link_ns": aged("beat"),
        "spoken": nothing,
        "_op_n": nothing,
        "_number": nothing,
        "_token": nothing,
        "_durable_token": number("token"),
        "_persist_retry_ns": aged("now", old=True),
    },
    "Maintenance": {
        "holds": _holds,
        "remind_ns": when(_is_on, aged()),
        "token": when(lambda own, _: own.said != own.word, number("token")),
        "written": _written,
    },
    "Group": {
        "settings": nothing,
        "since_ns": nothing,
        "epoch": epoch,
        "held_epoch": when(_held, epoch),
        "from_peer": nothing,
        "stop_why": nothing,
        "blocked_why": nothing,
        "index": when(_held, as_is),
        "retry_ns": when(_held, aged("now")),
        "failures": lambda walk, _who, value, _whole: walk.put(min(value, FAILURES_KEPT)),
        "unwilling_ns": aged("now", old=True),
        "gate_ns": when(_held, aged()),
        "announced": when(_bursts, as_is),
        "announced_ns": when(_bursts, aged()),
        "again_ns": aged("again", old=True),
        "rival_ns": nothing,
        "intent": _intent,
        "intent_token": when(lambda group, _: group.intent is not None, number("token")),
        "arming_no": nothing,
        "want_no": number("want"),
        "granted_no": number("want", of_the_other=True),
        "offer_no": number("offer"),
        "consumed_offer": _consumed,
        "quarantine_ns": aged("now", old=True),
        "ask_no": nothing,
        "ask_deadline_ns": aged("now", old=True),
        "ask_why": nothing,
        "ask_failed": when(_somebody_waits, lambda walk, _who, value, _w: walk.put(bool(value))),
        "reply_no": when(_somebody_asks, number("ask", of_the_other=True)),
        "refusal": when(_somebody_asks, as_is),
        "ping_fewer_ns": aged("now"),
        "failback_due": when(lambda group, _: group.settings.auto_failback, as_is),
        "failback_seen_ns": aged("failbacks"),
        "failbacks": each(aged("failbacks")),
        "probe_answer": nothing,
        "probe_silent_ns": aged("probe", old=True),
        "probe_next_ns": aged("now", old=True),
    },
    "Peer": {
        "started_ns": when(lambda peer, _: not peer.met(), aged("start")),
        "gap_end_ns": aged("silence"),
        "groups": _words,
        "incarnation": number("incarnation", of_the_other=True),
        "n": beat_number("incarnation", of_the_other=True, dated=True),
        "path_n": _paths,
        "last_ns": aged("silence"),
        "reflected_ns": _reflected,
        "link_ns": nothing,  # only told, here and in beats
        "links_late": nothing,
        "heard_ns": aged("hold", old=True),
        "promised_ns": when(leases, aged("hold", old=True)),
        "counters": nothing,
        "floor_n": beat_number("incarnation", of_the_other=True),
        "mid_n": beat_number("incarnation", of_the_other=True),
        "mid_ns": when(lambda _peer, walk: walk.late, aged("floor")),
        "worst_gap_ns": nothing,
    },
    "Beat": {
        "incarnation": number("incarnation"),
        "n": beat_number("incarnation"),
        "acked_incarnation": number("incarnation", of_the_other=True),
        "acked_n": beat_number("acked_incarnation", of_the_other=True, dated=True),
        "heard": nothing,
    },
    "GroupBeat": {
        "epoch": epoch,
        "offer": number("offer"),
        "want": number("want"),
        "grant": number("want", of_the_other=True),
        "ask_no": number("ask"),
        "reply_no": when(_somebody_asks, number("ask", of_the_other=True)),
        "refusal": when(_somebody_asks, as_is),
    },
    "OpId": {
        "incarnation": number("incarnation"),
        "epoch": epoch,
        "n": number("operation"),
    },
    "OperatorAsked": {"request": nothing},
    "Persisted": {"token": number("token")},
    "PersistFailed": {"token": number("token"), "why": nothing},
    "Persist": {"token": number("token"), "state": _disk},
    "EchoAnswered": {
        "n": lambda walk, who, value, _whole: walk.beat_number(who, walk.incarnations[who], value)
    },
    "OpEnded": {"detail": nothing},
    "Machine": {
        "name": nothing,
        "settings": nothing,
        "codec": nothing,
        "slow_ns": as_is,
        "up": when(lambda machine, _: machine.engine or machine.addresses, as_is),
        "frozen_ns": when(lambda machine, _: machine.frozen, _left),
        "queue": _queue,
        "unfinished": _queue,
        "offset_ns": nothing,
        "suspended_ns": nothing,
        "disk": _disk,
        "history": nothing,  # no model rolls a disk back
        "written": nothing,  # or loses one: this is what is on it
        "writing": _disk,
        "gate_ns": _gates,
        "running": _running,
        "notes": nothing,
        "answers": nothing,
        "tick_no": nothing,
        "booted": when(lambda machine, _: fences(machine), as_is),
        "asking": _running,
    },
}
"""By class and field; the rest is as it is, and what is called `…_ns` a date without bound."""


CALLS: Final[dict[str, dict[int, Rule]]] = {
    "World._read_counters": {2: aged("deadtime")},
    "Kernels._primed": {3: _left},
}
"""Arguments of what is planned that are dates, by method and place."""
