"""The on-prem provider on real hosts: addresses, announcements, probes, and what goes wrong."""

from __future__ import annotations

import ctypes
import os
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from hafw import hostaddress
from hafw.hooks.errors import Denied, Misconfigured, ProviderError, UnknownOutcome
from hafw.hooks.hookspecs import Holder, VipObservation, VipReceipt, VipRequest
from hafw.net import bpf, frames
from hafw.net.clock import boot_ns
from hafw.net.frames import ETH_P_ARP
from hafw.providers import onprem
from hafw.providers.onprem import (
    hafw_vip_announce,
    hafw_vip_attach,
    hafw_vip_detach,
    hafw_vip_observe,
    hafw_vip_plan,
    hafw_vip_probe,
    hafw_vip_rouse,
    hafw_warm,
)
from tests.net.hosts import (
    INTERFACE,
    MS,
    VIP,
    VIP6,
    Host,
    await_packet,
    give,
    ip4,
    ip6,
    isolated,
    lan,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw.net.packet import PacketSocket
    from hafw.net.rtmessages import Address, IPAddress

BOTH: Final = pytest.mark.parametrize("vip", [VIP, VIP6], ids=["IPv4", "IPv6"])
NEW_MAC: Final = bytes.fromhex("02000000beef")


def asked(
    vip: IPAddress,
    *,
    interface: str = INTERFACE,
    lasts_ms: int = 5_000,
    lifetime_s: int | None = 60,
) -> VipRequest:
    return VipRequest(
        cluster_id="c1",
        group=3,
        epoch=7,
        address=str(vip),
        interface=interface,
        deadline_ns=boot_ns() + lasts_ms * MS,
        lifetime_s=lifetime_s,
    )


@contextmanager
def on(host: Host) -> Iterator[None]:
    """As the worker of that host; its warm sockets are that host's."""
    with host.entered():
        try:
            yield
        finally:
            onprem._forget(INTERFACE)


def held(host: Host, vip: IPAddress) -> list[Address]:
    with host.rtnl() as rtnl:
        return [found for found in rtnl.addresses(INTERFACE) if found.ip == vip]


def others(host: Host, vip: IPAddress) -> list[tuple[IPAddress, int]]:
    with host.rtnl() as rtnl:
        every = rtnl.addresses(INTERFACE)
    return [(found.ip, found.prefix_len) for found in every if found.ip != vip]


# --- attach -----------------------------------------------------------------------------------


@BOTH
@isolated
def test_an_attached_address_is_a_host_address_that_is_never_chosen_and_does_not_stay(
    vip: IPAddress,
) -> None:
    (host,) = lan(100)

    with on(host):
        receipt = hafw_vip_attach(asked(vip, lifetime_s=60))

    (found,) = held(host, vip)
    assert receipt == VipReceipt(changed=True)
    assert found.prefix_len == vip.max_prefixlen
    assert found.preferred_s == 0
    assert found.valid_s is not None
    assert 50 < found.valid_s <= 60


@BOTH
@isolated
def test_an_address_without_a_lifetime_stays(vip: IPAddress) -> None:
    (host,) = lan(100)

    with on(host):
        hafw_vip_attach(asked(vip, lifetime_s=None))

    assert [found.valid_s for found in held(host, vip)] == [None]


@BOTH
@isolated
def test_attaching_twice_leaves_one_address_with_the_new_lifetime(vip: IPAddress) -> None:
    (host,) = lan(100)

    with on(host):
        hafw_vip_attach(asked(vip, lifetime_s=60))
        hafw_vip_attach(asked(vip, lifetime_s=600))

    (found,) = held(host, vip)
    assert found.valid_s is not None
    assert found.valid_s > 60


@BOTH
@isolated
def test_attaching_and_detaching_leave_foreign_addresses_alone(vip: IPAddress) -> None:
    (host,) = lan(100)
    with host.rtnl() as rtnl:
        for other in (ip4(112), ip6(112)):
            rtnl.add_address(INTERFACE, other, other.max_prefixlen)
    before = others(host, vip)

    with on(host):
        hafw_vip_attach(asked(vip))
        during = others(host, vip)
        hafw_vip_detach(asked(vip))

    assert before == during == others(host, vip)
    assert len(before) >= 4


# --- detach -----------------------------------------------------------------------------------


@BOTH
@isolated
def test_a_detached_address_is_gone_and_detaching_again_is_no_error(vip: IPAddress) -> None:
    (host,) = lan(100)

    with on(host):
        hafw_vip_attach(asked(vip))
        receipts = [hafw_vip_detach(asked(vip)) for _ in range(2)]

    assert held(host, vip) == []
    assert receipts == [VipReceipt(changed=True), VipReceipt(changed=False)]


@isolated
def test_an_address_that_somebody_put_up_as_another_is_not_taken_but_named() -> None:
    (host,) = lan(100)
    with host.rtnl() as rtnl:
        rtnl.add_address(INTERFACE, VIP, 24)

    with on(host), pytest.raises(UnknownOutcome, match=r"10\.1\.1\.111 is still on eth0"):
        hafw_vip_detach(asked(VIP))

    assert [found.prefix_len for found in held(host, VIP)] == [24]


@BOTH
@isolated
def test_connections_that_end_at_the_address_are_closed(vip: IPAddress) -> None:
    host, client = lan(100, 50)
    give(host, vip)
    family = socket.AF_INET if vip.version == 4 else socket.AF_INET6
    with host.entered():
        listener = socket.create_server((str(vip), 7000), family=family)
    with client.entered():
        outside = socket.create_connection((str(vip), 7000), timeout=5)
    inside, _ = listener.accept()

    with on(host):
        hafw_vip_detach(asked(vip))

    with listener, outside, inside, pytest.raises(ConnectionAbortedError):
        inside.recv(1)


@BOTH
@isolated
def test_connections_made_after_the_address_came_back_are_left_alone(vip: IPAddress) -> None:
    host, client = lan(100, 50)
    give(host, vip)
    family = socket.AF_INET if vip.version == 4 else socket.AF_INET6
    with host.entered():
        listener = socket.create_server((str(vip), 7000), family=family)
    with on(host):
        hafw_vip_detach(asked(vip))

        hafw_vip_attach(asked(vip))

    with client.entered():
        outside = socket.create_connection((str(vip), 7000), timeout=5)
    inside, _ = listener.accept()
    inside.settimeout(10 * hostaddress.ANSWER_S)
    with listener, outside, inside, pytest.raises(TimeoutError):
        inside.recv(1)


@isolated
def test_who_is_woken_looks_and_changes_nothing() -> None:
    (host,) = lan(100)

    with on(host):
        hafw_vip_rouse((asked(VIP),))

        assert (INTERFACE, ETH_P_ARP) in onprem._sockets
        assert hafw_vip_observe(asked(VIP)).holder is Holder.FREE


# --- interfaces and permissions ---------------------------------------------------------------


@isolated
def test_what_needs_an_interface_that_is_missing_says_so() -> None:
    (host,) = lan(100)
    missing = asked(VIP, interface="eth7")

    with on(host):
        for hook in (hafw_vip_attach, hafw_vip_announce, hafw_vip_probe):
            with pytest.raises(Misconfigured, match="eth7"):
                hook(missing)
        with pytest.raises(Misconfigured, match="eth7"):
            hafw_warm((missing,))
        seen = hafw_vip_observe(missing)

    assert seen.holder is Holder.UNKNOWN
    assert "eth7" in seen.who


@isolated
def test_an_address_is_gone_with_its_interface() -> None:
    (host,) = lan(100)

    with on(host):
        receipt = hafw_vip_detach(asked(VIP, interface="eth7"))

    assert receipt == VipReceipt(changed=False)


@isolated
def test_without_the_privilege_it_is_named() -> None:
    (host,) = lan(100)

    with on(host), unprivileged():
        with pytest.raises(Denied, match=r"attach 10\.1\.1\.111 to eth0: CAP_NET_ADMIN is missing"):
            hafw_vip_attach(asked(VIP))
        with pytest.raises(Denied, match="CAP_NET_ADMIN is missing"):
            hafw_vip_detach(asked(VIP))
        with pytest.raises(Denied, match="raw packets on eth0: CAP_NET_RAW is missing"):
            hafw_vip_announce(asked(VIP))
        assert hafw_vip_observe(asked(VIP)).holder is Holder.FREE


@contextmanager
def unprivileged() -> Iterator[None]:
    """Without any capability for a while."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x2008_0522, 0)  # _LINUX_CAPABILITY_VERSION_3, capget(2)
    before = (ctypes.c_uint32 * 6)()  # twice effective, permitted, inheritable
    assert libc.capget(header, before) == 0, os.strerror(ctypes.get_errno())
    kept = (ctypes.c_uint32 * 6)(0, before[1], 0, 0, before[4], 0)
    assert libc.capset(header, kept) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0, os.strerror(ctypes.get_errno())


# --- observe ----------------------------------------------------------------------------------


@BOTH
@isolated
def test_an_observation_tells_whether_the_address_is_here(vip: IPAddress) -> None:
    (host,) = lan(100)

    with on(host):
        before = hafw_vip_observe(asked(vip)).holder
        hafw_vip_attach(asked(vip))
        after = hafw_vip_observe(asked(vip)).holder

    assert (before, after) == (Holder.FREE, Holder.MINE)


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


# --- plan -------------------------------------------------------------------------------------


@isolated
def test_a_plan_says_what_an_attach_would_do_and_does_nothing() -> None:
    (host,) = lan(100)

    with on(host):
        plan = hafw_vip_plan(asked(VIP))

    assert plan == (
        "add 10.1.1.111 to eth0 (netlink RTM_NEWADDR), behind the gate",
        "open the gate (nftables)",
        "announce 10.1.1.111 on eth0",
    )
    assert held(host, VIP) == []
