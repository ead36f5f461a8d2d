"""Frames held back on their way out of a bridge port: a process of its own for each such port.

Rule: it is there only while something is held back, and what it holds is bounded; a frame too many
is lost, as in a switch.

The kernel leads the frames (`hafw_sim.lab.detour`) to a pair of interfaces at whose other end the
process reads them, checksums and segments still to be made included; it sends them out of the port
when they are due.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import random
import select
import signal
import socket
import traceback
from typing import TYPE_CHECKING, Final, Never

import msgspec

from hafw_sim.lab import detour, namespaces
from hafw_sim.lab.clock import now_ns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hafw.net.rtnetlink import Rtnl

# linux/if_packet.h, linux/if_ether.h
_SOL_PACKET: Final = 263
_PACKET_VNET_HDR: Final = 15
_PACKET_QDISC_BYPASS: Final = 20
_PACKET_IGNORE_OUTGOING: Final = 23
_ETH_P_ALL: Final = 3
_SENDER: Final = slice(16, 22)
"""The source address, behind struct virtio_net_hdr (10 bytes) and the destination address."""

_HELD_BYTES_MAX: Final = 16 * 1024 * 1024
_FRAME_BYTES_MAX: Final = 70_000  # a segment yet to be cut, and its headers
_AT_ONCE: Final = 64  # frames read before what is due is sent
_TOLD_BYTES_MAX: Final = 4096
_ANSWER_TIMEOUT_S: Final = 2.0
_DONE: Final = b"done"


class Hold(msgspec.Struct, frozen=True):
    """Hold a frame back for ``delay_ns``, up to ``jitter_ns`` more or less, at random."""

    delay_ns: int
    jitter_ns: int = 0


_AT_NO_TIME: Final = Hold(0)


class Held:
    """Frames by the time at which they are due; at most so many bytes of them."""

    def __init__(self, bytes_max: int = _HELD_BYTES_MAX) -> None:
        """Hold nothing yet."""
        self._frames: list[tuple[int, int, bytes]] = []
        self._room = bytes_max
        self._number = 0

    def put(self, due_ns: int, frame: bytes) -> None:
        """Keep a frame, or lose it if there is no room. Of equals the first stays the first."""
        if len(frame) <= self._room:
            self._room -= len(frame)
            self._number += 1
            heapq.heappush(self._frames, (due_ns, self._number, frame))

    def next_ns(self) -> int | None:
        """Return when the next one is due, None if nothing is held."""
        return self._frames[0][0] if self._frames else None

    def take(self, until_ns: int | None) -> Iterator[bytes]:
        """Yield what is due by then, in that order; None: everything."""
        while self._frames and (until_ns is None or self._frames[0][0] <= until_ns):
            *_, frame = heapq.heappop(self._frames)
            self._room += len(frame)
            yield frame


class Relay:
    """The detour at one bridge port and the process at the end of it."""

    def __init__(self, network: Rtnl, port: str, number: str) -> None:
        """Start, holding nothing back. ``number`` tells its interfaces from those of others.

        Raises OSError.
        """
        self._network = network
        self._port = port
        self._inlet = f"hold{number}"
        self._holds: dict[bytes, Hold] = {}
        held = f"held{number}"
        network.add_veth(self._inlet, held)
        with contextlib.ExitStack() as undo:
            undo.callback(network.delete_link, self._inlet)
            network.set_link(held, up=True)
            network.set_link(self._inlet, up=True)  # as the second, so that it sends at once
            detour.prepare(port)
            undo.callback(detour.end, port)
            with _packets(held, _ETH_P_ALL) as frames, _packets(port, 0) as out:
                frames.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
                out.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
                self._process, self._orders = _start(frames, out)
            undo.pop_all()

    def hold(self, holds: Mapping[bytes, Hold]) -> None:
        """From now on hold back what these hardware addresses send, and nothing else.

        Raises OSError if the process does not answer.
        """
        over = dict.fromkeys(self._holds.keys() - holds.keys(), _AT_NO_TIME)
        orders = {mac.hex(): hold for mac, hold in {**over, **holds}.items()}
        try:
            self._orders.send(msgspec.json.encode(orders))
            done = self._orders.recv(len(_DONE)) == _DONE
        except OSError:
            done = False
        if not done:
            raise ChildProcessError(
                f"the process that holds frames back at {self._port} is gone or hangs; heal the lab"
            )
        detour.lead(self._port, holds, self._inlet)
        self._holds = dict(holds)

    def end(self) -> None:
        """Hold nothing back any more: what is held goes out at once."""
        detour.end(self._port)
        self._orders.close()
        ended = os.pidfd_open(self._process)
        if not select.select([ended], [], [], _ANSWER_TIMEOUT_S)[0]:
            os.kill(self._process, signal.SIGKILL)
        os.close(ended)
        self._bury()

    def vanish(self) -> None:
        """End with a port that is about to vanish: what is held is lost."""
        os.kill(self._process, signal.SIGKILL)
        self._orders.close()
        self._bury()

    def _bury(self) -> None:
        os.waitpid(self._process, 0)
        self._network.delete_link(self._inlet)


def _packets(interface: str, protocol: int) -> socket.socket:
    """Return a socket for whole frames, each behind a struct virtio_net_hdr. Raises OSError."""
    kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK
    opened = socket.socket(socket.AF_PACKET, kind, 0)
    opened.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
    opened.bind((interface, protocol))
    return opened


def _start(frames: socket.socket, out: socket.socket) -> tuple[int, socket.socket]:
    """Start the process; returns its number and the channel for its orders."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(_ANSWER_TIMEOUT_S)
    process = os.fork()
    if process == 0:
        _be_relay(theirs, frames, out)
    theirs.close()
    return process, ours


