"""Ping nodes: our own echoes, and heartbeats that a ping node reflects to the peer.

One rule: what comes back is believed only if its payload is authenticated; the ICMP around it is
not. Replies are received through AF_PACKET, since a firewall's usual "invalid" rule drops the
reflected ones before any other socket sees them. A node that cannot send still hears the heartbeats
that its peer has reflected.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hafw.agent import clock
from hafw.net import frames
from hafw.net.packet import IpSocket, PacketSocket
from hafw.net.rtnetlink import Rtnl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hafw.config import Link
    from hafw.config.model import IPAddress

_REOPEN_NS: Final = 1_000_000_000
_DRAIN_LIMIT: Final = 256


@dataclass(frozen=True, slots=True)
class _Way:
    """How requests leave, and the addresses of both nodes there; a new interface is a new way."""

    interface: str
    index: int
    own: IPAddress
    peer: IPAddress | None


class PingNode:
    """One ping node, reached by the way that the kernel's routes say.

    It need not be on the network of a link, except to reflect: a reflected heartbeat is sent back
    to the peer's address there.
    """

    def __init__(self, target: IPAddress, links: Sequence[Link], node: int) -> None:
        """Not open yet: `open` says when it is."""
        self.target = target
        self._links = links
        self._node = node
        self._way: _Way | None = None
        self._identifier = os.getpid() & 0xFFFF
        self._sender: IpSocket | None = None
        self._receiver: PacketSocket | None = None
        self._looked_ns = 0
        self.trouble = "not open yet"
        self.on_open: Callable[[PacketSocket], None] = lambda _: None
        self.on_close: Callable[[PacketSocket], None] = lambda _: None

    def open(self) -> None:
        """Open the sockets if it is time to try."""
        if self._way is not None or not self._is_time_to_look():
            return
        try:
            self._open(self._find_way())
        except OSError as problem:
            self._note(problem)
            self.close()

    def _is_time_to_look(self) -> bool:
        now_ns = clock.boot_ns()
        if now_ns - self._looked_ns < _REOPEN_NS:
            return False
        self._looked_ns = now_ns
        return True

    def _find_way(self) -> _Way:
        """Ask the kernel for the way of now. Raises OSError."""
        with Rtnl() as rtnl:
            found = rtnl.way_to(self.target)
        own, peer = found.source, None
        for link in self._links:
            end = link.ends[self._node]
            if end.interface == found.interface and end.address.version == self.target.version:
                own, peer = end.address, link.ends[1 - self._node].address
        return _Way(found.interface, socket.if_nametoindex(found.interface), own, peer)

    def _open(self, way: _Way) -> None:
        """Open the sockets for that way. Raises OSError."""
        self._way = way
        self._sender = IpSocket(way.interface, self.target.version)
        self._receiver = PacketSocket.for_echo_replies(way.interface, self.target.version)
        self.trouble = ""
        self.on_open(self._receiver)

    def _fail(self, problem: OSError) -> None:
        """What cannot be sent may still be received, unless the way is another one now."""
        self._note(problem)
        if self._is_time_to_look():
            with suppress(OSError):  # while there is no way, what is open stays
                if self._find_way() != self._way:
                    self.close()
                    self._looked_ns = 0

    def _note(self, problem: OSError) -> None:
        self.trouble = str(problem.strerror or problem)

    def close(self) -> None:
        """Close; `open` may open it again."""
        if self._receiver is not None:
            self.on_close(self._receiver)
            self._receiver.close()
            self._receiver = None
        if self._sender is not None:
            self._sender.close()
            self._sender = None
        self._way = None

    def echo(self, payload: bytes, n: int) -> None:
        """Ask the ping node to answer us."""
        self.open()
        if self._way is not None:
            self._send(self._way.own, payload, n)

    def reflect(self, payload: bytes, n: int) -> None:
        """Ask the ping node to answer the peer, whose address the request has as source."""
        self.open()
        if self._way is not None and self._way.peer is not None:
            self._send(self._way.peer, payload, n)

    def _send(self, source: IPAddress, payload: bytes, n: int) -> None:
        if self._sender is None:
            return
        packet = frames.echo_request(source, self.target, self._identifier, n & 0xFFFF, payload)
        try:
            self._sender.send(packet, self.target)
            self.trouble = ""
        except BlockingIOError:
            self.trouble = "send queue full"
        except OSError as problem:
            self._fail(problem)

    def receive(self) -> list[bytes]:
        """The payloads of the echo replies of this ping node that wait, at most 256."""
        waiting: list[bytes] = []
        for _ in range(_DRAIN_LIMIT):
            if self._receiver is None:
                break
            received = None
            try:
                received = self._receiver.receive()
            except OSError as problem:
                self._fail(problem)
            if received is None:
                break
            reply = frames.parse_echo_reply(received[0])
            if reply is not None and reply.source == self.target and reply.payload[:4] == b"hafw":
                waiting.append(reply.payload)
        return waiting
