"""The clock in which every deadline is given.

One rule: wall time is never read for a decision.
"""

from __future__ import annotations

import time


def boot_ns() -> int:
    """CLOCK_BOOTTIME in ns: counts suspend, never steps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
