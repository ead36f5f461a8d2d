"""What rtnetlink says: links, addresses, neighbours and their changes, as values.

Rule: pure; bytes in, frozen values out, no socket.
"""

from __future__ import annotations

import enum
import struct
import sys
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from socket import AF_UNSPEC
from typing import TYPE_CHECKING, Final

from hafw.net.netlink import as_text, attributes

if TYPE_CHECKING:
    from hafw.net.netlink import Message

IPAddress = IPv4Address | IPv6Address
IPV4_SIZE: Final = 4
IPV6_SIZE: Final = 16

# linux/rtnetlink.h
RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_GETLINK: Final = 18
RTM_SETLINK: Final = 19
RTM_NEWADDR: Final = 20
RTM_DELADDR: Final = 21
RTM_GETADDR: Final = 22
RTM_NEWROUTE: Final = 24
RTM_GETROUTE: Final = 26
RTM_NEWNEIGH: Final = 28
RTM_DELNEIGH: Final = 29
RTM_GETNEIGH: Final = 30

RTNLGRP_LINK: Final = 1
RTNLGRP_IPV4_IFADDR: Final = 5
RTNLGRP_IPV6_IFADDR: Final = 9

# linux/if_link.h
IFLA_ADDRESS: Final = 1
IFLA_IFNAME: Final = 3
IFLA_MASTER: Final = 10
IFLA_OPERSTATE: Final = 16
IFLA_LINKINFO: Final = 18
IFLA_NET_NS_PID: Final = 19
IFLA_NET_NS_FD: Final = 28
IFLA_CARRIER: Final = 33

# linux/if.h
IFF_UP: Final = 0x1

# linux/if_addr.h
IFA_ADDRESS: Final = 1
IFA_LOCAL: Final = 2
IFA_CACHEINFO: Final = 6
IFA_FLAGS: Final = 8
IFA_F_NODAD: Final = 0x02
IFA_F_DADFAILED: Final = 0x08
IFA_F_TENTATIVE: Final = 0x40
INFINITY_LIFE_TIME: Final = 0xFFFFFFFF  # include/net/addrconf.h: no end

# linux/neighbour.h
NDA_DST: Final = 1
NDA_LLADDR: Final = 2

# struct ifinfomsg: family, type, index, flags, mask
LINK_HEADER: Final = struct.Struct("=BxHiII")
# struct ifaddrmsg: family, prefix length, flags, scope, index
ADDRESS_HEADER: Final = struct.Struct("=BBBBi")
# struct ndmsg: family, index, state, flags, type
NEIGHBOUR_HEADER: Final = struct.Struct("=BxxxiHBB")
# struct ifa_cacheinfo: preferred, valid, two time stamps
LIFETIMES: Final = struct.Struct("=IIII")


class OperState(enum.Enum):
    """RFC 2863 state of a link; values from linux/if.h (IF_OPER_*)."""

    UNKNOWN = 0
    NOT_PRESENT = 1
    DOWN = 2
    LOWER_LAYER_DOWN = 3
    TESTING = 4
    DORMANT = 5
    UP = 6


