"""Classic BPF programs that let the kernel drop what nobody here wants to see.

Rule: they only save wake-ups; whoever receives still parses and judges everything. Packet programs
see packets from the network layer on (AF_PACKET with SOCK_DGRAM).
"""

from __future__ import annotations

import array
import socket
import struct
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Address

# struct sock_filter of linux/filter.h: code, jump if true, jump if false, operand
_INSTRUCTION: Final = struct.Struct("=HBBI")
_PROGRAM: Final = struct.Struct("HP")  # struct sock_fprog: number of instructions, their address
_SO_ATTACH_FILTER: Final = 26  # asm-generic/socket.h

# linux/bpf_common.h, the few codes used
_LOAD_WORD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_LOAD_HALF: Final = 0x28  # BPF_LD | BPF_H | BPF_ABS
_LOAD_BYTE: Final = 0x30  # BPF_LD | BPF_B | BPF_ABS
_LOAD_HALF_AT_X: Final = 0x48  # BPF_LD | BPF_H | BPF_IND
_LOAD_BYTE_AT_X: Final = 0x50  # BPF_LD | BPF_B | BPF_IND
_LOAD_X_HEADER_LENGTH: Final = 0xB1  # BPF_LDX | BPF_B | BPF_MSH: X = 4 * (byte & 15)
_IF_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_IF_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_WHOLE_PACKET: Final = 0xFFFFFFFF

# Where things are: RFC 826, RFC 791, RFC 8200
_ARP_SENDER_IP: Final = 14
_ARP_TARGET_IP: Final = 24
_IPV4_FRAGMENT: Final = 6
_IPV4_PROTOCOL: Final = 9
_IPV6_NEXT_HEADER: Final = 6
_IPV6_BODY: Final = 40
_TCP: Final = 6
_TCP_DESTINATION: Final = 2  # RFC 9293
_NETLINK_PORT: Final = 12  # nlmsg_pid in struct nlmsghdr, linux/netlink.h

_MAX_ADDRESSES: Final = 100  # jumps are 8 bits wide and an address costs two instructions


def arp_about(addresses: Sequence[IPv4Address]) -> bytes:
    """Return a program for ARP packets whose sender or target is one of ``addresses``.

    Raises ValueError for more than 100 addresses.
    """
    if len(addresses) > _MAX_ADDRESSES:
        raise ValueError(f"an ARP filter takes {_MAX_ADDRESSES} addresses, not {len(addresses)}")
    values = [int(address) for address in addresses]
    tests = [
        (_LOAD_WORD, None, _ARP_SENDER_IP),
        *((_IF_EQUAL, True, value) for value in values),
        (_LOAD_WORD, None, _ARP_TARGET_IP),
        *((_IF_EQUAL, True, value) for value in values),
    ]
    accept = len(tests) + 1
    program = [
        _INSTRUCTION.pack(code, 0 if jumps is None else accept - here - 1, 0, operand)
        for here, (code, jumps, operand) in enumerate(tests)
    ]
    return b"".join((*program, _RETURN_NOTHING, _RETURN_PACKET))


def echo_replies4() -> bytes:
    """Return a program for unfragmented IPv4 packets with an ICMP echo reply."""
    return b"".join(
        (
            _INSTRUCTION.pack(_LOAD_BYTE, 0, 0, _IPV4_PROTOCOL),
            _INSTRUCTION.pack(_IF_EQUAL, 0, 5, 1),
            _INSTRUCTION.pack(_LOAD_HALF, 0, 0, _IPV4_FRAGMENT),
            _INSTRUCTION.pack(_IF_ANY_BIT, 3, 0, 0x3FFF),
            _INSTRUCTION.pack(_LOAD_X_HEADER_LENGTH, 0, 0, 0),
            _INSTRUCTION.pack(_LOAD_BYTE_AT_X, 0, 0, 0),
            _INSTRUCTION.pack(_IF_EQUAL, 1, 0, 0),
            _RETURN_NOTHING,
            _RETURN_PACKET,
        )
    )


