"""Ends the connections that an address leaves behind when it moves away.

Rule: only sockets with a peer are touched; who listens on the address may go on listening, for the
day it comes back.
"""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

from hafw.net.netlink import (
    NETLINK_SOCK_DIAG,
    NLM_F_DUMP,
    NetlinkError,
    NetlinkSocket,
    attribute,
)

if TYPE_CHECKING:
    from hafw.net.rtmessages import IPAddress

# linux/sock_diag.h
_SOCK_DIAG_BY_FAMILY: Final = 20
_SOCK_DESTROY: Final = 21

# linux/inet_diag.h
_REQUEST: Final = struct.Struct("=BBBxI")  # struct inet_diag_req_v2 up to id: family, protocol, …
_ID: Final = struct.Struct(
    "!HH16s16s4s8s"
)  # struct inet_diag_sockid: ports, addresses, link, cookie
_ANY_ID: Final = bytes(_ID.size)
_ID_OFFSET: Final = 4  # in struct inet_diag_msg
_REQ_BYTECODE: Final = 1  # INET_DIAG_REQ_BYTECODE
_CONDITION: Final = struct.Struct("=BBH")  # struct inet_diag_bc_op: code, step if true, if false
_HOST: Final = struct.Struct("=BBxxi")  # struct inet_diag_hostcond: family, prefix length, port
_SOURCE_IS: Final = 7  # INET_DIAG_BC_S_COND
_ANY_PORT: Final = -1

# include/net/tcp_states.h, as bits; UDP sockets with a peer are "established"
_ALL_STATES: Final = 0xFFF
_LISTEN: Final = 1 << 10
_GONE_ALREADY: Final = (errno.ENOENT, errno.ESTALE)
_NOT_SUPPORTED: Final = (errno.EOPNOTSUPP, errno.ENOENT, errno.EINVAL, errno.EPROTONOSUPPORT)


@dataclass(frozen=True, slots=True)
class Destroyed:
    """How many sockets were destroyed."""

    tcp: int
    udp: int


@dataclass(frozen=True, slots=True)
class Unsupported:
    """This kernel cannot destroy sockets (CONFIG_INET_DIAG_DESTROY); ``why`` in its words."""

    why: str


def destroy_connections(address: IPAddress) -> Destroyed | Unsupported:
    """Destroy the connected TCP and UDP sockets whose local address is ``address``.

    Their owners get ECONNABORTED, their peers a TCP reset if the gate still lets it out. Raises
    `NetlinkError` EPERM without CAP_NET_ADMIN, TimeoutError if the kernel does not answer.
    """
    with NetlinkSocket(NETLINK_SOCK_DIAG) as diag:
        try:
            tcp = _destroy(diag, socket.IPPROTO_TCP, address)
            udp = _destroy(diag, socket.IPPROTO_UDP, address)
        except NetlinkError as problem:
            if problem.errno in _NOT_SUPPORTED:
                return Unsupported(str(problem))
            raise
    return Destroyed(tcp, udp)


def _destroy(diag: NetlinkSocket, protocol: int, address: IPAddress) -> int:
    """Destroy the connected sockets of one protocol; return how many there were."""
    v4 = isinstance(address, IPv4Address)
    # An IPv6 socket can hold an IPv4 connection.
    families = (socket.AF_INET, socket.AF_INET6) if v4 else (socket.AF_INET6,)
    count = 0
    for family in families:
        for answer in diag.request(
            _SOCK_DIAG_BY_FAMILY,
            NLM_F_DUMP,
            _REQUEST.pack(family, protocol, 0, _ALL_STATES & ~_LISTEN)
            + _ANY_ID
            + attribute(_REQ_BYTECODE, _source_is(address)),
            f"list connections of {address}",
        ):
            identity = answer[_ID_OFFSET : _ID_OFFSET + _ID.size]
            _source_port, peer_port, *_ = _ID.unpack(identity)
            if peer_port == 0:
                continue  # UDP without a peer
            request = _REQUEST.pack(answer[0], protocol, 0, _ALL_STATES) + identity
            try:
                diag.request(_SOCK_DESTROY, 0, request, f"destroy a connection of {address}")
            except NetlinkError as problem:
                if problem.errno not in _GONE_ALREADY:
                    raise
            else:
                count += 1
    return count


def _source_is(address: IPAddress) -> bytes:
    """Return the kernel's filter program for sockets with local address ``address``."""
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    host = _HOST.pack(family, address.max_prefixlen, _ANY_PORT) + address.packed
    size = _CONDITION.size + len(host)
    # True steps to the end of the program (accept), false four bytes beyond it (refuse).
    return _CONDITION.pack(_SOURCE_IS, size, size + 4) + host