class NeighbourState(enum.Flag):
    """How well a neighbour cache entry is known; values from linux/neighbour.h (NUD_*)."""

    INCOMPLETE = 0x01
    REACHABLE = 0x02
    STALE = 0x04
    DELAY = 0x08
    PROBE = 0x10
    FAILED = 0x20
    NOARP = 0x40
    PERMANENT = 0x80


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface. ``mac`` is empty for a link without hardware address."""

    index: int
    name: str
    up: bool
    operstate: OperState
    carrier: bool
    mac: bytes


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address on the link ``index``; lifetimes in seconds, None = for ever.

    ``tentative`` and ``dad_failed`` tell of IPv6 duplicate address detection: such an address does
    not answer.
    """

    index: int
    ip: IPAddress
    prefix_len: int
    valid_s: int | None
    preferred_s: int | None
    tentative: bool
    dad_failed: bool


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A neighbour cache entry; ``mac`` is None while nobody has answered."""

    index: int
    ip: IPAddress
    mac: bytes | None
    state: NeighbourState


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """A link appeared or changed."""

    link: Link


@dataclass(frozen=True, slots=True)
class LinkRemoved:
    """A link went away."""

    link: Link


@dataclass(frozen=True, slots=True)
class AddressAdded:
    """An address appeared, or its lifetime or flags changed."""

    address: Address


@dataclass(frozen=True, slots=True)
class AddressRemoved:
    """An address went away, by command or because its lifetime ended."""

    address: Address


Event = LinkChanged | LinkRemoved | AddressAdded | AddressRemoved


def ip_from_bytes(value: bytes) -> IPAddress:
    """Return the address in network byte order. Raises ValueError unless 4 or 16 bytes long."""
    if len(value) == IPV4_SIZE:
        return IPv4Address(value)
    if len(value) == IPV6_SIZE:
        return IPv6Address(value)
    raise ValueError(f"an IP address has 4 or 16 bytes, not {len(value)}")


def parse_event(message: Message) -> Event | None:
    """Return what a notification tells, None if it is about something else."""
    payload = message.payload
    if message.type in (RTM_NEWLINK, RTM_DELLINK):
        # A bridge reports its ports with family AF_BRIDGE: a "deleted" port is not a deleted link.
        if payload[0] != AF_UNSPEC:
            return None
        link = parse_link(payload)
        return LinkChanged(link) if message.type == RTM_NEWLINK else LinkRemoved(link)
    if message.type in (RTM_NEWADDR, RTM_DELADDR):
        address = parse_address(payload)
        if address is None:
            return None
        return AddressAdded(address) if message.type == RTM_NEWADDR else AddressRemoved(address)
    return None


def parse_link(payload: bytes) -> Link:
    """Return the link described by the payload of RTM_NEWLINK or RTM_DELLINK."""
    _family, _type, index, flags, _mask = LINK_HEADER.unpack_from(payload)
    found = dict(attributes(payload[LINK_HEADER.size :]))
    return Link(
        index=index,
        name=as_text(found.get(IFLA_IFNAME, b"")),
        up=bool(flags & IFF_UP),
        operstate=OperState(found.get(IFLA_OPERSTATE, b"\0")[0]),
        carrier=found.get(IFLA_CARRIER, b"\0")[0] == 1,
        mac=found.get(IFLA_ADDRESS, b""),
    )


def parse_address(payload: bytes) -> Address | None:
    """Return the address in the payload of RTM_NEWADDR or RTM_DELADDR, None if it is not IP."""
    _family, prefix_len, short_flags, _scope, index = ADDRESS_HEADER.unpack_from(payload)
    found = dict(attributes(payload[ADDRESS_HEADER.size :]))
    # On a point-to-point link IFA_ADDRESS is the other end; IFA_LOCAL, where present, is ours.
    value = found.get(IFA_LOCAL, found.get(IFA_ADDRESS))
    if value is None or len(value) not in (IPV4_SIZE, IPV6_SIZE):
        return None
    flags = int.from_bytes(found[IFA_FLAGS], sys.byteorder) if IFA_FLAGS in found else short_flags
    forever = LIFETIMES.pack(INFINITY_LIFE_TIME, INFINITY_LIFE_TIME, 0, 0)
    preferred, valid, _created, _updated = LIFETIMES.unpack(found.get(IFA_CACHEINFO, forever))
    return Address(
        index=index,
        ip=ip_from_bytes(value),
        prefix_len=prefix_len,
        valid_s=None if valid == INFINITY_LIFE_TIME else valid,
        preferred_s=None if preferred == INFINITY_LIFE_TIME else preferred,
        tentative=bool(flags & IFA_F_TENTATIVE),
        dad_failed=bool(flags & IFA_F_DADFAILED),
    )


def parse_neighbour(payload: bytes) -> Neighbour | None:
    """Return the cache entry in the payload of RTM_NEWNEIGH, None if it is not about IP."""
    _family, index, state, _flags, _type = NEIGHBOUR_HEADER.unpack_from(payload)
    found = dict(attributes(payload[NEIGHBOUR_HEADER.size :]))
    value = found.get(NDA_DST, b"")
    if len(value) not in (IPV4_SIZE, IPV6_SIZE):
        return None
    return Neighbour(index, ip_from_bytes(value), found.get(NDA_LLADDR), NeighbourState(state))
