"""One agent to a directory: a lock that the kernel drops when its holder dies, however it dies.

One rule: whoever has the lock may take everything in the directory for its own.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME: Final = "agent.lock"


class DirectoryInUse(Exception):
    """Another agent has the directory; the message names it and says what to do."""


def claim(directory: Path) -> IO[str]:
    """Lock the directory for as long as the returned file is open.

    Raises `DirectoryInUse`, and OSError where the file cannot be made.
    """
    file = (directory / FILE_NAME).open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read(20).strip()
        file.close()
        raise DirectoryInUse(
            f"another agent (process {holder or 'unknown'}) uses {directory}; stop that one, or "
            "give this one directories of its own with --state-dir and --run-dir"
        ) from None
    with suppress(OSError):  # a full disk: the lock holds all the same, it only names nobody
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
    return file
