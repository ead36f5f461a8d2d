"""What the prober, the monitor and the ARP cross-check wrote down, and what follows from it.

Rule: a verdict comes from the records alone; nothing is asked of the nodes that are judged.

The records grow while they are read: `refresh` takes in what has come since.
"""

from __future__ import annotations

import bisect
import itertools
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hafw_sim.lab import arpwatch, monitor, prober
from hafw_sim.lab.files import contents
from hafw_sim.lab.serving import Change
from hafw_sim.lab.topology import MACHINES

if TYPE_CHECKING:
    import struct
    from collections.abc import Iterator, Sequence
    from ipaddress import IPv4Address, IPv6Address

GAP_MIN_NS: Final = 3_000_000
"""Shorter silences than this are the prober's or the scheduler's, not an outage."""

_NAMES: Final = {plan.number: plan.name for plan in MACHINES.values()} | {0: "a stranger"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that reached the client: who gave it, when it was asked for, when it was given."""

    machine: str
    asked_ns: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which the client got no answer: from its first vain question to the next answer.

    So a prober that is itself held up makes no gap.
    """

    start_ns: int
    end_ns: int

    @property
    def length_ns(self) -> int:
        """How long it was."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True)
class Outage:
    """What the client went without, between two moments."""

    gaps: tuple[Gap, ...]

    @property
    def longest_ns(self) -> int:
        """The longest gap."""
        return max((gap.length_ns for gap in self.gaps), default=0)

    @property
    def total_ns(self) -> int:
        """All gaps together."""
        return sum(gap.length_ns for gap in self.gaps)


@dataclass(frozen=True, slots=True)
class Turn:
    """A machine gave all answers from ``first_ns`` to ``last_ns``."""

    machine: str
    first_ns: int
    last_ns: int
    answers: int


class Reader:
    """Takes new records out of a file that another process appends to."""

    def __init__(self, file: int, layout: struct.Struct) -> None:
        """Nothing is taken yet."""
        self._file = file
        self._layout = layout
        self._taken = 0

    def fresh(self) -> Iterator[tuple[int, ...]]:
        """Yield what was not taken before."""
        data = contents(self._file, self._taken)
        whole = len(data) - len(data) % self._layout.size
        self._taken += whole
        yield from self._layout.iter_unpack(data[:whole])


class Probes:
    """Questions about one VIP and the answers to them, each in the order of time."""

    def __init__(self) -> None:
        """Begin with none."""
        self._questions = array("Q")
        self._answers = array("Q")
        self._asked = array("Q")  # when each of the answers was asked for
        self._machines = array("B")

    @property
    def asks(self) -> bool:
        """Whether any question has been asked."""
        return bool(self._questions)

    def asked(self, at_ns: int) -> None:
        """Take in a question."""
        self._questions.append(at_ns)

    def answered(self, machine: int, asked_ns: int, at_ns: int) -> None:
        """Take in an answer; it counts when it was given, even if it was overtaken on the way."""
        place = bisect.bisect(self._answers, at_ns)
        self._machines.insert(place, machine)
        self._asked.insert(place, asked_ns)
        self._answers.insert(place, at_ns)

    def first_answer(self, since_ns: int, machine: str | None = None) -> Answer | None:
        """Return the first answer given after ``since_ns``, by ``machine`` if one is named."""
        for place in range(bisect.bisect(self._answers, since_ns), len(self._answers)):
            name = _NAMES[self._machines[place]]
            if machine in (None, name):
                return Answer(name, self._asked[place], self._answers[place])
        return None

    def outage(self, start_ns: int, end_ns: int) -> Outage:
        """Return the gaps between the answers given from ``start_ns`` to ``end_ns``."""
        first = bisect.bisect_left(self._answers, start_ns)
        last = bisect.bisect_right(self._answers, end_ns)
        gaps = []
        for begin, end in itertools.pairwise([start_ns, *self._answers[first:last], end_ns]):
            asked = bisect.bisect_right(self._questions, begin)
            if end - begin >= GAP_MIN_NS and asked < len(self._questions):
                gaps.append(Gap(self._questions[asked], end))
        return Outage(tuple(gap for gap in gaps if gap.length_ns >= GAP_MIN_NS))

    def turns(self, start_ns: int, end_ns: int) -> tuple[Turn, ...]:
        """Return who answered, in order; two turns of one machine are parted by another's."""
        first = bisect.bisect_left(self._answers, start_ns)
        last = bisect.bisect_right(self._answers, end_ns)
        turns: list[Turn] = []
        for place in range(first, last):
            name, at_ns = _NAMES[self._machines[place]], self._answers[place]
            if turns and turns[-1].machine == name:
                turns[-1] = Turn(name, turns[-1].first_ns, at_ns, turns[-1].answers + 1)
            else:
                turns.append(Turn(name, at_ns, at_ns, 1))
        return tuple(turns)


@dataclass(frozen=True, slots=True)
class Claim:
    """A machine said by ARP that it has the address."""

    machine: str
    at_ns: int


class Record:
    """Everything that was written down about the VIPs of one lab."""

    def __init__(
        self,
        vips: Sequence[IPv4Address | IPv6Address],
        files: tuple[int, int, int],
    ) -> None:
        """Read from the files of prober, monitor and ARP cross-check (its VIPs come first)."""
        self._vips = vips
        probes, changes, claims = files
        self._probe_reader = Reader(probes, prober.RECORD)
        self._change_reader = Reader(changes, monitor.RECORD)
        self._claim_reader = Reader(claims, arpwatch.RECORD)
        self.probes = {vip: Probes() for vip in vips}
        self.changes: list[Change] = []
        self.claims: dict[IPv4Address | IPv6Address, list[Claim]] = {vip: [] for vip in vips}
        self.listening = False

    def refresh(self) -> None:
        """Take in what has been written since the last time."""
        for kind, place, machine, asked_ns, at_ns in self._probe_reader.fresh():
            probes = self.probes[self._vips[place]]
            if kind == prober.SENT:
                probes.asked(asked_ns)
            else:
                probes.answered(machine, asked_ns, at_ns)
        for machine, place, serves, at_ns in self._change_reader.fresh():
            if machine == 0:
                self.listening = True
            else:
                self.changes.append(Change(at_ns, machine, self._vips[place], bool(serves)))
        for place, machine, at_ns in self._claim_reader.fresh():
            self.claims[self._vips[place]].append(Claim(_NAMES[machine], at_ns))
