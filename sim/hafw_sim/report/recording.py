"""What a run looked like: lanes of spans (how something was, and for how long) and moments.

One rule: a recording is plain data; whoever shows it needs no world.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BOTH = "both"
NOBODY = "nobody"


class Tone(StrEnum):
    """What a reader should make of something. Colour repeats it, never replaces it."""

    QUIET = "quiet"
    GOOD = "good"
    FAIR = "fair"
    BAD = "bad"
    WRONG = "wrong"


class Kind(StrEnum):
    """What a lane is about."""

    NETWORK = "network"
    MACHINE = "machine"
    GROUP = "group"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Key:
    """Names a lane: `who` is a node, a link or the like; `group` 0 where it is about none."""

    kind: Kind
    who: str
    group: int = 0

    def __str__(self) -> str:
        """As a person reads it."""
        if self.kind is Kind.ADDRESS:
            return f"address {self.group}"
        return f"{self.who} group {self.group}" if self.group else self.who


@dataclass(frozen=True, slots=True)
class Fact:
    """How something is. `detail` is for those who look closely."""

    text: str
    tone: Tone = Tone.QUIET
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """From `begin_ns` until `end_ns` it was so."""

    begin_ns: int
    end_ns: int
    fact: Fact


@dataclass(frozen=True, slots=True)
class Moment:
    """Something happened; `who` did it or noted it ("" for the one who tries things out)."""

    at_ns: int
    who: str
    text: str
    tone: Tone = Tone.QUIET
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """An operator's command was answered with this exit status."""

    at_ns: int
    node: str
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Recording:
    """A run from its beginning to `end_ns`. `groups` are the ids of its resource groups."""

    groups: tuple[int, ...]
    end_ns: int
    lanes: dict[Key, tuple[Span, ...]]
    moments: tuple[Moment, ...]
    answers: tuple[Answered, ...]

    def during(self, key: Key, begin_ns: int, end_ns: int) -> Iterator[Span]:
        """The spans of a lane that have any part in that time, its end included."""
        for span in self.lanes[key]:
            if span.begin_ns <= end_ns and span.end_ns > begin_ns:
                yield span

    def at(self, key: Key, at_ns: int) -> Fact:
        """How it was at that time, after all that happened then."""
        return next(span for span in reversed(self.lanes[key]) if span.begin_ns <= at_ns).fact

    def just_before(self, key: Key, at_ns: int) -> Fact:
        """How it was at that time, before anything else happened then."""
        spans = self.lanes[key]
        before = [span for span in spans if span.begin_ns < at_ns]
        return (before or list(spans))[-1].fact

    def lasted_ns(self, key: Key, text: str) -> int:
        """For how long in all it was so."""
        return sum(
            span.end_ns - span.begin_ns for span in self.lanes[key] if span.fact.text == text
        )
