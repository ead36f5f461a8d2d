"""The on-prem provider on real hosts: addresses, their connections, and what goes wrong."""

from __future__ import annotations

import ctypes
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from hafw import hostaddress
from hafw.hooks.errors import Denied, Misconfigured, UnknownOutcome
from hafw.hooks.hookspecs import Holder, VipReceipt
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
    VIP,
    Host,
    give,
    ip4,
    ip6,
    isolated,
    lan,
)
from tests.providers.onprem_host import BOTH, asked, on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw.net.rtmessages import Address, IPAddress


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


@contextmanager
def served(host: Host, vip: IPAddress) -> Iterator[socket.socket]:
    """A service on the address."""
    family = socket.AF_INET if vip.version == 4 else socket.AF_INET6
    give(host, vip)
    with host.entered():
        listener = socket.create_server((str(vip), 7000), family=family)
    with listener:
        yield listener


@contextmanager
def connected(listener: socket.socket, client: Host, vip: IPAddress) -> Iterator[socket.socket]:
    """The service's end of a connection."""
    with client.entered():
        outside = socket.create_connection((str(vip), 7000), timeout=5)
    inside, _ = listener.accept()
    with outside, inside:
        yield inside


@BOTH
@isolated
def test_connections_that_end_at_the_address_are_closed(vip: IPAddress) -> None:
    host, client = lan(100, 50)
    with served(host, vip) as listener, connected(listener, client, vip) as inside:
        with on(host):
            hafw_vip_detach(asked(vip))

        with pytest.raises(ConnectionAbortedError):
            inside.recv(1)


@BOTH
@isolated
def test_connections_made_after_the_address_came_back_are_left_alone(vip: IPAddress) -> None:
    host, client = lan(100, 50)
    with served(host, vip) as listener:
        with on(host):
            hafw_vip_detach(asked(vip))
            hafw_vip_attach(asked(vip))

        with connected(listener, client, vip) as inside:
            inside.settimeout(10 * hostaddress.ANSWER_S)
            with pytest.raises(TimeoutError):
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
