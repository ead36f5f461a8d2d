"""The clocks of a node. One rule: wall time is never read for a decision."""

from __future__ import annotations

import time

from hafw.core.model import Instant


def boot_ns() -> int:
    """CLOCK_BOOTTIME in ns: counts suspend, never steps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def now() -> Instant:
    """Both clocks; they differ by the time spent suspended."""
    return Instant(boot_ns(), time.clock_gettime_ns(time.CLOCK_MONOTONIC))
