"""The cluster files of a world's machines: what stands in them, and what an operator changes there.

One rule: a file is what it says: two files that say the same have the same hash, and one that the
agent would refuse is never written.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hafw.config.durations import format_duration
from hafw.config.lines import Lines
from hafw.config.problems import Place, Report
from hafw.config.table import Table
from hafw.config.timing import read_timing
from hafw.core.settings import Classes, shortest_lease_ns

if TYPE_CHECKING:
    from hafw.core.settings import GroupSettings, Settings


def sealed(settings: Settings) -> Settings:
    """The same with the hash of what it says."""
    said = (settings.links, settings.pings, settings.reflect, settings.timing, settings.groups)
    digest = hashlib.blake2b(repr(said).encode(), digest_size=8).digest()
    return replace(settings, config_hash=digest)


class Files:
    """Each machine's file. `newest`: what was written last; `groups`: every id that ever was.

    `accepted_ns`: since when a file has accepted `best-effort` for a group.
    """

    def __init__(self, settings: tuple[Settings, Settings]) -> None:
        """Both are as the nodes are started with."""
        self._now = list(settings)
        self.newest = settings[0]
        self.accepted_ns: dict[int, int] = {}
        self.groups: list[int] = []
        self._note(0)

    def read(self, number: int) -> Settings:
        """What the agent of a machine finds."""
        return self._now[number]

    def edit(self, number: int, now_ns: int, **changed: Any) -> None:  # noqa: ANN401 - fields
        """Change fields of a machine's file; a change that would be refused is not made."""
        edited = replace(self._now[number], **changed)
        if _is_accepted(edited):
            self._now[number] = self.newest = sealed(edited)
            self._note(now_ns)

    def agree(self) -> None:
        """The newest is copied to both machines."""
        self._now = [replace(self.newest, node=number) for number in (0, 1)]

    def _note(self, now_ns: int) -> None:
        for file in self._now:
            for group in file.groups:
                if group.best_effort:
                    self.accepted_ns.setdefault(group.id, now_ns)
                if group.id not in self.groups:
                    self.groups.append(group.id)


def _is_accepted(edited: Settings) -> bool:
    """Whether the reader of cluster files takes these times."""
    timing = edited.timing
    if edited.lease_ttl_ns and edited.lease_ttl_ns < shortest_lease_ns(timing):
        return False
    report = Report("file", Lines({}))
    names = ("keepalive", "warntime", "deadtime", "initdead")
    said: dict[str, object] = {
        name: format_duration(getattr(timing, name + "_ns")) for name in names
    }
    read_timing(Table(Place(report, ("timing",)), said))
    return not report.errors


def with_best_effort(settings: Settings, *, accepted: bool) -> tuple[GroupSettings, ...]:
    """The groups of a file whose `protection` is, or no longer is, "best-effort"."""
    return tuple(
        replace(group, classes=group.classes & ~Classes.BEST_EFFORT | _BEST_EFFORT[accepted])
        for group in settings.groups
    )


_BEST_EFFORT = {False: Classes.NONE, True: Classes.BEST_EFFORT}


def with_one_more(settings: Settings) -> tuple[GroupSettings, ...]:
    """The groups of a file to which one was added, like the last but for its preferred node."""
    last = settings.groups[-1]
    number = max(group.id for group in settings.groups) + 1
    return (*settings.groups, replace(last, id=number, preferred=1 - last.preferred))
