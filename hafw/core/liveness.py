"""What we know of the peer: which paths bring its heartbeats, and whether it is alive.

One rule: a message proves its sender alive only if its incarnation and number are new. Whatever is
older than what we have changes nothing but a counter.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hafw.core.duties import NEVER
from hafw.core.model import REFLECTED_PATH

if TYPE_CHECKING:
    from hafw.core.model import Beat, GroupBeat
    from hafw.core.settings import Settings

SENT_KEPT: Final = 16_384
"""Send times kept, at the most; older than two deadtimes is no evidence for anything anyway."""


class PeerState(StrEnum):
    """What we make of the peer's silence."""

    UNKNOWN = "unknown"
    UP = "up"
    LATE = "late"
    DEAD = "dead"
    GONE = "gone"


class Heard(StrEnum):
    """What a beat turned out to be."""

    NEW = "new"
    OLD = "old"
    DUPLICATE = "duplicate"
    REPLAYED = "replayed"
    OLD_INCARNATION = "old incarnation"
    RESTARTED = "restarted"


class SentLog:
    """When each of our beats was sent, so that an acknowledgement dates our evidence."""

    __slots__ = ("_first_n", "_times")

    def __init__(self) -> None:
        """Start with no beat sent; the first has number 1."""
        self._first_n = 1
        self._times: deque[int] = deque()

    def record(self, now_ns: int, oldest_ns: int) -> int:
        """Note that the next beat is sent now; returns its number. Forgets what is older."""
        self._times.append(now_ns)
        while self._times[0] < oldest_ns or len(self._times) > SENT_KEPT:
            self._times.popleft()
            self._first_n += 1
        return self._first_n + len(self._times) - 1

    @property
    def newest_n(self) -> int:
        """The number of the newest beat, 0 before the first."""
        return self._first_n + len(self._times) - 1

    def sent_ns(self, n: int) -> int:
        """When beat `n` was sent; NEVER for one that is forgotten or was never sent."""
        index = n - self._first_n
        if 0 <= index < len(self._times):
            return self._times[index]
        return NEVER


