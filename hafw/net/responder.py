"""Answers the health checks of a load balancer, at an address that is here or not.

One rule: it listens at the address alone, so whoever shuts or removes the address silences it.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from contextlib import suppress
from typing import Final

CONNECTIONS: Final = 256
"""Open at once; more are closed as they come, which a TCP check takes for an answer too."""
IDLE_S: Final = 5.0
"""How long one that asks nothing is kept."""
REQUEST_BYTES: Final = 4_096
_TICK_S: Final = 1.0
_STOP_S: Final = 5.0
_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_IP_FREEBIND: Final = 15  # linux/in.h
_IPV6_FREEBIND: Final = 78  # linux/in6.h


class Responder:
    """Accepts TCP connections at one address and port, and answers any request with 200."""

    def __init__(self, address: str, port: int) -> None:
        """Listen from now on, also while no interface has the address. Raises OSError."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                self._listener.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
            else:
                self._listener.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
            self._listener.bind((address, port))
            self._listener.listen(CONNECTIONS)
            self._listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
        except OSError:
            self._listener.close()
            raise
        self._wake, self._woken = socket.socketpair()
        self._until_s: dict[socket.socket, float] = {}
        self._thread = threading.Thread(target=self._run, name=f"responder {port}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, and close what is open."""
        self._wake.close()
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector, self._listener, self._woken:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select(_TICK_S)]
                if self._woken in ready:
                    break
                for found in ready:
                    if found is self._listener:
                        self._accept(selector)
                    elif isinstance(found, socket.socket):
                        self._answer(found)
                        self._end(found, selector)
                now_s = time.monotonic()
                for idle in [one for one, until_s in self._until_s.items() if until_s <= now_s]:
                    self._end(idle, selector)
            for open_ in [*self._until_s]:
                self._end(open_, selector)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        with suppress(OSError):  # until nobody waits, or whoever waited is gone
            while True:
                connection, _ = self._listener.accept()
                if len(self._until_s) >= CONNECTIONS:
                    connection.close()
                    continue
                connection.setblocking(False)  # noqa: FBT003 - the standard library's signature
                self._until_s[connection] = time.monotonic() + IDLE_S
                selector.register(connection, selectors.EVENT_READ)

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError):  # whoever asked may be gone
            if connection.recv(REQUEST_BYTES):
                connection.send(_OK)

    def _end(self, connection: socket.socket, selector: selectors.BaseSelector) -> None:
        selector.unregister(connection)
        del self._until_s[connection]
        connection.close()
