"""What was measured, on what, and how quiet that was.

Rule: nothing here names a host, a person or a place.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hafw import __version__

_ROOT: Final = Path(__file__).resolve().parent.parent
_STEAL: Final = 7  # the column of /proc/stat
_IDLE: Final = (3, 4)
_TICKS: Final = 8  # user, nice, system, idle, iowait, irq, softirq, steal


def of_this_run(command: str) -> dict[str, Any]:
    """The heading of a result."""
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="minutes"),
        "command": command,
        "hafw": __version__,
        "commit": _commit(),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_mib": _memory_mib(),
            "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
            "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
            "python": platform.python_version(),
            "real_time": os.geteuid() == 0,
        },
    }


def _commit() -> str:
    words = ["git", "-C", str(_ROOT), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_mib() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


@dataclass(frozen=True, slots=True)
class Quiet:
    """The machine's counters at one moment; `since` says how quiet it was from then on."""

    ticks: tuple[int, ...]
    at_s: float
    load: float

    @classmethod
    def now(cls) -> Quiet:
        """Read them."""
        words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        ticks = tuple(int(word) for word in words[:_TICKS])
        return cls(ticks, time.monotonic(), os.getloadavg()[0])

    def since(self) -> dict[str, float]:
        """Load when it began, and the shares of processor time that were busy and stolen."""
        after = Quiet.now()
        spent = [now - was for now, was in zip(after.ticks, self.ticks, strict=True)]
        total = sum(spent) or 1
        return {
            "minutes": round((after.at_s - self.at_s) / 60, 1),
            "load_before": round(self.load, 2),
            "busy_percent": round(100 * (1 - sum(spent[each] for each in _IDLE) / total), 1),
            "stolen_percent": round(100 * spent[_STEAL] / total, 1),
        }
