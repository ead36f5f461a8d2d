"""Stands between a client and a server and does what networks and busy servers do, on command.

One rule: a fault holds until it is ended, and says exactly whether the server has acted.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE: Final = 65_536
IDLE_S: Final = 60.0
"""A connection on which nothing happens for so long is closed."""


class Kind(StrEnum):
    """What goes wrong."""

    NOTHING = "nothing"
    REPLY_LOST = "reply lost"
    """The server acts and answers; the answer is dropped, and the connection closed."""
    REPLY_LATE = "reply late"
    """The server acts and answers; the answer waits `delay_s`."""
    HALF_OPEN = "half open"
    """Connections are accepted; nothing reaches the server, nothing is answered."""
    REFUSED = "refused"
    """Connections are refused; what was open is reset. By UDP: nothing reaches the server."""
    STATUS = "status"
    """An HTTP server answers `status` without having acted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault."""

    kind: Kind
    delay_s: float = 0.0
    status: int = 503
    retry_after_s: int | None = None


NO_FAULT: Final = Fault(Kind.NOTHING)


class FaultProxy:
    """Forwards TCP or UDP from a free port of 127.0.0.1 to a server."""

    def __init__(self, target: tuple[str, int], transport: str = "tcp") -> None:
        """`transport`: "tcp" or "udp"."""
        self._target = target
        self._fault = NO_FAULT
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        if transport == "udp":
            self._socket = _bound(socket.SOCK_DGRAM, 0)
            self._start(self._forward_datagrams)
        else:
            self._socket = _bound(socket.SOCK_STREAM, 0)
            self._start(self._accept)
        self.address: tuple[str, int] = self._socket.getsockname()

    def __enter__(self) -> Self:
        """It forwards already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything and wait for the threads."""
        self._closing.set()
        for thread in self._threads:
            thread.join(IDLE_S)
        self._socket.close()

    @contextmanager
    def broken(self, fault: Fault) -> Iterator[None]:
        """The fault holds inside the block."""
        self._fault = fault
        refused = fault.kind is Kind.REFUSED and self._socket.type == socket.SOCK_STREAM
        if refused:
            # Closing alone would wait for the thread that listens there.
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
        try:
            yield
        finally:
            if refused:
                self._socket = _bound(socket.SOCK_STREAM, self.address[1])
            self._fault = NO_FAULT

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    # --- TCP ----------------------------------------------------------------------------------

    def _accept(self) -> None:
        while not self._closing.is_set():
            with suppress(OSError, ValueError):  # it is closed while connections are refused
                ready, _, _ = select.select([self._socket], [], [], _TICK_S)
                if ready:
                    self._start(self._serve, self._socket.accept()[0])
                continue
            self._closing.wait(_TICK_S)

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection(self._target, IDLE_S)
            except OSError:
                return
            with server, suppress(OSError):
                while not self._closing.is_set():
                    ready, _, _ = select.select([client, server], [], [], _TICK_S)
                    if self._fault.kind is Kind.REFUSED:
                        _reset_when_closed(client)
                        return
                    if client in ready and not self._from_client(client, server):
                        return
                    if server in ready and not self._from_server(client, server):
                        return

    def _from_client(self, client: socket.socket, server: socket.socket) -> bool:
        """Pass on what the client sent; False: the connection is over."""
        fault = self._fault
        data = client.recv(PIECE)
        if not data:
            return False
        if fault.kind is Kind.STATUS:
            client.sendall(_http_reply(fault))
            client.shutdown(socket.SHUT_WR)
            _drain(client)
            return False
        if fault.kind is not Kind.HALF_OPEN:
            server.sendall(data)
        return True

    def _from_server(self, client: socket.socket, server: socket.socket) -> bool:
        """Pass on what the server sent; False: the connection is over."""
        fault = self._fault
        data = server.recv(PIECE)
        if not data:
            return False
        if fault.kind is Kind.REPLY_LOST and not data.startswith(_CONTINUE):
            return False
        if fault.kind is Kind.REPLY_LATE:
            self._closing.wait(fault.delay_s)
        client.sendall(data)
        return True

    # --- UDP ----------------------------------------------------------------------------------

    def _forward_datagrams(self) -> None:
        upstream: dict[socket.socket, tuple[str, int]] = {}
        while not self._closing.is_set():
            ready, _, _ = select.select([self._socket, *upstream], [], [], _TICK_S)
            for one in ready:
                fault = self._fault
                data, source = one.recvfrom(PIECE)
                if one is not self._socket:
                    if fault.kind is Kind.REPLY_LATE:
                        self._closing.wait(fault.delay_s)
                    if fault.kind is not Kind.REPLY_LOST:
                        self._socket.sendto(data, upstream[one])
                elif fault.kind not in (Kind.HALF_OPEN, Kind.REFUSED):
                    _upstream_of(source, upstream).sendto(data, self._target)
        for one in upstream:
            one.close()


_TICK_S: Final = 0.02
"""How soon a thread sees that the proxy is closed or a fault has begun."""
_CONTINUE: Final = b"HTTP/1.1 100"
"""Not the answer yet: the server wants to have the body."""


def _reset_when_closed(client: socket.socket) -> None:
    """RST instead of FIN: what the client sends next fails at once."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _bound(kind: int, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, kind)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    if kind == socket.SOCK_STREAM:
        bound.listen()
    return bound


def _upstream_of(
    source: tuple[str, int], upstream: dict[socket.socket, tuple[str, int]]
) -> socket.socket:
    """The socket that speaks to the server for one client."""
    for one, client in upstream.items():
        if client == source:
            return one
    fresh = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    upstream[fresh] = source
    return fresh


def _http_reply(fault: Fault) -> bytes:
    pause = "" if fault.retry_after_s is None else f"Retry-After: {fault.retry_after_s}\r\n"
    return (
        f"HTTP/1.1 {fault.status} Injected\r\n{pause}Content-Length: 0\r\nConnection: close\r\n\r\n"
    ).encode()


def _drain(client: socket.socket) -> None:
    """Read what still comes, so that closing does not reset the reply away."""
    client.settimeout(1.0)
    with suppress(OSError):
        while client.recv(PIECE):
            pass
