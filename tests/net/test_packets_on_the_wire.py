"""Our packets and filters against the kernel's own ARP, neighbour discovery and ICMP."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from hafw.net import bpf, frames
from hafw.net.packet import IpSocket, PacketSocket
from hafw.net.rtmessages import NeighbourState, OperState
from tests.net.hosts import (
    INTERFACE,
    VIP,
    VIP6,
    Asker,
    Host,
    await_operstate,
    await_packet,
    give,
    ip4,
    ip6,
    isolated,
    lan,
)

if TYPE_CHECKING:
    from hafw.net.rtmessages import IPAddress

BOTH = pytest.mark.parametrize("vip", [VIP, VIP6], ids=["IPv4", "IPv6"])


def number(vip: IPAddress, host: int) -> IPAddress:
    return ip4(host) if vip.version == 4 else ip6(host)


def echo_filter(vip: IPAddress) -> tuple[int, bytes]:
    if vip.version == 4:
        return frames.ETH_P_IP, bpf.echo_replies4()
    return frames.ETH_P_IPV6, bpf.echo_replies6()


@BOTH
@isolated
def test_a_probe_of_a_used_address_is_answered_with_its_mac(vip: IPAddress) -> None:
    host, client = lan(100, 50)
    give(host, vip)
    if vip.version == 4:
        packets = client.packets(frames.ETH_P_ARP, bpf.arp_about([VIP]))
    else:
        packets = client.packets(frames.ETH_P_IPV6, bpf.discovery())

    packets.send(frames.probe(packets.mac, vip))

    assert claimant(packets, vip) == host.mac()


def claimant(packets: PacketSocket, vip: IPAddress) -> bytes | None:
    """Return the MAC that the next claim of ``vip`` names; others' business goes on meanwhile."""
    while True:
        answer, _source = await_packet(packets)
        if vip.version == 4:
            arp = frames.parse_arp(answer)
            assert arp is not None
            if arp.sender_ip == vip:
                return arp.sender_mac
        else:
            found = frames.parse_discovery(answer)
            assert found is not None
            if found.kind is frames.DiscoveryKind.ADVERTISEMENT and found.target == vip:
                return found.mac


@BOTH
@isolated
def test_a_probe_nobody_answers_finds_the_address_free(vip: IPAddress) -> None:
    host, client = lan(100, 50)

    assert not Asker(client, host, number(vip, 50)).resolve(vip)


@BOTH
@isolated
def test_a_probe_changes_nobodys_cache(vip: IPAddress) -> None:
    host, client = lan(100, 50)
    asker = Asker(client, host, number(vip, 50))

    asker.resolve(vip)

    with host.rtnl() as rtnl:
        assert rtnl.neighbour(INTERFACE, vip) is None


@BOTH
@pytest.mark.parametrize("form", [0, 1], ids=["request", "reply"])
@isolated
def test_each_announcement_moves_the_address_in_a_clients_cache(vip: IPAddress, form: int) -> None:
    old, new, client = lan(100, 101, 50)
    announcements = frames.announcements(new.mac(), vip)
    if form >= len(announcements):
        return  # IPv6 has one form
    learn(client, old, vip)

    with new.entered():
        sender = PacketSocket(INTERFACE, announcements[form].ethertype)
    sniffer = client.packets(announcements[form].ethertype)
    sender.send(announcements[form])
    await_packet(sniffer)

    with client.rtnl() as rtnl:
        entry = rtnl.neighbour(INTERFACE, vip)
    assert entry is not None
    assert entry.mac == new.mac()


def learn(client: Host, owner: Host, vip: IPAddress) -> None:
    """Let ``client`` find out that ``owner`` has ``vip``, a moment ago."""
    give(owner, vip)
    ethertype, program = echo_filter(vip)
    packets = client.packets(ethertype, program)
    with client.entered(), IpSocket(INTERFACE, vip.version) as requests:
        requests.send(frames.echo_request(number(vip, 50), vip, 1, 1, b""), vip)
    await_packet(packets)
    with client.rtnl() as rtnl:
        entry = rtnl.neighbour(INTERFACE, vip)
        assert entry is not None
        assert entry.mac == owner.mac()
        assert entry.state is NeighbourState.REACHABLE


@BOTH
@isolated
def test_the_ping_node_reflects_a_heartbeat_to_the_peer(vip: IPAddress) -> None:
    _gateway, alpha, beta = lan(1, 100, 101)
    gateway_ip, beta_ip = number(vip, 1), number(vip, 101)
    ethertype, program = echo_filter(vip)
    at_beta = beta.packets(ethertype, program)
    with alpha.entered():
        sender = IpSocket(INTERFACE, vip.version)

    heartbeat = bytes(range(256)) * 4
    sender.send(frames.echo_request(beta_ip, gateway_ip, 7, 9, heartbeat), gateway_ip)
    packet, _source = await_packet(at_beta)

    reply = frames.parse_echo_reply(packet)
    assert reply == frames.EchoReply(gateway_ip, beta_ip, 7, 9, heartbeat)


@BOTH
@isolated
def test_the_echo_filter_passes_nothing_but_replies(vip: IPAddress) -> None:
    host, client = lan(100, 50)
    me, server = number(vip, 50), number(vip, 100)
    ethertype, program = echo_filter(vip)
    at_host, at_client = host.packets(ethertype, program), client.packets(ethertype, program)

    request = frames.echo_request(me, server, 1, 2, b"")
    at_client.send(frames.LinkPacket(ethertype, host.mac(), request))
    await_packet(at_client)

    assert at_host.receive() is None


@isolated
def test_the_arp_filter_passes_only_the_addresses_asked_for() -> None:
    host, client = lan(100, 50)
    watched = [ip4(last) for last in range(111, 211)]
    packets = host.packets(frames.ETH_P_ARP, bpf.arp_about(watched))
    with client.entered():
        sender = PacketSocket(INTERFACE, frames.ETH_P_ARP)

    for last in (110, 211, 210):
        sender.send(frames.announcements(sender.mac, ip4(last))[0])
    sender.send(frames.probe(sender.mac, ip4(111)))

    found = [frames.parse_arp(await_packet(packets)[0]) for _ in range(2)]
    assert [arp.target_ip for arp in found if arp is not None] == [ip4(210), ip4(111)]


def test_an_arp_filter_for_too_many_addresses_is_refused() -> None:
    with pytest.raises(ValueError, match="takes 100 addresses, not 101"):
        bpf.arp_about([ip4(0)] * 101)


@isolated
def test_an_unknown_interface_is_named_by_the_error() -> None:
    with pytest.raises(OSError, match="No such device") as refusal:
        PacketSocket("nowhere", frames.ETH_P_ARP)

    assert refusal.value.errno == errno.ENODEV


@isolated
def test_sending_through_an_interface_that_is_down_raises() -> None:
    (host,) = lan(100)
    packets = host.packets(frames.ETH_P_ARP)
    with host.rtnl() as rtnl:
        rtnl.set_link(INTERFACE, up=False)
    await_operstate(host, INTERFACE, OperState.DOWN)

    with pytest.raises(OSError, match="Network is down") as refusal:
        packets.send(frames.probe(packets.mac, VIP))

    assert refusal.value.errno == errno.ENETDOWN
