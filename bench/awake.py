"""Keeps a machine's memory awake, at a priority that takes nothing from anybody.

Rule: what is measured beside it is measured without it as well. A processor slows down caches and
memory that nobody uses, or the host of a virtual machine does; who works for a millisecond every
second then pays a multiple of that.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_COPY: Final = """\
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
pages = [bytearray(1 << 20) for _ in range(64)]
while os.getppid() == PARENT:
    pages.insert(0, bytearray(pages.pop()))
"""
"""More than the caches of a core hold is copied, until the bench ends, however it does."""


@contextmanager
def memory_awake() -> Iterator[None]:
    """Meanwhile a process per core copies memory whenever nobody else wants the core."""
    code = _COPY.replace("PARENT", str(os.getpid()))
    with ExitStack() as ending:
        for _ in range(os.cpu_count() or 1):
            process = subprocess.Popen([sys.executable, "-c", code])
            ending.callback(process.wait)
            ending.callback(process.kill)
        yield