def _be_relay(orders: socket.socket, frames: socket.socket, out: socket.socket) -> Never:
    """Be the process until the channel for orders closes."""
    try:
        namespaces.set_process_name("hafw-lab-relay")
        namespaces.close_all_but({2, *(each.fileno() for each in (orders, frames, out))})
        namespaces.wake_precisely()
        for frame in _relay(orders, frames):
            with contextlib.suppress(OSError):  # a pulled cable, or too much at once: it is lost
                out.send(frame)
    except BaseException:  # noqa: BLE001 - told, then over: a fork has nobody to return to
        traceback.print_exc()
    finally:
        os._exit(0)


def _relay(orders: socket.socket, frames: socket.socket) -> Iterator[bytes]:
    """Yield each frame when it is due; after the end of the orders all that are left."""
    holds: dict[str, Hold] = {}
    held, chance = Held(), random.Random()
    while True:
        next_ns = held.next_ns()
        wait_s = None if next_ns is None else max(0, next_ns - now_ns()) / 1e9
        ready = select.select([orders, frames], [], [], wait_s)[0]
        told = orders.recv(_TOLD_BYTES_MAX) if orders in ready else None
        if told:
            holds |= msgspec.json.decode(told, type=dict[str, Hold])
            orders.send(_DONE)
        fresh = list(_waiting(frames))
        for frame in fresh:
            hold = holds.get(frame[_SENDER].hex())
            if hold is not None:  # not what the kernel says by itself at the pair of interfaces
                jitter_ns = chance.randint(-hold.jitter_ns, hold.jitter_ns)
                held.put(now_ns() + hold.delay_ns + jitter_ns, frame)
        over = told == b""
        yield from held.take(None if over else now_ns())
        if over and not fresh:
            return


def _waiting(frames: socket.socket) -> Iterator[bytes]:
    for _ in range(_AT_ONCE):
        try:
            yield frames.recv(_FRAME_BYTES_MAX)
        except OSError:  # nothing waits, or the interface went
            return
