"""The chances of one seed: times, places and shares, in units of the pair that they are for.

One rule: everything comes from one named stream, in the order in which it is asked for.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from hafw.core.settings import SECOND

if TYPE_CHECKING:
    from hafw_sim.schedule import Pair, Value

NODES: Final = ("alpha", "beta")


class Draw:
    """The chances of one seed."""

    def __init__(self, seed: int, pair: Pair, stream: str = "faults") -> None:
        """`pair` is what the faults are drawn for, from this stream of the seed."""
        self._random = random.Random(f"{seed}/{stream}")
        self._pair = pair

    def node(self) -> str:
        """Either node."""
        return self._random.choice(NODES)

    def one(self, *values: Value) -> Value:
        """One of these."""
        return self._random.choice(values)

    def seconds(self, low_deadtimes: float, high_deadtimes: float) -> float:
        """A time between so many deadtimes; short ones more often."""
        low, high = low_deadtimes, high_deadtimes
        deadtime_s = self._pair.deadtime_ns / SECOND
        drawn: float = deadtime_s * low * (high / low) ** self._random.random()
        return round(drawn, 6)

    def share(self, high: float) -> float:
        """A share up to `high`."""
        return round(self._random.random() * high, 4)

    def ways(self) -> list[str]:
        """Every way of the pair."""
        return [*(f"link{number}" for number in range(self._pair.links)), "to_ping", "from_ping"]

    def timing(self) -> dict[str, Value]:
        """Other times, faster or slower, as arguments of `edit`."""
        pair = self._pair
        factor = self._random.choice((0.2, 0.5, 2, 5))
        times = {
            "keepalive_s": pair.keepalive_ns,
            "warntime_s": pair.warntime_ns,
            "deadtime_s": pair.deadtime_ns,
            "initdead_s": pair.initdead_ns,
        }
        return {name: round(factor * time_ns / SECOND, 6) for name, time_ns in times.items()}

    def way(self) -> str:
        """Any way."""
        return self._random.choice(self.ways())

    def link(self) -> str:
        """Any link."""
        return f"link{self.number(0, self._pair.links - 1)}"

    def group(self) -> int:
        """A group's id."""
        return self._random.choice(self._pair.every_group()).id

    def number(self, low: int, high: int) -> int:
        """A number within these."""
        return self._random.randint(low, high)
