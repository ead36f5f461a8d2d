"""Asks for what keeps the heartbeat on time: real-time scheduling and locked memory.

One rule: what is not granted is not needed for safety; it is only reported.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

_MCL_CURRENT: Final = 1  # sys/mman.h; never MCL_FUTURE: under a finite limit it fails later
_PRIORITY: Final = 10


def acquire() -> str:
    """Ask for both; returns what was had, in words."""
    had: list[str] = []
    try:
        # Reset on fork: the worker and its SDKs must not run in real time.
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(_PRIORITY))
        had.append("real-time")
    except OSError:
        had.append("ordinary scheduling")
    locked = ctypes.CDLL(None, use_errno=True).mlockall(_MCL_CURRENT) == 0
    had.append("memory locked" if locked else "memory not locked")
    return ", ".join(had)
