"""The service of `labwriter`, a program of its own: appends records to a shared file for ever.

Rule: it imports next to nothing, so that it runs a moment after it was started.
"""

from __future__ import annotations

import os
import struct
import sys
import time
from typing import Final

RECORD: Final = struct.Struct("!QI")
"""Epoch of the start, number of the node."""
PERIOD_S: Final = 0.001


def main(lock: int, path: str, epoch: int, node: int) -> None:
    """`lock`: a locked file, which stays locked while this runs, and says which process that is."""
    os.write(lock, str(os.getpid()).encode())
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    while True:
        os.write(file, RECORD.pack(epoch, node))
        time.sleep(PERIOD_S)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
