"""The on-prem provider on real hosts: what it tells the network, and what it asks it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import pytest

from hafw.hooks.errors import ProviderError
from hafw.hooks.hookspecs import Holder, VipObservation, VipReceipt
from hafw.net import bpf, frames
from hafw.providers.onprem import (
    hafw_vip_announce,
    hafw_vip_probe,
    hafw_warm,
)
from tests.net.hosts import (
    INTERFACE,
    MS,
    VIP,
    Host,
    await_packet,
    give,
    isolated,
    lan,
)
from tests.providers.onprem_host import BOTH, asked, on

if TYPE_CHECKING:
    from hafw.net.packet import PacketSocket
    from hafw.net.rtmessages import IPAddress

NEW_MAC: Final = bytes.fromhex("02000000beef")


# --- announce ---------------------------------------------------------------------------------


def listening(client: Host, vip: IPAddress) -> PacketSocket:
    if vip.version == 4:
        return client.packets(frames.ETH_P_ARP, bpf.arp_about([VIP]))
    return client.packets(frames.ETH_P_IPV6, bpf.discovery())


def claimed_mac(packet: bytes, source: bytes, vip: IPAddress) -> bytes | None:
    """The MAC that a packet claims the address for; None for a packet about something else."""
    if vip.version == 4:
        arp = frames.parse_arp(packet)
        return arp.sender_mac if arp is not None and arp.sender_ip == vip else None
    found = frames.parse_discovery(packet)
    if found is None or found.target != vip:
        return None
    return found.mac or source


def next_claim(packets: PacketSocket, vip: IPAddress) -> bytes:
    while True:
        mac = claimed_mac(*await_packet(packets), vip)
        if mac is not None:
            return mac


@BOTH
@isolated
def test_an_announcement_tells_everybody_the_mac_of_this_host(vip: IPAddress) -> None:
    host, client = lan(100, 50)
    packets = listening(client, vip)

    with on(host):
        receipt = hafw_vip_announce(asked(vip))

    assert receipt == VipReceipt(changed=True)
    assert next_claim(packets, vip) == host.mac()


@BOTH
@isolated
def test_an_announcement_tells_the_mac_that_the_interface_has_now(vip: IPAddress) -> None:
    """A bond takes the MAC of whichever port is active; its old one leads nowhere."""
    host, client = lan(100, 50)
    packets = listening(client, vip)

    with on(host):
        hafw_warm((asked(vip),))
        with host.rtnl() as rtnl:
            rtnl.set_link(INTERFACE, mac=NEW_MAC)
        hafw_vip_announce(asked(vip))

    assert next_claim(packets, vip) == NEW_MAC


@isolated
def test_an_announcement_that_comes_too_late_is_not_sent() -> None:
    host, client = lan(100, 50)
    packets = listening(client, VIP)

    with on(host):
        with pytest.raises(ProviderError, match="came too late and was not sent"):
            hafw_vip_announce(asked(VIP, lasts_ms=0))
        hafw_vip_announce(asked(VIP))
        sent = len(frames.announcements(host.mac(), VIP))

    heard = [await_packet(packets) for _ in range(sent)]
    assert len(heard) == sent
    assert packets.receive() is None


@isolated
def test_after_its_interface_was_replaced_the_next_announcement_is_sent_again() -> None:
    (host,) = lan(100)

    with on(host), host.rtnl() as rtnl:
        hafw_vip_announce(asked(VIP))
        rtnl.set_link(INTERFACE, up=False)
        with pytest.raises(ProviderError, match=r"announce 10\.1\.1\.111: Network is down"):
            hafw_vip_announce(asked(VIP))
        rtnl.delete_link(INTERFACE)
        rtnl.add_bridge(INTERFACE)
        rtnl.set_link(INTERFACE, up=True)

        assert hafw_vip_announce(asked(VIP)) == VipReceipt(changed=True)


# --- probe ------------------------------------------------------------------------------------


@BOTH
@isolated
def test_a_probe_finds_who_has_the_address_and_ends_at_once(vip: IPAddress) -> None:
    host, other = lan(100, 101)
    give(other, vip)
    began_ns = time.monotonic_ns()

    with on(host):
        seen = hafw_vip_probe(asked(vip, lasts_ms=10_000))

    assert seen == VipObservation(holder=Holder.PEER, who=frames.mac_text(other.mac()))
    assert time.monotonic_ns() - began_ns < 9_000 * MS


@BOTH
@isolated
def test_a_probe_that_nobody_answers_asks_until_its_deadline(vip: IPAddress) -> None:
    host, other = lan(100, 101)
    packets = listening(other, vip)
    began_ns = time.monotonic_ns()

    with on(host):
        seen = hafw_vip_probe(asked(vip, lasts_ms=200))

    asking = [await_packet(packets) for _ in range(3)]
    assert seen.holder is Holder.FREE
    assert len(asking) == 3
    assert time.monotonic_ns() - began_ns >= 190 * MS


@BOTH
@isolated
def test_a_probe_does_not_find_the_address_on_this_very_host(vip: IPAddress) -> None:
    (host,) = lan(100)
    give(host, vip)

    with on(host):
        seen = hafw_vip_probe(asked(vip, lasts_ms=100))

    assert seen.holder is Holder.FREE


@BOTH
@isolated
def test_a_probe_that_could_not_be_asked_proves_nothing(vip: IPAddress) -> None:
    (host,) = lan(100)
    with host.rtnl() as rtnl:
        rtnl.set_link(INTERFACE, up=False)

    with on(host):
        seen = hafw_vip_probe(asked(vip, lasts_ms=100))

    assert seen == VipObservation(holder=Holder.UNKNOWN, who="cannot probe eth0: Network is down")
