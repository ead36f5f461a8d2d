"""Where on a picture each moment of a run stands.

One rule: the order is true, the distances are not: a time in which nothing changes gets more room
the longer it was, but a thousand times as long is only a little wider.
"""

from __future__ import annotations

import bisect
import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hafw_sim.report.recording import Recording

NARROWEST: Final = 900.0
"""A picture is at least this wide, in pixels."""
_LEAST: Final = 5.0
_PER_DECADE: Final = 14.0
_SMALLEST_NS: Final = 100_000


class Axis:
    """Pixels by time, for the times at which something changed."""

    def __init__(self, times: Iterable[int], end_ns: int) -> None:
        """`times` may come in any order; 0 and the end belong to them."""
        self.times = sorted({0, end_ns, *(each for each in times if 0 <= each <= end_ns)})
        gaps = [late - early for early, late in zip(self.times, self.times[1:], strict=False)]
        widths = [_LEAST + _PER_DECADE * math.log10(1 + gap / _SMALLEST_NS) for gap in gaps]
        stretch = max(NARROWEST / sum(widths), 1.0) if widths else 1.0
        self._at = [0.0]
        for width in widths:
            self._at.append(self._at[-1] + width * stretch)

    @property
    def width(self) -> float:
        """How wide the whole is."""
        return self._at[-1]

    def x(self, at_ns: int) -> float:
        """Where a time stands; between two changes, in proportion."""
        after = bisect.bisect_left(self.times, at_ns)
        if after >= len(self.times):
            return self.width
        if self.times[after] == at_ns:
            return self._at[after]
        early, late = self.times[after - 1], self.times[after]
        share = (at_ns - early) / (late - early)
        return self._at[after - 1] + share * (self._at[after] - self._at[after - 1])


def axis_of(recording: Recording) -> Axis:
    """The axis on which a run's changes can all be told apart."""
    times = {span.begin_ns for spans in recording.lanes.values() for span in spans}
    return Axis(times | {moment.at_ns for moment in recording.moments}, recording.end_ns)
