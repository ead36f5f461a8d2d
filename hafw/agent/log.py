"""The agent's log: text on standard error, where systemd's journal or a file takes it.

One rule: it never holds the agent up. Where nobody reads (a full pipe, a stuck journal) lines are
lost, and the next that goes out says how many.
"""

from __future__ import annotations

import json
import select
from os import write
from typing import Final

_STDERR: Final = 2
_PIECE: Final = 4096  # what a writable pipe takes at once (PIPE_BUF, pipe(7))

_lost = 0


def event(fields: dict[str, object]) -> None:
    """Write one event, as one line of JSON."""
    text(json.dumps(fields, separators=(",", ":"), ensure_ascii=False))


def text(lines: str) -> None:
    """Write a line, or several."""
    global _lost  # noqa: PLW0603 - a process has one standard error
    said = f"({_lost} lines of this log are lost: nobody read them)\n" if _lost else ""
    if _write(f"{said}{lines}\n".encode(errors="replace")):
        _lost = 0
    else:
        _lost += lines.count("\n") + 1


def _write(data: bytes) -> bool:
    """Write as much as does not block; False if that was not all."""
    ready = select.poll()
    ready.register(_STDERR, select.POLLOUT)
    while data:
        if not any(events & select.POLLOUT for _, events in ready.poll(0)):
            return False
        try:
            data = data[write(_STDERR, data[:_PIECE]) :]
        except OSError:
            return False
    return True