class Peer:
    """The other node, as its heartbeats show it."""

    __slots__ = (
        "beat",
        "counters",
        "floor_n",
        "gap_end_ns",
        "groups",
        "heard_ns",
        "incarnation",
        "last_ns",
        "link_ns",
        "links_late",
        "mid_n",
        "mid_ns",
        "n",
        "path_n",
        "promised_ns",
        "reflected_ns",
        "started_ns",
        "state",
        "worst_gap_ns",
    )

    def __init__(self, settings: Settings, now_ns: int) -> None:
        """Know nothing yet."""
        self.started_ns = now_ns
        self.gap_end_ns = now_ns
        self.incarnation = 0
        self.n = 0
        self.path_n: dict[int, int] = {}
        self.last_ns = NEVER
        self.reflected_ns = NEVER
        self.link_ns = [NEVER] * settings.links
        self.links_late = [0] * settings.links
        self.heard_ns = self.promised_ns = NEVER
        self.beat: Beat | None = None
        self.groups: dict[int, GroupBeat] = {}
        self.state = PeerState.UNKNOWN
        self.counters: dict[Heard, int] = {}
        self.floor_n = self.mid_n = 0
        self.mid_ns = now_ns
        self.worst_gap_ns = 0

    def hear(self, path: int, beat: Beat, now_ns: int, settings: Settings) -> Heard:
        """Take in a beat that came by `path`; says what it was.

        A beat older than the newest still shows that its path works, but nothing else.
        """
        verdict = self._sort(path, beat)
        if verdict in (Heard.REPLAYED, Heard.OLD_INCARNATION):
            self.counters[verdict] = self.counters.get(verdict, 0) + 1
            return verdict
        if verdict is Heard.RESTARTED:
            self._forget(beat.incarnation)
        self.path_n[path] = beat.n
        self._note_path(path, beat.n, now_ns, settings)
        if verdict in (Heard.OLD, Heard.DUPLICATE):
            return verdict
        gap_ns = now_ns - self.last_ns
        if gap_ns < settings.timing.deadtime_ns:  # longer ones are deaths, not delays
            self.worst_gap_ns = max(self.worst_gap_ns, gap_ns)
        self.n = beat.n
        self.last_ns = now_ns
        if self.beat is None or beat.groups is not self.beat.groups:
            self.groups = {group.id: group for group in beat.groups}
        self.beat = beat
        return verdict

    def _sort(self, path: int, beat: Beat) -> Heard:
        if beat.incarnation < self.incarnation:
            return Heard.OLD_INCARNATION
        if beat.incarnation > self.incarnation:
            return Heard.RESTARTED
        if beat.n <= self.path_n.get(path, 0):
            return Heard.REPLAYED
        if beat.n == self.n:
            return Heard.DUPLICATE
        return Heard.NEW if beat.n > self.n else Heard.OLD

    def _forget(self, incarnation: int) -> None:
        self.incarnation = incarnation
        self.n = 0
        self.path_n = {}
        self.heard_ns = NEVER
        self.reflected_ns = NEVER
        self.floor_n = self.mid_n = 0

    def _note_path(self, path: int, n: int, now_ns: int, settings: Settings) -> None:
        self._raise_floor(now_ns, settings.known_ns)
        if path == REFLECTED_PATH:
            if n > self.floor_n:
                self.reflected_ns = now_ns
        elif path < len(self.link_ns):
            gap_ns = now_ns - self.link_ns[path]
            if self.link_ns[path] != NEVER and gap_ns > settings.timing.warntime_ns:
                self.links_late[path] += 1
            self.link_ns[path] = now_ns

    def _raise_floor(self, now_ns: int, known_ns: int) -> None:
        """A reflected beat that was held up says nothing of the path now: only one of R counts.

        The floor is the newest number that had been heard, by any path, between R and 2 R ago.
        """
        age_ns = now_ns - self.mid_ns
        if age_ns >= known_ns:
            self.floor_n = self.n if age_ns >= 2 * known_ns else self.mid_n
            self.mid_n, self.mid_ns = self.n, now_ns

    def acknowledge(self, sent_ns: int) -> None:
        """The peer processed a beat that we sent at `sent_ns`.

        `promised_ns` outlives the peer's restart: its next start waits, in silence, even longer.
        """
        self.heard_ns = max(self.heard_ns, sent_ns)
        self.promised_ns = max(self.promised_ns, sent_ns)

    def silence_ns(self, now_ns: int) -> int:
        """Time since anything new was heard; never longer than since our own last pause ended."""
        return now_ns - max(self.last_ns, self.gap_end_ns, self.started_ns)

    def first_missed_ns(self, settings: Settings) -> int:
        """When the first beat is surely missed, if none comes."""
        newest_ns = max(self.last_ns, self.gap_end_ns, self.started_ns)
        return newest_ns + settings.timing.keepalive_ns * 3 // 2

    def met(self) -> bool:
        """Whether this incarnation of ours ever heard the peer."""
        return self.last_ns != NEVER

    def known(self, settings: Settings) -> bool:
        """The reflecting path was good, towards us, within R before the newest beat."""
        return self.reflected_ns != NEVER and self.last_ns - self.reflected_ns <= settings.known_ns

    def mutual(self, now_ns: int, settings: Settings) -> bool:
        """The peer acknowledged a beat that we sent within H."""
        return now_ns - self.heard_ns < settings.hold_ns

    def alive(self) -> bool:
        """Not silent for deadtime, and heard at all."""
        return self.state in (PeerState.UP, PeerState.LATE)

    def judge(self, now_ns: int, settings: Settings) -> PeerState:
        """Judge the silence; returns the state, which `state` keeps."""
        timing = settings.timing
        if not self.met():
            waited_ns = now_ns - max(self.started_ns, self.gap_end_ns)
            if now_ns - self.started_ns >= timing.initdead_ns and waited_ns >= timing.deadtime_ns:
                self.state = PeerState.DEAD
            return self.state
        silence_ns = self.silence_ns(now_ns)
        if silence_ns >= timing.deadtime_ns:
            gone = self.beat is not None and self.beat.leaving
            self.state = PeerState.GONE if gone else PeerState.DEAD
        elif silence_ns >= timing.warntime_ns:
            # A peer that was dead stays dead until it is heard: a pause of ours does not revive it.
            if self.state not in (PeerState.DEAD, PeerState.GONE):
                self.state = PeerState.LATE
        elif self.state not in (PeerState.DEAD, PeerState.GONE) or now_ns == self.last_ns:
            self.state = PeerState.UP
        return self.state

    def next_judgement_ns(self, settings: Settings) -> int:
        """When the verdict may change by itself."""
        timing = settings.timing
        if not self.met():
            base = max(self.started_ns + timing.initdead_ns, self.gap_end_ns + timing.deadtime_ns)
            return base if self.state is PeerState.UNKNOWN else -NEVER
        base = max(self.last_ns, self.gap_end_ns)
        if self.state is PeerState.UP:
            return base + min(timing.warntime_ns, timing.deadtime_ns)
        if self.state is PeerState.LATE:
            return base + timing.deadtime_ns
        return -NEVER

    def link_up(self, link: int, now_ns: int, settings: Settings) -> bool:
        """Whether link number `link` brought anything within deadtime."""
        return now_ns - self.link_ns[link] < settings.timing.deadtime_ns
