"""Any times that a cluster file may say, and the settings that follow from them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from hafw.config.timing import BEATS_NEEDED, SHORTEST_DEADTIME_NS, SHORTEST_NS
from hafw.core.settings import MS, SECOND, Classes, Timing
from hafw_sim.pairs import settings_pair

if TYPE_CHECKING:
    from hafw.core.settings import Settings

TICKS_MS: Final = (0, 1, 4, 10)
"""Ticks of the kernel: none, and those of CONFIG_HZ 1000, 250 and 100."""
SETTINGS: Final = settings_pair(Classes.REFLECTED)[1]
BY_WHAT_IS_HEARD: Final = settings_pair(Classes.BEST_EFFORT, pings=0)[1]


def timings() -> st.SearchStrategy[Timing]:
    """Any times that a cluster file may say."""
    keepalives = st.integers(SHORTEST_NS, 20 * SECOND)
    return st.builds(timing_of, keepalives, st.floats(BEATS_NEEDED, 100))


def timing_of(keepalive_ns: int, beats: float) -> Timing:
    deadtime_ns = max(int(keepalive_ns * beats), SHORTEST_DEADTIME_NS)
    return Timing(keepalive_ns=keepalive_ns, deadtime_ns=deadtime_ns, initdead_ns=2 * deadtime_ns)


def settings_of(
    timing: Timing, *, absolute: bool = False, pings: int = 1, tick_ms: int = 0
) -> Settings:
    return replace(
        SETTINGS if pings else BY_WHAT_IS_HEARD,
        timing=timing,
        gate_absolute=absolute,
        pings=pings,
        reflect=bool(pings),
        tick_ns=tick_ms * MS,
    )
