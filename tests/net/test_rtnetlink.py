"""Links, addresses, routes and neighbours through a real kernel."""

from __future__ import annotations

import errno
import time
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

import pytest

from hafw.net.netlink import NetlinkError, NetlinkSocket
from hafw.net.rtmessages import (
    AddressAdded,
    AddressRemoved,
    Event,
    LinkChanged,
    LinkRemoved,
    OperState,
    parse_event,
)
from hafw.net.rtnetlink import Change, Rtnl, Way, event_socket
from tests.net.hosts import (
    INTERFACE,
    MS,
    VIP,
    VIP6,
    await_operstate,
    await_readable,
    ip4,
    ip6,
    isolated,
    lan,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.net.rtmessages import Address, IPAddress

BOTH = pytest.mark.parametrize("vip", [VIP, VIP6], ids=["IPv4", "IPv6"])


def found(rtnl: Rtnl, ip: IPAddress) -> Address | None:
    return next((address for address in rtnl.addresses(INTERFACE) if address.ip == ip), None)


def one_link() -> Rtnl:
    rtnl = Rtnl()
    rtnl.add_bridge(INTERFACE)
    rtnl.set_link(INTERFACE, up=True)
    return rtnl


def await_event(events: NetlinkSocket, wanted: Callable[[Event], bool]) -> Event:
    deadline_ns = time.monotonic_ns() + 10_000 * MS
    while True:
        for event in map(parse_event, events.drain().messages):
            if event is not None and wanted(event):
                return event
        assert await_readable(events, deadline_ns), "the event did not come in 10 s"


@BOTH
@isolated
def test_an_address_added_is_there(vip: IPAddress) -> None:
    rtnl = one_link()

    assert rtnl.add_address(INTERFACE, vip, vip.max_prefixlen) is Change.MADE

    address = found(rtnl, vip)
    assert address is not None
    assert address.prefix_len == vip.max_prefixlen
    assert (address.valid_s, address.preferred_s) == (None, None)
    assert not address.tentative


@BOTH
@isolated
def test_adding_an_address_twice_is_no_error(vip: IPAddress) -> None:
    rtnl = one_link()
    rtnl.add_address(INTERFACE, vip, vip.max_prefixlen)

    assert rtnl.add_address(INTERFACE, vip, vip.max_prefixlen) is Change.NOT_NEEDED


@BOTH
@isolated
def test_replacing_an_address_renews_its_lifetime(vip: IPAddress) -> None:
    rtnl = one_link()
    rtnl.add_address(INTERFACE, vip, vip.max_prefixlen, valid_s=50, preferred_s=0)

    again = rtnl.add_address(
        INTERFACE, vip, vip.max_prefixlen, valid_s=90, preferred_s=0, replace=True
    )

    assert again is Change.MADE
    address = found(rtnl, vip)
    assert address is not None
    assert address.valid_s in (89, 90)
    assert address.preferred_s == 0


@BOTH
@isolated
def test_the_kernel_removes_an_address_at_the_end_of_its_lifetime(vip: IPAddress) -> None:
    rtnl = one_link()
    with event_socket() as events:
        rtnl.add_address(INTERFACE, vip, vip.max_prefixlen, valid_s=1)
        began_ns = time.monotonic_ns()

        await_event(events, lambda e: isinstance(e, AddressRemoved) and e.address.ip == vip)

    assert time.monotonic_ns() - began_ns > 500 * MS
    assert found(rtnl, vip) is None


@BOTH
@isolated
def test_an_address_deleted_is_gone_and_a_second_deletion_not_needed(vip: IPAddress) -> None:
    rtnl = one_link()
    rtnl.add_address(INTERFACE, vip, vip.max_prefixlen)

    assert rtnl.delete_address(INTERFACE, vip, vip.max_prefixlen) is Change.MADE
    assert found(rtnl, vip) is None
    assert rtnl.delete_address(INTERFACE, vip, vip.max_prefixlen) is Change.NOT_NEEDED


@BOTH
@isolated
def test_removing_a_host_address_leaves_the_hosts_own(vip: IPAddress) -> None:
    rtnl = one_link()
    own = ip4(100) if vip.version == 4 else ip6(100)
    rtnl.add_address(INTERFACE, vip, vip.max_prefixlen)
    rtnl.add_address(INTERFACE, own, 24 if vip.version == 4 else 64)

    rtnl.delete_address(INTERFACE, vip, vip.max_prefixlen)

    assert found(rtnl, own) is not None


@BOTH
@isolated
def test_address_changes_are_reported(vip: IPAddress) -> None:
    rtnl = one_link()
    index = rtnl.link_index(INTERFACE)
    with event_socket() as events:
        rtnl.add_address(INTERFACE, vip, vip.max_prefixlen)
        added = await_event(events, lambda e: isinstance(e, AddressAdded) and e.address.ip == vip)
        rtnl.delete_address(INTERFACE, vip, vip.max_prefixlen)
        await_event(events, lambda e: isinstance(e, AddressRemoved) and e.address.ip == vip)

    assert isinstance(added, AddressAdded)
    assert added.address.index == index


@isolated
def test_a_link_that_goes_down_is_reported() -> None:
    (host,) = lan(100)
    with host.entered():
        events, rtnl = event_socket(), Rtnl()

    rtnl.set_link(INTERFACE, up=False)

    event = await_event(events, lambda e: isinstance(e, LinkChanged) and not e.link.up)
    assert isinstance(event, LinkChanged)
    assert event.link.name == INTERFACE


@isolated
def test_a_cable_pulled_at_the_far_end_takes_the_carrier() -> None:
    (host,) = lan(100)

    with Rtnl() as switch:
        switch.set_link("port100", up=False)

    await_operstate(host, INTERFACE, OperState.DOWN, OperState.LOWER_LAYER_DOWN)
    with host.rtnl() as rtnl:
        link = rtnl.link(INTERFACE)
    assert link.up
    assert not link.carrier


@isolated
def test_a_port_that_leaves_its_bridge_is_no_removed_link() -> None:
    rtnl = one_link()
    rtnl.add_veth("a", "b")
    rtnl.set_link("a", bridge=INTERFACE, up=True)
    with event_socket() as events:
        rtnl.delete_link(INTERFACE)

        removed = await_event(events, lambda e: isinstance(e, LinkRemoved))

    assert isinstance(removed, LinkRemoved)
    assert removed.link.name == INTERFACE
    assert rtnl.link("a").name == "a"


@isolated
def test_deleting_a_link_twice_is_no_error() -> None:
    rtnl = one_link()

    assert rtnl.delete_link(INTERFACE) is Change.MADE
    assert rtnl.delete_link(INTERFACE) is Change.NOT_NEEDED


@isolated
def test_a_link_gets_mac_and_name() -> None:
    rtnl = one_link()
    mac = bytes.fromhex("0200000000aa")

    rtnl.set_link(INTERFACE, up=False)
    rtnl.set_link(INTERFACE, mac=mac, new_name="renamed")

    assert rtnl.link("renamed").mac == mac
    assert {"lo", "renamed"} <= {link.name for link in rtnl.links()}


@isolated
def test_an_unknown_link_is_named_by_the_error() -> None:
    with Rtnl() as rtnl, pytest.raises(NetlinkError, match="look up link nowhere: No such device"):
        rtnl.addresses("nowhere")


@isolated
def test_default_gateways_are_set_replaced_and_read() -> None:
    rtnl = one_link()
    rtnl.add_address(INTERFACE, ip4(100), 24)
    rtnl.add_address(INTERFACE, ip6(100), 64)
    assert rtnl.default_gateways() == ()

    rtnl.add_default_route(ip4(2))
    rtnl.add_default_route(ip4(1))
    rtnl.add_default_route(ip6(1))

    assert rtnl.default_gateways() == (ip4(1), ip6(1))


@isolated
def test_a_gateway_out_of_reach_is_refused() -> None:
    rtnl = one_link()

    with pytest.raises(NetlinkError, match=r"route everything via 10\.1\.1\.1") as refusal:
        rtnl.add_default_route(ip4(1))

    assert refusal.value.errno == errno.ENETUNREACH


@pytest.mark.parametrize(
    ("own", "prefix_len", "target", "farther"),
    [(ip4(100), 24, ip4(1), IPv4Address("192.0.2.1")), (ip6(100), 64, ip6(1), IPv6Address("::5"))],
    ids=["IPv4", "IPv6"],
)
@isolated
def test_the_way_to_an_address_is_by_the_routes(
    own: IPAddress, prefix_len: int, target: IPAddress, farther: IPAddress
) -> None:
    rtnl = one_link()
    rtnl.add_address(INTERFACE, own, prefix_len)
    rtnl.add_default_route(target)

    assert rtnl.way_to(target) == Way(INTERFACE, own)
    assert rtnl.way_to(farther) == Way(INTERFACE, own)


@isolated
def test_a_host_is_routed_nowhere_or_by_one_gateway_and_then_another() -> None:
    rtnl = one_link()
    rtnl.add_address(INTERFACE, ip4(100), 24)
    host = IPv4Address("192.0.2.1")
    rtnl.route_host(host, None)
    with pytest.raises(NetlinkError):
        rtnl.way_to(host)

    rtnl.route_host(host, ip4(1))
    rtnl.route_host(host, ip4(2))
    way = rtnl.way_to(host)
    rtnl.route_host(host, None)

    assert way == Way(INTERFACE, ip4(100))
    with pytest.raises(NetlinkError):
        rtnl.way_to(host)


@BOTH
@isolated
def test_without_a_route_there_is_no_way(vip: IPAddress) -> None:
    with pytest.raises(NetlinkError) as refusal:
        one_link().way_to(vip)

    assert refusal.value.errno == errno.ENETUNREACH
    assert f"look up the route to {vip}" in str(refusal.value)


@BOTH
@isolated
def test_a_neighbour_nobody_asked_for_is_unknown(vip: IPAddress) -> None:
    rtnl = one_link()

    assert rtnl.neighbour(INTERFACE, vip) is None
    assert rtnl.forget_neighbour(INTERFACE, vip) is Change.NOT_NEEDED
