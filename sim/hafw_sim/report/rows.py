"""Merges a recording into rows: one for each time at which something changed.

One rule: what happened within a few milliseconds is one row, in its order; a quiet time, however
long, is none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hafw_sim.report.recording import Fact, Key, Moment, Recording

MERGED_NS: Final = 5_000_000
"""What comes this soon after a row's beginning is told in it."""
_SHOWN_BY_STATES: Final = ("group.starting", "group.active", "group.stopped")
"""Notes that say no more than the lanes do."""


@dataclass(slots=True)
class Row:
    """From `at_ns` on: what happened, and how each lane that changed is afterwards."""

    at_ns: int
    moments: list[Moment] = field(default_factory=list)
    changed: dict[Key, Fact] = field(default_factory=dict)


def rows(recording: Recording) -> list[Row]:
    """The rows of a run, in order. The first one says how everything is at the beginning."""
    changes = [
        (span.begin_ns, key, span.fact) for key, spans in recording.lanes.items() for span in spans
    ]
    told = [each for each in recording.moments if each.detail not in _SHOWN_BY_STATES]
    times = sorted({at_ns for at_ns, _, _ in changes} | {each.at_ns for each in told})
    found: list[Row] = []
    row_of: dict[int, Row] = {}
    for at_ns in times:
        if not found or at_ns - found[-1].at_ns > MERGED_NS:
            found.append(Row(at_ns))
        row_of[at_ns] = found[-1]
    for moment in told:
        row_of[moment.at_ns].moments.append(moment)
    for at_ns, key, fact in sorted(changes, key=lambda change: change[0]):
        row_of[at_ns].changed[key] = fact
    return found
