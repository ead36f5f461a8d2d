"""When a machine last sent anything but answers to the client: where a detection budget begins.

Rule: it listens beside the bridges, so it hears every peer's heartbeats the same way, whatever they
look like; a machine that has crashed sends nothing any more.

Runs as a program: ``python lastword.py PORT...`` with the machine's bridge ports. Its output is one
`STAMP`, overwritten in place; nothing until something was sent.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time
from typing import Final

from hafw.net.bpf import attach
from hafw.net.frames import ETH_P_IP
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.responder import PORT

STAMP: Final = struct.Struct("=Q")

_ETH_P_ALL: Final = 3  # linux/if_ether.h
_SO_TIMESTAMPNS: Final = 35  # asm-generic/socket.h
_TIMESPEC: Final = struct.Struct("@ll")
_ROOM: Final = socket.CMSG_SPACE(_TIMESPEC.size)

# struct sock_filter of linux/filter.h: code, jump if true, jump if false, operand
_INSTRUCTIONS: Final = (
    (0x28, 0, 0, 0xFFFFF000),  # load the ethertype: SKF_AD_OFF + SKF_AD_PROTOCOL
    (0x15, 0, 8, ETH_P_IP),  # IP? else drop
    (0x30, 0, 0, 9),  # load the protocol
    (0x15, 6, 0, 2),  # IGMP, which is the kernel's? then drop
    (0x15, 0, 6, 17),  # UDP? else accept
    (0xB1, 0, 0, 0),  # length of the IP header
    (0x48, 0, 0, 0),  # load the source port
    (0x15, 2, 0, PORT),  # an answer to the client? then drop
    (0x48, 0, 0, 2),  # load the destination port
    (0x15, 0, 1, PORT),  # a question of the client? then drop, else accept
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0xFFFFFFFF),
)
_PROGRAM: Final = b"".join(struct.pack("=HBBI", *each) for each in _INSTRUCTIONS)


def main(ports: list[str]) -> None:
    """Write down the newest packet until killed, or until the machine's cables are dead."""
    cables = {_listen(port) for port in ports}
    while cables:
        ready, _, _ = select.select(cables, (), ())
        for cable in ready:
            if not _take(cable):
                cables.remove(cable)


def _listen(port: str) -> socket.socket:
    kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
    cable = socket.socket(socket.AF_PACKET, kind, 0)  # nothing before the filter is there
    attach(cable, _PROGRAM)
    cable.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    cable.bind((port, _ETH_P_ALL))  # a bridge takes frames away before any other can be heard
    return cable


def _take(cable: socket.socket) -> bool:
    """Write down what the machine sent; return whether the cable still lives."""
    alive = True
    while True:
        try:
            _data, ((_level, _kind, stamp), *_), _flags, source = cable.recvmsg(1, _ROOM)
        except BlockingIOError:
            return alive
        except OSError:  # the cable is dead; what came before is still to be read
            alive = False
            continue
        if source[2] != socket.PACKET_OUTGOING:  # else it was sent to the machine
            seconds, nanoseconds = _TIMESPEC.unpack(stamp)
            ago_ns = time.time_ns() - (seconds * 1_000_000_000 + nanoseconds)
            os.pwrite(1, STAMP.pack(now_ns() - ago_ns), 0)


if __name__ == "__main__":
    main(sys.argv[1:])