def echo_replies6() -> bytes:
    """Return a program for IPv6 packets with an ICMPv6 echo reply right after the header."""
    return _icmpv6_types(129, 129)


def discovery() -> bytes:
    """Return a program for neighbour solicitations and advertisements (RFC 4861)."""
    return _icmpv6_types(135, 136)


def tcp_to4(port: int) -> bytes:
    """Return a program for unfragmented IPv4 packets with a TCP segment to ``port``."""
    return b"".join(
        (
            _INSTRUCTION.pack(_LOAD_BYTE, 0, 0, _IPV4_PROTOCOL),
            _INSTRUCTION.pack(_IF_EQUAL, 0, 5, _TCP),
            _INSTRUCTION.pack(_LOAD_HALF, 0, 0, _IPV4_FRAGMENT),
            _INSTRUCTION.pack(_IF_ANY_BIT, 3, 0, 0x3FFF),
            _INSTRUCTION.pack(_LOAD_X_HEADER_LENGTH, 0, 0, 0),
            _INSTRUCTION.pack(_LOAD_HALF_AT_X, 0, 0, _TCP_DESTINATION),
            _INSTRUCTION.pack(_IF_EQUAL, 1, 0, port),
            _RETURN_NOTHING,
            _RETURN_PACKET,
        )
    )


def tcp_to6(port: int) -> bytes:
    """Return a program for IPv6 packets with a TCP segment to ``port`` right after the header."""
    return b"".join(
        (
            _INSTRUCTION.pack(_LOAD_BYTE, 0, 0, _IPV6_NEXT_HEADER),
            _INSTRUCTION.pack(_IF_EQUAL, 0, 2, _TCP),
            _INSTRUCTION.pack(_LOAD_HALF, 0, 0, _IPV6_BODY + _TCP_DESTINATION),
            _INSTRUCTION.pack(_IF_EQUAL, 1, 0, port),
            _RETURN_NOTHING,
            _RETURN_PACKET,
        )
    )


def netlink_from_others(port: int) -> bytes:
    """Return a program for netlink datagrams not caused by the socket with number ``port``."""
    # Programs load big-endian numbers, netlink headers are in host byte order.
    value = int.from_bytes(port.to_bytes(4, sys.byteorder), "big")
    return b"".join(
        (
            _INSTRUCTION.pack(_LOAD_WORD, 0, 0, _NETLINK_PORT),
            _INSTRUCTION.pack(_IF_EQUAL, 0, 1, value),
            _RETURN_NOTHING,
            _RETURN_PACKET,
        )
    )


def attach(target: socket.socket, program: bytes) -> None:
    """Let ``target`` receive only what ``program`` accepts. Raises OSError EINVAL if it is none."""
    instructions = array.array("B", program)
    address, _size = instructions.buffer_info()
    description = _PROGRAM.pack(len(program) // _INSTRUCTION.size, address)
    target.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, description)


def _icmpv6_types(one: int, other: int) -> bytes:
    return b"".join(
        (
            _INSTRUCTION.pack(_LOAD_BYTE, 0, 0, _IPV6_NEXT_HEADER),
            _INSTRUCTION.pack(_IF_EQUAL, 0, 3, 58),
            _INSTRUCTION.pack(_LOAD_BYTE, 0, 0, _IPV6_BODY),
            _INSTRUCTION.pack(_IF_EQUAL, 2, 0, one),
            _INSTRUCTION.pack(_IF_EQUAL, 1, 0, other),
            _RETURN_NOTHING,
            _RETURN_PACKET,
        )
    )


_RETURN_NOTHING: Final = _INSTRUCTION.pack(_RETURN, 0, 0, 0)
_RETURN_PACKET: Final = _INSTRUCTION.pack(_RETURN, 0, 0, _WHOLE_PACKET)
