"""Starts the servers that lease stores are tested against: on free ports of 127.0.0.1, and ended.

Rule: none of them speaks to anybody else, and each is ready when a request was answered.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

READY_S = 60.0
STOP_S = 20.0


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port that nobody uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(
    command: Sequence[str],
    log: Path,
    ready: Callable[[], bool],
    environment: dict[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A server for as long as the block takes; an error shows its log."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | (environment or {}),
            start_new_session=True,
        )
    try:
        until_s = time.monotonic() + READY_S
        while not ready():
            assert process.poll() is None, f"{command[0]} ended:\n{log.read_text()[-4000:]}"
            assert time.monotonic() < until_s, f"{command[0]} is not ready:\n{log.read_text()}"
            time.sleep(0.05)
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, number)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                continue
            break


def answers(port: int) -> bool:
    """Does somebody accept connections there?"""
    try:
        with socket.create_connection(("127.0.0.1", port), 1.0):
            return True
    except OSError:
        return False
