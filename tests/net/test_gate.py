"""The address gate in a real kernel: what is shut answers nothing and sends nothing."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from hafw.net import frames
from hafw.net.gate import GateShut, Position
from tests.net.gated import Scene, hold
from tests.net.hosts import (
    INTERFACE,
    MS,
    VIP,
    VIP6,
    await_packet,
    give,
    ip4,
    ip6,
    isolated,
)

if TYPE_CHECKING:
    from hafw.net.rtmessages import IPAddress

TICK_NS = 10 * MS  # the coarsest kernel tick, CONFIG_HZ=100
BOTH = pytest.mark.parametrize("vip", [VIP, VIP6], ids=["IPv4", "IPv6"])


@BOTH
@isolated
def test_a_guarded_address_answers_nobody(vip: IPAddress) -> None:
    scene = Scene()

    assert not scene.pings(vip)
    assert not scene.resolves(vip)


@BOTH
@isolated
def test_a_held_address_answers(vip: IPAddress) -> None:
    scene = Scene()

    assert hold(scene.gate, [vip], 10_000 * MS) is Position.OPEN

    assert scene.pings(vip)
    assert scene.resolves(vip)


@BOTH
@isolated
def test_an_address_held_without_end_answers_until_shut(vip: IPAddress) -> None:
    scene = Scene()

    hold(scene.gate, [vip], None)
    assert scene.pings(vip)

    assert scene.gate.shut([vip]) is Position.SHUT
    assert not scene.pings(vip)
    assert not scene.resolves(vip)


@isolated
def test_addresses_that_are_not_guarded_never_notice() -> None:
    scene = Scene()

    scene.gate.shut([VIP, VIP6])

    assert scene.pings(ip4(100))
    assert scene.resolves(ip6(100))


@BOTH
@isolated
def test_holding_one_address_does_not_open_the_other(vip: IPAddress) -> None:
    scene = Scene()
    other = VIP if vip == VIP6 else VIP6

    hold(scene.gate, [other], None)

    assert not scene.pings(vip)


@BOTH
@isolated
def test_nothing_leaves_from_a_shut_address(vip: IPAddress) -> None:
    scene = Scene()
    v4 = vip.version == 4
    with scene.host.entered():
        sender = socket.socket(socket.AF_INET if v4 else socket.AF_INET6, socket.SOCK_DGRAM)
    sender.bind((str(vip), 0))

    with sender, pytest.raises(PermissionError):
        sender.sendto(b"late", (str(ip4(50) if v4 else ip6(50)), 9))


@BOTH
@isolated
def test_nothing_arrives_at_a_shut_address(vip: IPAddress) -> None:
    scene = Scene()
    v4 = vip.version == 4
    own: IPAddress = ip4(100) if v4 else ip6(100)
    with scene.host.entered():
        server = socket.socket(socket.AF_INET if v4 else socket.AF_INET6, socket.SOCK_DGRAM)
    with scene.client.entered():
        client = socket.socket(socket.AF_INET if v4 else socket.AF_INET6, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0" if v4 else "::", 0))
    server.settimeout(5)
    port = server.getsockname()[1]
    hold(scene.gate, [vip], None)
    client.sendto(b"while it was open", (str(vip), port))
    assert server.recv(99) == b"while it was open"

    scene.gate.shut([vip])
    client.sendto(b"to the shut address", (str(vip), port))
    client.sendto(b"to the own address", (str(own), port))

    assert server.recv(99) == b"to the own address"


@isolated
def test_nobody_on_the_host_advertises_a_shut_address() -> None:
    scene = Scene()
    (announcement,) = frames.announcements(scene.host.mac(), VIP6)
    with scene.host.entered():
        icmp = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    icmp.bind((str(ip6(100)), 0))
    advertisement = announcement.payload[40:]

    with pytest.raises(PermissionError):
        icmp.sendto(advertisement, (str(ip6(50)), 0))

    hold(scene.gate, [VIP6], None)
    icmp.sendto(advertisement, (str(ip6(50)), 0))


@BOTH
@isolated
def test_a_shut_gate_lets_the_host_hear_of_the_new_owner(vip: IPAddress) -> None:
    scene = Scene()
    source: IPAddress = ip4(50) if vip.version == 4 else ip6(50)
    give(scene.client, vip)
    with scene.host.rtnl() as rtnl:
        rtnl.delete_address(INTERFACE, vip, vip.max_prefixlen)

    with scene.client.entered():
        server = socket.create_server(
            (str(vip), 0), family=socket.AF_INET if vip.version == 4 else socket.AF_INET6
        )
    with server, scene.host.entered():
        connection = socket.create_connection((str(vip), server.getsockname()[1]), timeout=5)
    connection.close()
    assert scene.asker(source).resolve(ip4(100) if vip.version == 4 else ip6(100))


@BOTH
@isolated
def test_an_address_shuts_at_its_timeout_with_nobody_there_to_shut_it(vip: IPAddress) -> None:
    scene = Scene()
    held_ns = 300 * MS

    hold(scene.gate, [vip], held_ns)
    opened_ns = time.monotonic_ns()
    last_ns = opened_ns
    while time.monotonic_ns() < opened_ns + held_ns + 50 * MS:
        asked_ns = time.monotonic_ns()
        if scene.pings(vip):
            last_ns = asked_ns

    assert held_ns // 2 < last_ns - opened_ns < held_ns + TICK_NS


@BOTH
@isolated
def test_a_renewal_counts_anew(vip: IPAddress) -> None:
    scene = Scene()

    hold(scene.gate, [vip], 60_000 * MS)
    scene.gate.renew([vip], 1 * MS)
    deadline_ns = time.monotonic_ns() + 5_000 * MS
    while scene.pings(vip):
        assert time.monotonic_ns() < deadline_ns, "the shorter timeout did not replace the longer"

    hold(scene.gate, [vip], 60_000 * MS)
    assert scene.pings(vip)


@BOTH
@isolated
def test_a_renewal_keeps_an_address_open(vip: IPAddress) -> None:
    scene = Scene()
    hold(scene.gate, [vip], 500 * MS)  # longer than a busy machine keeps a test waiting
    began_ns = time.monotonic_ns()

    while time.monotonic_ns() < began_ns + 1_200 * MS:
        assert scene.gate.renew([vip], 500 * MS) is Position.OPEN
        assert scene.pings(vip)


@BOTH
@isolated
def test_a_renewal_that_comes_too_late_does_not_open_the_gate_again(vip: IPAddress) -> None:
    scene = Scene()
    hold(scene.gate, [vip], 1 * MS)
    while scene.pings(vip):
        pass

    with pytest.raises(GateShut):
        scene.gate.renew([vip], 60_000 * MS)

    assert not scene.pings(vip)


@BOTH
@isolated
def test_an_opening_that_comes_too_late_does_not_open_the_gate(vip: IPAddress) -> None:
    scene = Scene()
    scene.gate.prime([vip], 1 * MS)
    began_ns = time.monotonic_ns()
    while time.monotonic_ns() < began_ns + 2 * TICK_NS:
        pass

    with pytest.raises(GateShut):
        scene.gate.open([vip], 60_000 * MS)

    assert not scene.pings(vip)


@isolated
def test_a_priming_is_good_for_one_opening() -> None:
    scene = Scene()
    hold(scene.gate, [VIP], 60_000 * MS)
    scene.gate.shut([VIP])

    with pytest.raises(GateShut):
        scene.gate.open([VIP], 60_000 * MS)


@isolated
def test_a_timeout_below_a_millisecond_shuts() -> None:
    scene = Scene()
    hold(scene.gate, [VIP], None)

    assert hold(scene.gate, [VIP], MS - 1) is Position.SHUT
    assert not scene.pings(VIP)
    assert hold(scene.gate, [VIP], -MS) is Position.SHUT


@isolated
def test_holding_nothing_is_no_error() -> None:
    scene = Scene()

    assert hold(scene.gate, [], 5 * MS) is Position.OPEN
    assert scene.gate.shut([]) is Position.SHUT


@isolated
def test_guarding_anew_keeps_open_what_is_held() -> None:
    scene = Scene()
    hold(scene.gate, [VIP], None)

    scene.gate.guard([VIP])

    assert scene.pings(VIP)
    assert scene.pings(VIP6)


@isolated
def test_an_address_no_longer_guarded_is_shut_when_guarded_again() -> None:
    scene = Scene()
    hold(scene.gate, [VIP, VIP6], None)

    scene.gate.guard([VIP6])
    scene.gate.guard([VIP, VIP6])

    assert not scene.pings(VIP)
    assert scene.pings(VIP6)


@isolated
def test_an_element_that_ran_out_does_not_spoil_a_renewal() -> None:
    scene = Scene()

    for _ in range(10):
        hold(scene.gate, [VIP, VIP6], 1 * MS)
        while scene.pings(VIP) or scene.pings(VIP6):
            pass

    hold(scene.gate, [VIP, VIP6], None)
    assert scene.pings(VIP)
    assert scene.pings(VIP6)


@isolated
def test_packets_of_the_holder_reach_the_client() -> None:
    scene = Scene()
    sniffer = scene.client.packets(0x0800)
    with scene.host.entered():
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind((str(VIP), 0))
    hold(scene.gate, [VIP], None)

    with sender:
        sender.sendto(b"in time", (str(ip4(50)), 9))

    assert await_packet(sniffer)[0].endswith(b"in time")
