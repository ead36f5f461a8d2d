"""What the network tells the node beyond heartbeats: links, addresses, foreign announcements.

One rule: it only reports. What it missed (an overrun) is read again whole.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hafw.net import bpf, frames
from hafw.net import rtmessages as rt
from hafw.net.clock import boot_ns
from hafw.net.netlink import NetlinkError
from hafw.net.packet import PacketSocket
from hafw.net.rtnetlink import Rtnl, event_socket

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from hafw.agent.vips import Vips

_DRAIN_LIMIT: Final = 64


class Interfaces:
    """Follows the interfaces that carry VIPs, and the addresses on them."""

    def __init__(self, vips: Vips) -> None:
        """Subscribe; nothing is reported before the first `look`."""
        self._vips = vips
        self._events = event_socket()
        self._rtnl = Rtnl()
        self._up: dict[int, bool] = {}
        self._names: dict[int, str] = {}

    def fileno(self) -> int:
        """Readable when there is something to `look` at."""
        return self._events.fileno()

    def close(self) -> None:
        """Follow no longer."""
        self._events.close()
        self._rtnl.close()

    def look(self) -> tuple[dict[int, bool], list[tuple[int, int]]]:
        """What changed: service up or down by group; VIPs (group, index) that were removed."""
        notices = self._events.drain()
        events = [rt.parse_event(message) for message in notices.messages]
        removed: list[tuple[int, int]] = []
        for event in events:
            if isinstance(event, rt.AddressRemoved):
                removed += self._places(event.address)
        # Our own renewals of lifetimes come by here as well: they are no reason to read all.
        moved = any(isinstance(event, rt.LinkChanged | rt.LinkRemoved) for event in events)
        if not (moved or notices.overrun or not self._up):
            return {}, removed
        services = self._services()
        return services, self._missing() if notices.overrun else removed

    def _missing(self) -> list[tuple[int, int]]:
        """Every VIP that is not on its interface now; whoever does not hold it may ignore that."""
        found: set[tuple[str, IPv4Address | IPv6Address]] = set()
        with suppress(NetlinkError, TimeoutError):
            for name in set(self._names.values()):
                found |= {(name, address.ip) for address in self._rtnl.addresses(name)}
        return [
            place
            for place, vip in self._vips.by_place.items()
            if (self._vips.interface(vip), vip.address.ip) not in found
        ]

    def _places(self, address: rt.Address) -> list[tuple[int, int]]:
        name = self._names.get(address.index)
        return [
            place
            for place, vip in self._vips.by_place.items()
            if vip.address.ip == address.ip and self._vips.interface(vip) == name
        ]

    def _services(self) -> dict[int, bool]:
        usable: dict[str, bool] = {}
        with suppress(NetlinkError, TimeoutError):
            for link in self._rtnl.links():
                self._names[link.index] = link.name
                down = link.operstate in (rt.OperState.DOWN, rt.OperState.LOWER_LAYER_DOWN)
                usable[link.name] = link.up and not down
        changed: dict[int, bool] = {}
        for group in {group for group, _ in self._vips.by_place}:
            up = all(usable.get(name, False) for name in self._vips.interfaces(group))
            if self._up.get(group) is not up:
                self._up[group] = changed[group] = up
        return changed


class Announcements:
    """Hears who announces our VIPs on one interface."""

    def __init__(
        self,
        interface: str,
        vips: Vips,
        loop: asyncio.AbstractEventLoop,
        report: Callable[[int, str], None],
    ) -> None:
        """Not listening yet. `report` is told of every foreign claim: (group, MAC)."""
        self._interface = interface
        self._loop = loop
        self._report = report
        self._groups = {
            vip.address.ip: group
            for (group, _), vip in vips.by_place.items()
            if vips.interface(vip) == interface
        }
        self._index = 0
        self._sockets: list[PacketSocket] = []

    def refresh(self) -> None:
        """Listen on the interface as it is now; one that was replaced is another one."""
        try:
            index = socket.if_nametoindex(self._interface)
        except OSError:
            index = 0
        if index == self._index:
            return
        self.close()
        self._index = index
        v4 = [ip for ip in self._groups if isinstance(ip, IPv4Address)]
        if v4:
            self._open(frames.ETH_P_ARP, bpf.arp_about(v4))
        if any(isinstance(ip, IPv6Address) for ip in self._groups):
            self._open(frames.ETH_P_IPV6, bpf.discovery())

    def _open(self, ethertype: int, program: bytes) -> None:
        with suppress(OSError):
            fresh = PacketSocket(self._interface, ethertype, program)
            self._sockets.append(fresh)
            self._loop.add_reader(fresh, self._look, fresh)

    def close(self) -> None:
        """Hear no more."""
        for each in self._sockets:
            self._loop.remove_reader(each)
            each.close()
        self._sockets.clear()

    def _look(self, link: PacketSocket) -> None:
        for _ in range(_DRAIN_LIMIT):
            try:
                received = link.receive()
            except OSError:
                return
            if received is None:
                return
            ip, mac = _claim(*received)
            if ip is not None and mac != link.mac and ip in self._groups:
                self._report(self._groups[ip], frames.mac_text(mac))


def _claim(packet: bytes, source: bytes) -> tuple[IPv4Address | IPv6Address | None, bytes]:
    """Whose address a packet claims, and the MAC that it gives."""
    arp = frames.parse_arp(packet)
    if arp is not None:
        return arp.sender_ip, arp.sender_mac
    found = frames.parse_discovery(packet)
    if found is not None and found.kind is frames.DiscoveryKind.ADVERTISEMENT:
        return found.target, found.mac or source
    return None, source


class Neighbours:
    """Whether anybody was heard on the service interfaces, by their counters."""

    def __init__(self, vips: Vips) -> None:
        """The first reading is only something to compare with."""
        self._vips = vips
        self._counts: dict[str, int] = {}
        self._read_ns = boot_ns()

    def heard_since_ns(self, spacing_ns: int) -> int | None:
        """The reading before this one, if somebody was heard since; None: nobody, or too soon."""
        now_ns, last_ns = boot_ns(), self._read_ns
        if now_ns - last_ns < spacing_ns:
            return None
        heard = False
        for name in {self._vips.interface(vip) for vip in self._vips.by_place.values()}:
            count = received_packets(name)
            heard = heard or count > self._counts.get(name, count)
            self._counts[name] = count
        self._read_ns = now_ns
        return last_ns if heard else None


def received_packets(interface: str) -> int:
    """How many packets the interface received since it exists; 0 for one that does not."""
    path = Path("/sys/class/net") / interface / "statistics/rx_packets"
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0
