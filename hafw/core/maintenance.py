"""Maintenance: a pause of the whole cluster, ordered by a person and known to both nodes.

One rule: it only forbids. While it is on, a node starts by itself nothing but what it held last,
gives nothing away by itself and switches nobody off; what a holder owes it owes as ever.

The newest word wins. Its revision is even or odd by the node that was told, as epochs are, so that
no two words share one. Each node counts the time it lasts by its own clock, from when it heard; the
first at the end ends it for both. A word is said to the other node once it is durable here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from hafw.core.duties import FOREVER
from hafw.core.settings import MS, SECOND

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group

REMIND_NS: Final = 3_600 * SECOND
"""It is told again so often that it is on."""
LONGEST_MS: Final = 30 * 86_400_000
"""A longer time is refused: it travels in 32 bits, and who wants more can leave the end open."""
ENDS_IT: Final = "hafw maintenance off ends it"


class Word(NamedTuple):
    """What was ordered last. `for_ms`: how long it lasts from when it is heard; 0: until ended.

    Not on under the same revision: its time is over.
    """

    revision: int = 0
    on: bool = False
    for_ms: int = 0


class Kept(NamedTuple):
    """What of it must survive a crash.

    `until_ns` (BOOTTIME) counts within the same boot of the machine, `left_ns` after another.
    `holds`: the epoch of each group's newest known hold; only while it is on, since at other times
    a group may move without a write, and who starts again would not know of that.
    """

    word: Word
    until_ns: int
    left_ns: int
    holds: tuple[tuple[int, int], ...]


class Maintenance:
    """What a node knows of it."""

    __slots__ = ("holds", "remind_ns", "said", "token", "until_ns", "word", "written")

    def __init__(self, kept: Kept | None, now_ns: int) -> None:
        """Go on with what was `kept`."""
        self.word = self.said = Word() if kept is None else kept.word
        self.until_ns = FOREVER if kept is None else kept.until_ns
        self.remind_ns = now_ns + REMIND_NS
        # the epoch of each group's newest hold that is known of, by either node
        self.holds = {} if kept is None else dict(kept.holds)
        # what was last ordered to be written, and the token of that
        self.written: tuple[Word, tuple[tuple[int, int], ...]] | None = self.word, ()
        self.token = 0


def in_force(engine: Engine) -> bool:
    """Whether the cluster is in maintenance, as far as this node knows."""
    return engine.maintenance.word.on


def ordered_by(engine: Engine) -> str:
    """The name of the node at which the newest word was given."""
    return engine.settings.names[engine.maintenance.word.revision % 2]


def why(engine: Engine) -> str:
    """Why nothing moves."""
    return f"maintenance, ordered at {ordered_by(engine)}"


def held(group: Group, epoch: int, engine: Engine) -> None:
    """A node, this or the other, begins to hold a group, or holds it."""
    engine.maintenance.holds[group.id] = epoch


def heard_held(group: Group, epoch: int, engine: Engine) -> None:
    """The other node says that it holds a group; it counts unless it must yield to this one."""
    if not group.held or epoch > group.held_epoch:
        held(group, epoch, engine)


def last_holder(group: Group, engine: Engine) -> int | None:
    """The node that held a group last, as far as this one knows: the epoch tells it by parity."""
    epoch = engine.maintenance.holds.get(group.id)
    return None if epoch is None else epoch % 2


def forbids_start(group: Group, engine: Engine) -> bool:
    """Whether this node must leave a group alone that nobody ordered it to take."""
    return in_force(engine) and last_holder(group, engine) != engine.settings.node


def forbids_moves(engine: Engine) -> bool:
    """Whether a node must not by itself give away what it holds, nor switch the other off."""
    return in_force(engine)


def entrust(group: Group, engine: Engine) -> None:
    """A person wants this node to take a group that nobody holds: as if it had held it last."""
    held(group, engine.next_epoch(group), engine)


# --- words ----------------------------------------------------------------------------------------


def order(engine: Engine, *, on: bool, for_ms: int) -> None:
    """A person at this node switches it on or off."""
    known = engine.maintenance.word.revision
    _follow(Word(engine.next_after(known), on, for_ms if on else 0), engine)


def heard(word: Word | None, engine: Engine) -> None:
    """What a beat of the other node says; None: its agent is too old to know of maintenance."""
    own = engine.maintenance.word
    if word is not None and (word.revision, not word.on) > (own.revision, not own.on):
        _follow(word, engine)


def _follow(word: Word, engine: Engine) -> None:
    own, was = engine.maintenance, engine.maintenance.word
    own.word = word
    own.until_ns = engine.now_ns + word.for_ms * MS if word.on and word.for_ms else FOREVER
    own.remind_ns = engine.now_ns + REMIND_NS
    engine.changed()
    if word.on:
        lasts = f"for {word.for_ms // 1000} s" if word.for_ms else "until it is switched off"
        text = f"ordered at {ordered_by(engine)}, {lasts}: nothing moves by itself"
        engine.note("maintenance.on", 0, text)
    elif was.on:
        name = "maintenance.expired" if word.revision == was.revision else "maintenance.off"
        engine.note(name, 0, "groups move by themselves again")


# --- what follows ---------------------------------------------------------------------------------


def run(engine: Engine) -> None:
    """End it at its time, remind people of it, and make durable what changed."""
    own = engine.maintenance
    if own.word.on and engine.now_ns >= own.until_ns:
        _follow(own.word._replace(on=False), engine)
    if own.word.on and engine.now_ns >= own.remind_ns:
        own.remind_ns = engine.now_ns + REMIND_NS
        own.written = None  # what is left has become less
        engine.note("maintenance.still_on", 0, f"nothing moves by itself: {why(engine)}. {ENDS_IT}")
    wanted = own.word, _holds(engine)
    if wanted != own.written and engine.may_persist():
        own.written = wanted
        own.token = engine.persist()
    if own.said != own.word and own.written == wanted and engine.durable(own.token):
        own.said = own.word
        engine.changed()


def not_durable(token: int, engine: Engine) -> None:
    """This write failed: what it carried is written again."""
    if engine.maintenance.token <= token:
        engine.maintenance.written = None


def kept(engine: Engine) -> Kept | None:
    """What of it is to be made durable now."""
    own = engine.maintenance
    if not own.word.revision:
        return None
    left_ns = max(own.until_ns - engine.now_ns, 0) if own.until_ns != FOREVER else FOREVER
    return Kept(own.word, own.until_ns, left_ns, _holds(engine))


def _holds(engine: Engine) -> tuple[tuple[int, int], ...]:
    own = engine.maintenance
    return tuple(sorted(own.holds.items())) if own.word.on else ()


def next_ns(engine: Engine) -> int:
    """When the clock alone makes something of it due."""
    own = engine.maintenance
    if not own.word.on:
        return FOREVER
    return min(own.until_ns, own.remind_ns)


# --- both nodes -----------------------------------------------------------------------------------


def is_durable(engine: Engine) -> bool:
    """Whether the newest word is durable on this node."""
    return engine.maintenance.said == engine.maintenance.word


def both_know(engine: Engine) -> bool:
    """Whether the newest word is durable on both nodes."""
    beat = engine.peer.beat
    told = None if beat is None else beat.maintenance
    if told is None or not is_durable(engine):
        return False
    return told.revision >= engine.maintenance.word.revision


def peer_is_too_old(engine: Engine) -> bool:
    """Whether the other node lives, and its agent knows of no maintenance."""
    beat = engine.peer.beat
    return engine.peer.alive() and beat is not None and beat.maintenance is None
