"""What this node says, and when: beats in rhythm, and at once when there is news.

One rule: the reflected heartbeat goes out before the echo, so that an answered echo proves that it
went out.

Both nodes beat in one rhythm: the second when it hears the first, so that each wakes up once for
what both say. Only their costs rest on it: without it, each beats by its own clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core import reload, takeover
from hafw.core.effects import SendBeat, SendEcho
from hafw.core.model import REFLECTED_PATH, Beat

if TYPE_CHECKING:
    from hafw.core.engine import Engine

FIRST: Final = 0
"""The node that gives the rhythm: a sixteenth oftener than the other would speak by itself, so that
it is heard before that, whatever the clocks' rates and the network's jitter (ADR 20)."""


def speak_along(engine: Engine) -> None:
    """The peer was heard: what the second node is to say within a quarter of its interval, now.

    So nothing is said oftener than every three quarters of an interval.
    """
    soon_ns = reload.echo_interval_ns(engine) // 4
    follows = engine.settings.one_rhythm and engine.settings.node != FIRST
    if follows and engine.next_echo_ns <= engine.now_ns + soon_ns:
        engine.next_echo_ns = engine.now_ns


def send_beats(engine: Engine) -> None:
    """Say what is due or new: reflected first, then the echo, then on every link.

    The links go along with the last echo before their time: one wake-up for all, at both ends.
    """
    beat_due = engine.now_ns >= engine.next_echo_ns
    if not (beat_due or engine.news):
        return
    interval_ns = _interval_ns(engine)
    link_due = beat_due and engine.now_ns + interval_ns > engine.next_link_ns
    links = link_due or engine.news
    engine.news = False
    oldest_ns = engine.now_ns - 2 * engine.settings.timing.deadtime_ns
    n = engine.sent.record(engine.now_ns, oldest_ns)
    said = beat(n, engine, is_ack=False)
    if engine.settings.reflect:  # first, so that an answered echo proves that it went out
        engine.emit(SendBeat(REFLECTED_PATH, said))
    if beat_due:
        forgotten_ns = engine.now_ns - 2 * takeover.longest_wait_ns(engine)
        for ping, echoes in enumerate(engine.echoes):
            echoes.send(n, engine.now_ns, forgotten_ns)
            engine.emit(SendEcho(ping, said))
        engine.next_echo_ns = _after(engine.next_echo_ns, interval_ns, engine.now_ns)
    if links:
        for path in range(engine.settings.links):
            engine.emit(SendBeat(path, said))
    if link_due:
        engine.next_link_ns = engine.now_ns + reload.link_interval_ns(engine)


def _interval_ns(engine: Engine) -> int:
    interval_ns = reload.echo_interval_ns(engine)
    leads = engine.settings.one_rhythm and engine.settings.node == FIRST
    return interval_ns - interval_ns // 16 if leads else interval_ns


def _after(due_ns: int, interval_ns: int, now_ns: int) -> int:
    """The next due time: in rhythm, but never a burst to catch up."""
    following_ns = due_ns + interval_ns
    if following_ns <= now_ns + interval_ns // 2:
        return now_ns + interval_ns
    return following_ns


def beat(n: int, engine: Engine, *, is_ack: bool) -> Beat:
    """Beat number `n`: all that this node says now."""
    spoken = tuple([group.beat(engine) for group in engine.groups.values()])
    if spoken != engine.spoken:
        engine.spoken = spoken
    heard = 0
    for link in range(engine.settings.links):
        if engine.peer.link_up(link, engine.now_ns, engine.settings):
            heard |= 1 << link
    return Beat(
        engine.settings.node,
        engine.incarnation,
        n,
        engine.peer.incarnation,
        engine.peer.n,
        heard,
        engine.pings_up(),
        engine.leaving,
        is_ack,
        reload.config_hash(engine),
        engine.spoken,
        engine.maintenance.said,
    )
