"""Links, addresses, routes and neighbours, changed through rtnetlink without the `ip` command.

Rule: idempotent where an operator would expect it, and then the return value says what was the
case before; anything else the kernel refuses is a `NetlinkError`.
"""

from __future__ import annotations

import enum
import errno
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final, Self

from hafw.net import rtmessages as rt
from hafw.net.netlink import (
    NETLINK_ROUTE,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    NetlinkError,
    NetlinkSocket,
    attribute,
    attributes,
    nested,
    text,
)

if TYPE_CHECKING:
    from hafw.net.rtmessages import Address, IPAddress, Link, Neighbour

# linux/if_link.h, nested in IFLA_LINKINFO
_IFLA_INFO_KIND: Final = 1
_IFLA_INFO_DATA: Final = 2
_VETH_INFO_PEER: Final = 1  # linux/veth.h

# linux/rtnetlink.h
_ROUTE_HEADER: Final = struct.Struct("=BBBBBBBBI")  # struct rtmsg
_RT_TABLE_MAIN: Final = 254
_RTPROT_STATIC: Final = 4
_RT_SCOPE_UNIVERSE: Final = 0
_RTN_UNICAST: Final = 1
_RTN_BLACKHOLE: Final = 6
_RTA_DST: Final = 1
_RTA_OIF: Final = 4
_RTA_GATEWAY: Final = 5
_RTA_PREFSRC: Final = 7


class Change(enum.Enum):
    """Whether a command had anything to do."""

    MADE = "made"
    NOT_NEEDED = "not needed"


@dataclass(frozen=True, slots=True)
class Way:
    """How a packet leaves this host: through which link, and from which of its addresses."""

    interface: str
    source: IPAddress


def event_socket() -> NetlinkSocket:
    """Return a socket subscribed to link and address changes; read it with `rtmessages`."""
    groups = (rt.RTNLGRP_LINK, rt.RTNLGRP_IPV4_IFADDR, rt.RTNLGRP_IPV6_IFADDR)
    return NetlinkSocket(NETLINK_ROUTE, groups)


