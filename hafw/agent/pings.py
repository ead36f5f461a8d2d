"""Ping nodes: our own echoes, and heartbeats that a ping node reflects to the peer.

One rule: what comes back is believed only if its payload is authenticated; the ICMP around it is
not. Replies are received through AF_PACKET, since a firewall's usual "invalid" rule drops the
reflected ones before any other socket sees them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from hafw.agent import clock
from hafw.net import bpf, frames
from hafw.net.packet import IpSocket, PacketSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hafw.config import Link
    from hafw.config.model import IPAddress

_REOPEN_NS: Final = 1_000_000_000
_DRAIN_LIMIT: Final = 256
_IPV4: Final = 4


def nearest_link(target: IPAddress, links: Sequence[Link], node: int) -> Link | None:
    """The link whose own address shares the longest prefix with `target`: its LAN, if any does."""
    best: tuple[int, Link] | None = None
    for link in links:
        own = link.ends[node].address
        if own.version != target.version:
            continue
        shared = target.max_prefixlen - (int(own) ^ int(target)).bit_length()
        if best is None or shared > best[0]:
            best = (shared, link)
    return best[1] if best is not None else None


class PingNode:
    """One ping node, as seen from one interface."""

    def __init__(self, target: IPAddress, link: Link, node: int) -> None:
        """Not open yet: `open` says when it is."""
        self.target = target
        self.interface = link.ends[node].interface
        self._own = link.ends[node].address
        self._peer = link.ends[1 - node].address
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
            sender = IpSocket(self.interface, self.target.version)
        except OSError as problem:
            self.trouble = f"{self.interface}: {problem.strerror}"
            return
        try:
            self._receiver = PacketSocket(self.interface, ethertype, program)
        except OSError as problem:
            sender.close()
            self.trouble = f"{self.interface}: {problem.strerror}"
            return
        self._sender = sender
        self.trouble = ""
        self.on_open(self._receiver)

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
            self.trouble = f"{self.interface}: {problem.strerror}"
            self.close()

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
                self.trouble = f"{self.interface}: {problem.strerror}"
                with suppress(OSError):
                    self.close()
            if received is None:
                break
            reply = frames.parse_echo_reply(received[0])
            if reply is not None and reply.source == self.target and reply.payload[:4] == b"hafw":
                waiting.append(reply.payload)
        return waiting
