"""Files in memory, shared between a process that writes and one that reads.

Rule: reading never moves the position at which the other process writes.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def memory_file(name: str) -> Iterator[int]:
    """Yield an open file that lives in memory only, and close it at the end of the block."""
    file = os.memfd_create(name)
    try:
        yield file
    finally:
        os.close(file)


def contents(file: int, start: int = 0) -> bytes:
    """Return what is in an open file from the byte ``start`` on."""
    return os.pread(file, os.fstat(file).st_size - start, start)
