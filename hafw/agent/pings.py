"""Ping nodes: our own echoes, and heartbeats that a ping node reflects to the peer.

One rule: what comes back is believed only if its payload is authenticated; the ICMP around it is
not. Replies are received through AF_PACKET, since a firewall's usual "invalid" rule drops the
reflected ones before any other socket sees them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from hafw.agent import clock
from hafw.net import bpf, frames
from hafw.net.packet import IpSocket, PacketSocket
from hafw.net.rtnetlink import Rtnl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hafw.config import Link
    from hafw.config.model import IPAddress

_REOPEN_NS: Final = 1_000_000_000
_DRAIN_LIMIT: Final = 256
_IPV4: Final = 4


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
        self._interface = ""
        self._own = target
        self._peer: IPAddress | None = None
        self._identifier = os.getpid() & 0xFFFF
        self._sender: IpSocket | None = None
        self._receiver: PacketSocket | None = None
        self._tried_ns = 0
        self.trouble = "not open yet"
        self.on_open: Callable[[PacketSocket], None] = lambda _: None
        self.on_close: Callable[[PacketSocket], None] = lambda _: None

    def open(self) -> None:
        """Open the sockets if it is time to try."""
        if self._sender is not None or clock.boot_ns() - self._tried_ns < _REOPEN_NS:
            return
        self._tried_ns = clock.boot_ns()
        v4 = self.target.version == _IPV4
        ethertype = frames.ETH_P_IP if v4 else frames.ETH_P_IPV6
        program = bpf.echo_replies4() if v4 else bpf.echo_replies6()
        try:
            self._choose_way()
            self._sender = IpSocket(self._interface, self.target.version)
            self._receiver = PacketSocket(self._interface, ethertype, program)
        except OSError as problem:
            self._fail(problem)
            return
        self.trouble = ""
        self.on_open(self._receiver)

    def _choose_way(self) -> None:
        """Find the interface, and the addresses of both nodes there. Raises OSError."""
        with Rtnl() as rtnl:
            way = rtnl.way_to(self.target)
        self._interface, self._own, self._peer = way.interface, way.source, None
        for link in self._links:
            own = link.ends[self._node]
            if own.interface == way.interface and own.address.version == self.target.version:
                self._own, self._peer = own.address, link.ends[1 - self._node].address

    def _fail(self, problem: OSError) -> None:
        self.trouble = str(problem.strerror or problem)
        self.close()

    def close(self) -> None:
        """Close; `open` may open it again."""
        if self._receiver is not None:
            self.on_close(self._receiver)
            self._receiver.close()
            self._receiver = None
        if self._sender is not None:
            self._sender.close()
            self._sender = None

    def echo(self, payload: bytes, n: int) -> None:
        """Ask the ping node to answer us."""
        self._send(self._own, payload, n)

    def reflect(self, payload: bytes, n: int) -> None:
        """Ask the ping node to answer the peer, whose address the request has as source."""
        if self._peer is not None:
            self._send(self._peer, payload, n)

    def _send(self, source: IPAddress, payload: bytes, n: int) -> None:
        if self._sender is None:
            self.open()
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
