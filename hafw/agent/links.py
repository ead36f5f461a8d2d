"""Heartbeat links: one UDP socket each, bound to its interface and address.

One rule: a link that cannot send or receive is a silent link, never an error of the agent; and one
direction that fails does not take the other along.
"""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from hafw.agent import clock
from hafw.core.wire import MAX_DATAGRAM

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.config import LinkEnd

_IP_FREEBIND: Final = 15  # linux/in.h: bind before the address is there
_IPV6_FREEBIND: Final = 78  # linux/in6.h
_REOPEN_NS: Final = 1_000_000_000
_DRAIN_LIMIT: Final = 256
_TOS_NETWORK_CONTROL: Final = 0xC0  # DSCP CS6 (RFC 4594): what routing protocols use


class LinkSocket:
    """One end of a link. Opens itself again, at most once a second, when its interface changed."""

    def __init__(self, own: LinkEnd, peer: LinkEnd, port: int) -> None:
        """Not open yet: `open` says when it is."""
        self.own = own
        self._to = (str(peer.address), port)
        self._from = _without_scope(str(peer.address))
        self._port = port
        self._socket: socket.socket | None = None
        self._index = 0
        self._opened_ns = 0
        self.trouble = "not open yet"
        self.port_in_use = False
        self.foreign = 0
        self.on_open: Callable[[socket.socket], None] = lambda _: None
        self.on_close: Callable[[socket.socket], None] = lambda _: None

    def open(self) -> None:
        """Open the socket if it is time to try."""
        if self._socket is not None or clock.boot_ns() - self._opened_ns < _REOPEN_NS:
            return
        self._opened_ns = clock.boot_ns()
        v4 = self.own.address.version == 4  # noqa: PLR2004 - IP version
        family = socket.AF_INET if v4 else socket.AF_INET6
        fresh = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._index = socket.if_nametoindex(self.own.interface)
            name = self.own.interface.encode()
            fresh.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name + b"\0")
            with suppress(OSError):
                if v4:
                    fresh.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
                    fresh.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _TOS_NETWORK_CONTROL)
                else:
                    fresh.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
            fresh.bind((str(self.own.address), self._port))
        except OSError as problem:
            fresh.close()
            self.port_in_use = problem.errno == errno.EADDRINUSE
            self._note(problem)
            return
        self._socket = fresh
        self.trouble = ""
        self.port_in_use = False
        self.on_open(fresh)

    def close(self) -> None:
        """Close; `open` may open it again."""
        if self._socket is not None:
            self.on_close(self._socket)
            self._socket.close()
            self._socket = None

    def send(self, data: bytes) -> None:
        """Send, or note why not."""
        if self._socket is None:
            self.open()
            if self._socket is None:
                return
        try:
            self._socket.sendto(data, self._to)
            self.trouble = ""
        except BlockingIOError:
            self.trouble = "send queue full"
        except OSError as problem:
            self._fail(problem)

    def receive(self) -> list[bytes]:
        """What waits, at most 256 datagrams; those of other senders are counted and dropped."""
        waiting: list[bytes] = []
        if self._socket is None:
            return waiting
        for _ in range(_DRAIN_LIMIT):
            try:
                data, sender = self._socket.recvfrom(MAX_DATAGRAM + 1)
            except BlockingIOError:
                break
            except OSError as problem:
                self._fail(problem)
                break
            if _without_scope(sender[0]) != self._from:
                self.foreign += 1
                continue
            waiting.append(data)
        return waiting

    def _fail(self, problem: OSError) -> None:
        """What cannot be sent may still be received, unless the interface is another one now."""
        self._note(problem)
        try:
            index = socket.if_nametoindex(self.own.interface)
        except OSError:
            index = 0
        if index != self._index:
            self.close()

    def _note(self, problem: OSError) -> None:
        self.trouble = f"{self.own.interface}: {problem.strerror or problem}"


def _without_scope(address: str) -> str:
    """A link-local address is told with its interface: fe80::1%eth0."""
    return address.partition("%")[0]
