"""Virtual time on a heap, and chance in named streams.

One rule: time is integer nanoseconds, ties go in the order in which they were planned, and every
kind of chance has a stream of its own, so that a new kind of fault does not shift the others.

What is planned is a `partial` of a method, never a closure: so a world can be copied, and looked
into, while things are under way.
"""

from __future__ import annotations

import random
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from hafw.core.settings import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from functools import partial

EVENTS_PER_SECOND_MAX: Final = 50_000
"""More events than this in one simulated second: something spins, and the run is ended."""


class Endless(AssertionError):
    """The world makes no progress: too many events in one simulated second."""


class Clockwork:
    """What happens when, and by what chance."""

    def __init__(self, seed: int, *, steady: bool = False) -> None:
        """Begin at 0 with nothing planned. `steady`: nothing is left to chance.

        `watch` may be set: it is called after everything that happens, to look at the world, and
        before the time goes on after something was done to it from outside.
        """
        self.seed = seed
        self.steady = steady
        self.now_ns = 0
        self.events = 0
        self.watch: Callable[[], None] | None = None
        self._heap: list[tuple[int, int, partial[None]]] = []
        self._seq = 0
        self._streams: dict[str, random.Random] = {}

    def chance(self, stream: str) -> random.Random:
        """The random stream of that name."""
        found = self._streams.get(stream)
        if found is None:
            found = self._streams[stream] = random.Random(f"{self.seed}/{stream}")
        return found

    def between(self, stream: str, bounds: tuple[int, int]) -> int:
        """A number within `bounds`, both included; in a steady world the upper one."""
        low, high = bounds
        if self.steady or low == high:
            return high
        return low + int(self.chance(stream).random() * (high - low + 1))

    def coin(self, stream: str) -> bool:
        """Yes or no; in a steady world yes."""
        return self.steady or self.chance(stream).random() < 0.5  # noqa: PLR2004 - a fair one

    def at(self, when_ns: int, what: partial[None]) -> None:
        """Do something at that time, or now if it is past."""
        self._seq += 1
        heappush(self._heap, (max(self.now_ns, when_ns), self._seq, what))

    def after(self, delay_ns: int, what: partial[None]) -> None:
        """Do something that much later."""
        self.at(self.now_ns + delay_ns, what)

    @property
    def planned(self) -> list[tuple[int, partial[None]]]:
        """What will happen and when, in order."""
        return [(when_ns, what) for when_ns, _, what in sorted(self._heap)]

    def run_until(self, end_ns: int) -> None:
        """Let the time go by up to `end_ns`. Raises `Endless`."""
        heap, watch = self._heap, self.watch
        second_ends_ns, bound = self.now_ns, self.events
        if watch is not None:
            watch()
        while heap and heap[0][0] <= end_ns:
            self.now_ns, _, what = heappop(heap)
            self.events += 1
            if self.now_ns >= second_ends_ns:
                second_ends_ns = self.now_ns + SECOND
                bound = self.events + EVENTS_PER_SECOND_MAX
            if self.events > bound:
                raise Endless(f"{EVENTS_PER_SECOND_MAX} events in the second to {second_ends_ns}")
            what()
            if watch is not None:
                watch()
        self.now_ns = end_ns
