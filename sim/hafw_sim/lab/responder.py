"""The echo responder: tells whoever asks an address which machine has it. And how to ask it.

Rule: it knows nothing of hafw, runs from boot to crash, and answers from the address it was asked
at. It is the machine's process 1, so nothing but a crash stops it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import sys
from typing import Final

from hafw_sim.lab.clock import now_ns

PORT: Final = 7007
QUESTION: Final = struct.Struct("<Q")  # when it was sent
ANSWER: Final = struct.Struct("<QQB")  # the same, when it was answered, by which machine

_IP_PKTINFO: Final = 8  # linux/in.h; Python names it from 3.14 on
_IN_PKTINFO: Final = struct.Struct("=I4s4s")  # linux/in.h: interface, own address, destination
_IN6_PKTINFO: Final = struct.Struct("=16sI")  # linux/ipv6.h: destination, interface
_ROOM: Final = socket.CMSG_SPACE(_IN6_PKTINFO.size)


def open_sockets() -> tuple[socket.socket, socket.socket]:
    """Return the sockets to answer on, for every address of the caller's network namespace."""
    kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
    four = socket.socket(socket.AF_INET, kind)
    four.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    four.bind(("0.0.0.0", PORT))  # noqa: S104 - in a network of its own
    six = socket.socket(socket.AF_INET6, kind)
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    six.bind(("::", PORT))
    return four, six


def serve(sockets: tuple[socket.socket, socket.socket], machine: int) -> None:
    """Answer for ever, as machine number ``machine``."""
    waiting = select.poll()
    by_descriptor = {each.fileno(): each for each in sockets}
    for descriptor in by_descriptor:
        waiting.register(descriptor, select.POLLIN)
    while True:
        for descriptor, _ in waiting.poll():
            # No answer can be sent from an address that has just gone, or behind a shut gate.
            with contextlib.suppress(OSError):
                _answer(by_descriptor[descriptor], machine)


def _answer(four_or_six: socket.socket, machine: int) -> None:
    data, extra, _flags, asker = four_or_six.recvmsg(QUESTION.size, _ROOM)
    if len(data) != QUESTION.size:
        return
    (sent_ns,) = QUESTION.unpack(data)
    ((level, kind, value),) = extra
    if level == socket.IPPROTO_IP:
        _interface, _own, asked = _IN_PKTINFO.unpack(value)
        source = _IN_PKTINFO.pack(0, asked, bytes(4))
    else:
        asked, _interface = _IN6_PKTINFO.unpack(value)
        source = _IN6_PKTINFO.pack(asked, 0)
    answer = ANSWER.pack(sent_ns, now_ns(), machine)
    four_or_six.sendmsg([answer], [(level, kind, source)], 0, asker)


def ask(address: str, timeout_s: float) -> int | None:
    """Ask ``address`` once; return the number of the machine that answers, None if nobody does."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as question:
        question.settimeout(timeout_s)
        try:
            question.connect((address, PORT))
            question.send(QUESTION.pack(now_ns()))
            _sent_ns, _at_ns, machine = ANSWER.unpack(question.recv(ANSWER.size))
        except OSError:
            return None
    return int(machine)


if __name__ == "__main__":
    # An exit status is a small number, and so is a machine's; 0 is nobody's.
    sys.exit(ask(sys.argv[1], float(sys.argv[2])) or 0)
