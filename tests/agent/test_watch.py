"""What a node hears of its network: interfaces, addresses, and who claims them."""

from __future__ import annotations

import time
from ipaddress import IPv4Interface, IPv6Interface
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from hafw.agent.watch import Announcements, Interfaces, received_packets
from hafw.config import Vip
from hafw.net import frames
from hafw.net.rtmessages import OperState
from tests.net.hosts import (
    INTERFACE,
    MS,
    VIP,
    VIP6,
    Host,
    await_operstate,
    await_readable,
    ip4,
    isolated,
    lan,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from hafw.agent.vips import Vips
    from hafw.net.packet import PacketSocket
    from hafw.net.rtmessages import IPAddress

GROUP: Final = 3
BOTH: Final = pytest.mark.parametrize("vip", [VIP, VIP6], ids=["IPv4", "IPv6"])


class Placed:
    """The VIPs of a node: group 3 has one of each family, on eth0 unless told otherwise."""

    def __init__(self, name: str = INTERFACE) -> None:
        v4 = Vip(provider="onprem", address=IPv4Interface(f"{VIP}/24"), interfaces=(name, name))
        v6 = Vip(provider="onprem", address=IPv6Interface(f"{VIP6}/64"), interfaces=(name, name))
        self.by_place = {(GROUP, 0): v4, (GROUP, 1): v6}

    def interface(self, vip: Vip) -> str:
        return vip.interfaces[0]

    def interfaces(self, _group: int) -> set[str]:
        return {vip.interfaces[0] for vip in self.by_place.values()}


def placed(name: str = INTERFACE) -> Vips:
    return cast("Vips", Placed(name))


def watching(host: Host, name: str = INTERFACE) -> Interfaces:
    with host.entered():
        return Interfaces(placed(name))


def next_look(interfaces: Interfaces) -> tuple[dict[int, bool], list[tuple[int, int]]]:
    """The next look that finds anything."""
    deadline_ns = time.monotonic_ns() + 5_000 * MS
    while True:
        services, removed = interfaces.look()
        if services or removed:
            return services, removed
        assert await_readable(interfaces, deadline_ns), "nothing happened in 5 s"


# --- interfaces -------------------------------------------------------------------------------


@isolated
def test_the_first_look_tells_how_every_service_interface_is() -> None:
    (host,) = lan(100)

    assert watching(host).look() == ({GROUP: True}, [])
    assert watching(host, "eth7").look() == ({GROUP: False}, [])


@isolated
def test_an_interface_that_goes_down_and_up_is_reported_once_each() -> None:
    (host,) = lan(100)
    interfaces = watching(host)
    interfaces.look()

    with host.rtnl() as rtnl:
        rtnl.set_link(INTERFACE, up=False)
        down = next_look(interfaces)
        rtnl.set_link(INTERFACE, up=True)
    up = next_look(interfaces)
    await_operstate(host, INTERFACE, OperState.UP)

    assert down == ({GROUP: False}, [])
    assert up == ({GROUP: True}, [])


@isolated
def test_an_interface_that_is_taken_away_is_down() -> None:
    (host,) = lan(100)
    interfaces = watching(host)
    interfaces.look()

    with host.rtnl() as rtnl:
        rtnl.delete_link(INTERFACE)

    assert next_look(interfaces)[0] == {GROUP: False}


@BOTH
@isolated
def test_a_vip_that_somebody_removes_is_reported_by_its_place(vip: IPAddress) -> None:
    (host,) = lan(100)
    interfaces = watching(host)
    with host.rtnl() as rtnl:
        rtnl.add_address(INTERFACE, vip, vip.max_prefixlen)
        interfaces.look()

        rtnl.delete_address(INTERFACE, vip, vip.max_prefixlen)

    assert next_look(interfaces) == ({}, [(GROUP, 0 if vip == VIP else 1)])


@isolated
def test_other_addresses_are_nobodys_business() -> None:
    (host,) = lan(100)
    interfaces = watching(host)
    interfaces.look()
    with host.rtnl() as rtnl:
        rtnl.add_address(INTERFACE, ip4(112), 32)
        rtnl.delete_address(INTERFACE, ip4(112), 32)
        rtnl.add_address(INTERFACE, VIP, 32)

        rtnl.delete_address(INTERFACE, VIP, 32)

    assert next_look(interfaces) == ({}, [(GROUP, 0)])


@isolated
def test_what_was_missed_is_read_again_whole() -> None:
    (host,) = lan(100)
    interfaces = watching(host)
    with host.rtnl() as rtnl:
        for vip in (VIP, VIP6):
            rtnl.add_address(INTERFACE, vip, vip.max_prefixlen)
        interfaces.look()
        for _ in range(2_000):  # more than a netlink socket queues
            rtnl.add_address(INTERFACE, ip4(112), 32)
            rtnl.delete_address(INTERFACE, ip4(112), 32)

        rtnl.delete_address(INTERFACE, VIP, 32)

    assert next_look(interfaces) == ({}, [(GROUP, 0)])


# --- announcements ----------------------------------------------------------------------------


class Readers:
    """In place of the event loop: which callback belongs to which socket."""

    def __init__(self) -> None:
        self.callbacks: dict[Any, Callable[[], None]] = {}

    def add_reader(
        self, source: PacketSocket, callback: Callable[[PacketSocket], None], link: PacketSocket
    ) -> None:
        self.callbacks[source] = lambda: callback(link)

    def remove_reader(self, source: PacketSocket) -> None:
        del self.callbacks[source]

    def run(self) -> None:
        for callback in list(self.callbacks.values()):
            callback()

    def await_any(self) -> None:
        """Wait until there is something to read, and have it read."""
        deadline_ns = time.monotonic_ns() + 5_000 * MS
        while not any(await_readable(each, 0) for each in self.callbacks):
            assert time.monotonic_ns() < deadline_ns, "nothing came in 5 s"
        self.run()


def hearing(host: Host) -> tuple[Announcements, Readers, list[tuple[int, str]]]:
    readers, claims = Readers(), list[tuple[int, str]]()
    loop = cast("asyncio.AbstractEventLoop", readers)
    heard = Announcements(INTERFACE, placed(), loop, lambda group, who: claims.append((group, who)))
    with host.entered():
        heard.refresh()
    return heard, readers, claims


def announce(host: Host, vip: IPAddress, mac: bytes | None = None) -> None:
    ethertype = frames.ETH_P_ARP if vip.version == 4 else frames.ETH_P_IPV6
    packets = host.packets(ethertype)
    with packets:
        for packet in frames.announcements(mac or packets.mac, vip):
            packets.send(packet)


@BOTH
@isolated
def test_a_foreign_claim_of_a_vip_is_reported_with_its_mac(vip: IPAddress) -> None:
    host, rival = lan(100, 101)
    _heard, readers, claims = hearing(host)

    announce(rival, vip)
    while not claims:
        readers.await_any()

    assert set(claims) == {(GROUP, frames.mac_text(rival.mac()))}


@isolated
def test_claims_of_other_addresses_and_our_own_are_no_foreign_claims() -> None:
    host, rival = lan(100, 101)
    _heard, readers, claims = hearing(host)

    announce(host, VIP)
    announce(rival, ip4(112))
    announce(rival, VIP, mac=host.mac())  # our own, sent back by a loop in the network
    announce(rival, VIP)
    while not claims:
        readers.await_any()

    assert set(claims) == {(GROUP, frames.mac_text(rival.mac()))}


@isolated
def test_an_interface_that_was_replaced_is_heard_again() -> None:
    host, rival = lan(100, 101)
    heard, readers, claims = hearing(host)
    with host.rtnl() as rtnl:
        rtnl.set_link(INTERFACE, new_name="old")
        rtnl.add_bridge(INTERFACE)
        rtnl.set_link("old", bridge=INTERFACE)
        rtnl.set_link(INTERFACE, up=True)
    with host.entered():
        heard.refresh()

    announce(rival, VIP)
    while not claims:
        readers.await_any()

    assert claims[0] == (GROUP, frames.mac_text(rival.mac()))
    assert len(readers.callbacks) == 2


@isolated
def test_a_missing_interface_is_heard_once_it_is_there() -> None:
    host, _rival = lan(100, 101)
    with host.rtnl() as rtnl:
        rtnl.set_link(INTERFACE, new_name="old")
    heard, readers, _claims = hearing(host)
    before = len(readers.callbacks)

    with host.rtnl() as rtnl:
        rtnl.set_link("old", new_name=INTERFACE)
    with host.entered():
        heard.refresh()
        heard.refresh()

    assert (before, len(readers.callbacks)) == (0, 2)


@isolated
def test_who_closes_hears_no_more() -> None:
    (host,) = lan(100)
    heard, readers, _claims = hearing(host)

    heard.close()
    heard.close()

    assert readers.callbacks == {}


# --- packets ----------------------------------------------------------------------------------


def test_an_interface_that_does_not_exist_has_received_nothing() -> None:
    assert received_packets("no-such-iface") == 0
