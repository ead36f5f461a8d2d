"""What happened, for people: the newest notes of the engine, and where a takeover's time went.

One rule: bounded memory, and nobody who listens can hold the agent up: a follower is called at
once and must not wait.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from hafw.agent import clock, log

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.core.effects import Note

KEPT: Final = 2_000
"""Notes kept in memory."""
TEXT_CHARS: Final = 2_000
"""Longest text of a note; a plugin's error can be of any length."""

Line = dict[str, object]


@dataclass(slots=True)
class Takeover:
    """One start of a group here, with the instants (BOOTTIME ns) between its phases."""

    group: int
    certificate: str = ""
    silent_since_ns: int | None = None
    dead_ns: int | None = None
    starting_ns: int = 0
    active_ns: int | None = None
    announced_ns: int | None = None
    wall: str = ""

    def phases_ms(self) -> dict[str, float]:
        """Where the time went, in order; only what is known."""
        phases: dict[str, float] = {}
        if self.silent_since_ns is not None and self.dead_ns is not None:
            phases["detect"] = (self.dead_ns - self.silent_since_ns) / 1e6
            phases["decide"] = (self.starting_ns - self.dead_ns) / 1e6
        if self.active_ns is not None:
            phases["attach"] = (self.active_ns - self.starting_ns) / 1e6
            if self.announced_ns is not None:
                phases["announce"] = (self.announced_ns - self.active_ns) / 1e6
        return {name: round(value, 3) for name, value in phases.items()}


@dataclass(slots=True)
class Timeline:
    """Collects notes and hands them to whoever follows."""

    notes: deque[Line] = field(default_factory=lambda: deque(maxlen=KEPT))
    followers: set[Callable[[Line], None]] = field(default_factory=set)
    takeovers: dict[int, Takeover] = field(default_factory=dict)
    dead_ns: int | None = None
    silent_since_ns: int | None = None
    certificates: dict[int, str] = field(default_factory=dict)

    def add(self, note: Note) -> None:
        """Take in a note of the engine or the agent."""
        now_ns = clock.boot_ns()
        wall = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        line: Line = {
            "t_boot_ns": now_ns,
            "wall": wall,
            "name": note.name,
            "text": note.text[:TEXT_CHARS],
            "group": note.group or None,
        }
        self.notes.append(line)
        log.event(line)
        for follower in self.followers:
            follower(line)
        self._measure(note, now_ns, wall)

    def newest(self, count: int, room_bytes: int) -> list[Line]:
        """The newest `count` notes, oldest first, or as many as go into that much JSON."""
        found: deque[Line] = deque()
        for line in islice(reversed(self.notes), count):
            room_bytes -= len(json.dumps(line)) + len(", ")
            if room_bytes < 0:
                break
            found.appendleft(line)
        return list(found)

    def peer_silent_since(self, heard_ns: int) -> None:
        """The peer was judged dead; it was last heard at `heard_ns`."""
        self.silent_since_ns = heard_ns

    def _measure(self, note: Note, now_ns: int, wall: str) -> None:
        match note.name:
            case "peer.dead":
                self.dead_ns = now_ns
            case "peer.up":
                self.dead_ns = self.silent_since_ns = None
            case "certificate.used":
                self.certificates[note.group] = note.text.partition(":")[0]
            case "group.starting":
                self.takeovers[note.group] = Takeover(
                    note.group,
                    self.certificates.get(note.group, ""),
                    self.silent_since_ns,
                    self.dead_ns,
                    now_ns,
                    wall=wall,
                )
            case "group.active" if note.group in self.takeovers:
                self.takeovers[note.group].active_ns = now_ns

    def announced(self, group: int, *, failed: str) -> None:
        """The worker sent (or could not send) an announcement."""
        takeover = self.takeovers.get(group)
        if not failed and takeover is not None and takeover.announced_ns is None:
            takeover.announced_ns = clock.boot_ns()