class Rtnl:
    """Commands to the routing part of the kernel, in the namespace it was constructed in.

    Every method raises `NetlinkError` if the kernel refuses (ENODEV: no such link; EPERM: needs
    CAP_NET_ADMIN) and TimeoutError if it does not answer.
    """

    def __init__(self) -> None:
        """Open the netlink socket."""
        self._socket = NetlinkSocket(NETLINK_ROUTE)

    def __enter__(self) -> Self:
        """Return the object itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the socket."""
        self.close()

    def close(self) -> None:
        """Close the socket; a second close does nothing."""
        self._socket.close()

    # -- links ---------------------------------------------------------------------------------

    def links(self) -> tuple[Link, ...]:
        """Return all links of the namespace."""
        header = rt.LINK_HEADER.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        answers = self._socket.request(rt.RTM_GETLINK, NLM_F_DUMP, header, "list links")
        return tuple(rt.parse_link(answer) for answer in answers)

    def link(self, name: str) -> Link:
        """Return the link called ``name``."""
        return rt.parse_link(self._look_up(name))

    def link_index(self, name: str) -> int:
        """Return the index of the link called ``name``, without reading all that is said of it."""
        _family, _type, index, _flags, _change = rt.LINK_HEADER.unpack_from(self._look_up(name))
        return int(index)

    def add_bridge(self, name: str) -> None:
        """Create a bridge, down. EEXIST if a link has that name."""
        info = nested(rt.IFLA_LINKINFO, attribute(_IFLA_INFO_KIND, text("bridge")))
        self._add_link(attribute(rt.IFLA_IFNAME, text(name)) + info, f"create bridge {name}")

    def add_veth(self, name: str, peer: str) -> None:
        """Create a virtual cable with ends ``name`` and ``peer``, both down."""
        other = _link_payload(attribute(rt.IFLA_IFNAME, text(peer)))
        info = nested(
            rt.IFLA_LINKINFO,
            attribute(_IFLA_INFO_KIND, text("veth")),
            nested(_IFLA_INFO_DATA, attribute(_VETH_INFO_PEER, other)),
        )
        what = f"create veth {name} to {peer}"
        self._add_link(attribute(rt.IFLA_IFNAME, text(name)) + info, what)

    def move_to_netns_of(self, name: str, pid: int) -> None:
        """Move a link into the network namespace of process ``pid``; it arrives down."""
        moved = attribute(rt.IFLA_NET_NS_PID, struct.pack("=I", pid))
        self._change_link(name, moved, what=f"move {name} to the namespace of process {pid}")

    def move_to_netns(self, name: str, netns_fd: int) -> None:
        """Move a link into the open network namespace ``netns_fd``; it arrives down."""
        moved = attribute(rt.IFLA_NET_NS_FD, struct.pack("=I", netns_fd))
        self._change_link(name, moved, what=f"move {name} to another namespace")

    def set_link(
        self,
        name: str,
        *,
        up: bool | None = None,
        bridge: str | None = None,
        mac: bytes | None = None,
        new_name: str | None = None,
    ) -> None:
        """Change a link: state, the bridge it is a port of, hardware address, name."""
        changes = b""
        if bridge is not None:
            changes += attribute(rt.IFLA_MASTER, struct.pack("=I", self.link_index(bridge)))
        if mac is not None:
            changes += attribute(rt.IFLA_ADDRESS, mac)
        if new_name is not None:
            changes += attribute(rt.IFLA_IFNAME, text(new_name))
        self._change_link(name, changes, up=up, what=f"change link {name}")

    def delete_link(self, name: str) -> Change:
        """Delete a virtual link (of a veth: both ends)."""
        payload = _link_payload(attribute(rt.IFLA_IFNAME, text(name)))
        return self._unless(errno.ENODEV, rt.RTM_DELLINK, 0, payload, f"delete link {name}")

    # -- addresses -----------------------------------------------------------------------------

    def addresses(self, name: str) -> tuple[Address, ...]:
        """Return the IPv4 and IPv6 addresses on the link ``name``."""
        header = rt.ADDRESS_HEADER.pack(socket.AF_UNSPEC, 0, 0, 0, self.link_index(name))
        what = f"list addresses of {name}"
        answers = self._socket.request(rt.RTM_GETADDR, NLM_F_DUMP, header, what)
        found = (rt.parse_address(answer) for answer in answers)
        return tuple(address for address in found if address is not None)

    def add_address(  # noqa: PLR0913 - an address has that many properties
        self,
        name: str,
        ip: IPAddress,
        prefix_len: int,
        *,
        valid_s: int | None = None,
        preferred_s: int | None = None,
        nodad: bool = True,
        replace: bool = False,
    ) -> Change:
        """Put ``ip`` on the link ``name``; NOT_NEEDED if it is there already.

        With ``replace`` an address that is there gets the new lifetimes (MADE). The kernel removes
        the address ``valid_s`` whole seconds from now; ``preferred_s`` 0 = never a source address
        by itself; None = for ever. ``nodad``: no IPv6 duplicate address detection. An IPv6 address
        answers solicitations from the moment `AddressAdded` is reported, soon after this call.
        """
        flags = rt.IFA_F_NODAD if nodad and isinstance(ip, IPv6Address) else 0
        payload = self._address_payload(name, ip, prefix_len)
        payload += attribute(rt.IFA_FLAGS, struct.pack("=I", flags))
        if valid_s is not None or preferred_s is not None:
            valid = rt.INFINITY_LIFE_TIME if valid_s is None else valid_s
            preferred = valid if preferred_s is None else preferred_s
            payload += attribute(rt.IFA_CACHEINFO, rt.LIFETIMES.pack(preferred, valid, 0, 0))
        how = NLM_F_CREATE | (NLM_F_REPLACE if replace else NLM_F_EXCL)
        what = f"add {ip}/{prefix_len} to {name}"
        return self._unless(errno.EEXIST, rt.RTM_NEWADDR, how, payload, what)

    def delete_address(self, name: str, ip: IPAddress, prefix_len: int) -> Change:
        """Take ``ip`` off the link ``name``; NOT_NEEDED if it is not there."""
        payload = self._address_payload(name, ip, prefix_len)
        what = f"delete {ip}/{prefix_len} from {name}"
        return self._unless(errno.EADDRNOTAVAIL, rt.RTM_DELADDR, 0, payload, what)

    # -- routes and neighbours -----------------------------------------------------------------

    def add_default_route(self, gateway: IPAddress, name: str | None = None) -> None:
        """Make ``gateway`` the default route of its family, in place of an equal one.

        ``name`` is the link to use, needed only for a link-local gateway.
        """
        way = attribute(_RTA_GATEWAY, gateway.packed)
        if name is not None:
            way += attribute(_RTA_OIF, struct.pack("=I", self.link_index(name)))
        what = f"route everything via {gateway}"
        self._replace_route(_family(gateway), 0, _RTN_UNICAST, way, what)

    def route_host(self, host: IPv4Address, gateway: IPv4Address | None) -> None:
        """Send what is for ``host`` via ``gateway``, None = nowhere, in place of an equal route."""
        way = attribute(_RTA_DST, host.packed)
        kind = _RTN_BLACKHOLE
        if gateway is not None:
            way += attribute(_RTA_GATEWAY, gateway.packed)
            kind = _RTN_UNICAST
        what = f"route {host} via {gateway}"
        self._replace_route(socket.AF_INET, host.max_prefixlen, kind, way, what)

    def default_gateways(self) -> tuple[IPAddress, ...]:
        """Return the gateways of the default routes in the main table, IPv4 first."""
        found: list[IPAddress] = []
        for family in (socket.AF_INET, socket.AF_INET6):
            header = _ROUTE_HEADER.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
            for answer in self._socket.request(rt.RTM_GETROUTE, NLM_F_DUMP, header, "list routes"):
                _, length, _, _, table, *_ = _ROUTE_HEADER.unpack_from(answer)
                gateway = dict(attributes(answer[_ROUTE_HEADER.size :])).get(_RTA_GATEWAY)
                if length == 0 and table == _RT_TABLE_MAIN and gateway is not None:
                    found.append(rt.ip_from_bytes(gateway))
        return tuple(found)

    def way_to(self, destination: IPAddress) -> Way:
        """Return how the kernel would send to ``destination``. ENETUNREACH without a route."""
        bits = destination.max_prefixlen
        header = _ROUTE_HEADER.pack(_family(destination), bits, 0, 0, 0, 0, 0, 0, 0)
        payload = header + attribute(_RTA_DST, destination.packed)
        what = f"look up the route to {destination}"
        (answer,) = self._socket.request(rt.RTM_GETROUTE, 0, payload, what)
        found = dict(attributes(answer[_ROUTE_HEADER.size :]))
        (index,) = struct.unpack("=I", found[_RTA_OIF])
        return Way(socket.if_indextoname(index), rt.ip_from_bytes(found[_RTA_PREFSRC]))

    def neighbour(self, name: str, ip: IPAddress) -> Neighbour | None:
        """Return what the neighbour cache of link ``name`` says about ``ip``, None if nothing."""
        payload = self._neighbour_payload(name, ip)
        what = f"look up neighbour {ip} on {name}"
        try:
            answers = self._socket.request(rt.RTM_GETNEIGH, 0, payload, what)
        except NetlinkError as problem:
            if problem.errno == errno.ENOENT:
                return None
            raise
        return rt.parse_neighbour(answers[0])

    def forget_neighbour(self, name: str, ip: IPAddress) -> Change:
        """Delete the neighbour cache entry for ``ip`` on link ``name``."""
        payload = self._neighbour_payload(name, ip)
        what = f"forget neighbour {ip} on {name}"
        return self._unless(errno.ENOENT, rt.RTM_DELNEIGH, 0, payload, what)

    # -- helpers -------------------------------------------------------------------------------

    def _look_up(self, name: str) -> bytes:
        payload = _link_payload(attribute(rt.IFLA_IFNAME, text(name)))
        (answer,) = self._socket.request(rt.RTM_GETLINK, 0, payload, f"look up link {name}")
        return answer

    def _add_link(self, description: bytes, what: str) -> None:
        flags = NLM_F_CREATE | NLM_F_EXCL
        self._socket.request(rt.RTM_NEWLINK, flags, _link_payload(description), what)

    def _change_link(self, name: str, changes: bytes, *, up: bool | None = None, what: str) -> None:
        flags, mask = (rt.IFF_UP if up else 0, rt.IFF_UP) if up is not None else (0, 0)
        header = rt.LINK_HEADER.pack(socket.AF_UNSPEC, 0, self.link_index(name), flags, mask)
        self._socket.request(rt.RTM_SETLINK, 0, header + changes, what)

    def _replace_route(self, family: int, bits: int, kind: int, way: bytes, what: str) -> None:
        how = (_RT_TABLE_MAIN, _RTPROT_STATIC, _RT_SCOPE_UNIVERSE, kind)
        header = _ROUTE_HEADER.pack(family, bits, 0, 0, *how, 0)
        self._socket.request(rt.RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, header + way, what)

    def _address_payload(self, name: str, ip: IPAddress, prefix_len: int) -> bytes:
        header = rt.ADDRESS_HEADER.pack(_family(ip), prefix_len, 0, 0, self.link_index(name))
        return header + attribute(rt.IFA_LOCAL, ip.packed) + attribute(rt.IFA_ADDRESS, ip.packed)

    def _neighbour_payload(self, name: str, ip: IPAddress) -> bytes:
        header = rt.NEIGHBOUR_HEADER.pack(_family(ip), self.link_index(name), 0, 0, 0)
        return header + attribute(rt.NDA_DST, ip.packed)

    def _unless(self, tolerated: int, kind: int, flags: int, payload: bytes, what: str) -> Change:
        """Make a request whose refusal with errno ``tolerated`` means that it is so already."""
        try:
            self._socket.request(kind, flags, payload, what)
        except NetlinkError as problem:
            if problem.errno == tolerated:
                return Change.NOT_NEEDED
            raise
        return Change.MADE


def _family(ip: IPAddress) -> int:
    return socket.AF_INET if isinstance(ip, IPv4Address) else socket.AF_INET6


def _link_payload(description: bytes) -> bytes:
    return rt.LINK_HEADER.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + description
