"""Both clocks of a node. One rule: wall time is never read for a decision."""

from __future__ import annotations

import time

from hafw.core.model import Instant
from hafw.net.clock import boot_ns


def now() -> Instant:
    """Both clocks; they differ by the time spent suspended."""
    return Instant(boot_ns(), time.clock_gettime_ns(time.CLOCK_MONOTONIC))


__all__ = ["boot_ns", "now"]
