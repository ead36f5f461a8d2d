"""Stands before a server and counts what passes: connections, and questions with their answers.

Rule: it looks at times alone; what is said is passed on as it is, at once.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

_PART: Final = 65_536
_STOP_S: Final = 5.0

Address = tuple[str, int]


@dataclass(slots=True)
class Exchange:
    """A question and its answer, which may take several packets; times of CLOCK_MONOTONIC."""

    asked_s: float
    answered_s: float = 0.0


class Toll:
    """Passes what comes to `at` on to `target`."""

    def __init__(self, target: Address, at: Address = ("127.0.0.1", 0)) -> None:
        """Listen from now on. Raises OSError."""
        self._target = target
        self._lock = threading.Lock()
        self._connections = 0
        self._exchanges: list[Exchange] = []
        self._listener = socket.create_server(at)
        self.address: Address = self._listener.getsockname()[:2]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Accept no more; connections end with their clients."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(_STOP_S)
        self._listener.close()

    def forget(self) -> None:
        """Count from nothing."""
        with self._lock:
            self._connections, self._exchanges = 0, []

    @property
    def connections(self) -> int:
        """How many were opened."""
        with self._lock:
            return self._connections

    def exchanges(self) -> list[Exchange]:
        """Those that were answered."""
        with self._lock:
            return [one for one in self._exchanges if one.answered_s]

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            with self._lock:
                self._connections += 1
            threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        try:
            with client, socket.create_connection(self._target) as server:
                self._pass_between(client, server)
        except OSError:
            return  # an end broke off: so does the other

    def _pass_between(self, client: socket.socket, server: socket.socket) -> None:
        current: Exchange | None = None
        with selectors.DefaultSelector() as selector:
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    asked = key.fileobj is client
                    part = (client if asked else server).recv(_PART)
                    if not part:
                        return
                    current = self._count(current, asked=asked)
                    (server if asked else client).sendall(part)

    def _count(self, current: Exchange | None, *, asked: bool) -> Exchange | None:
        """A question after an answer is a new one."""
        now_s = time.monotonic()
        with self._lock:
            if asked and (current is None or current.answered_s):
                current = Exchange(now_s)
                self._exchanges.append(current)
            elif not asked and current is not None:
                current.answered_s = now_s
        return current


def rounds(exchanges: Iterable[Exchange]) -> int:
    """How many round trips had to be waited for, one after the other.

    That is the largest number of exchanges of which no two overlap; taking always the one that ends
    first finds it.
    """
    found, free_s = 0, 0.0
    for one in sorted(exchanges, key=lambda each: each.answered_s):
        if one.asked_s >= free_s:
            found, free_s = found + 1, one.answered_s
    return found
