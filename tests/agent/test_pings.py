"""A ping node asked for our own echoes and for heartbeats to the peer, between real hosts."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from hafw.agent import pings
from hafw.agent.pings import PingNode
from hafw.config import Link, LinkEnd
from hafw.net import nft
from hafw.net.netlink import NETLINK_NETFILTER, NetlinkSocket
from hafw.net.nft import Family, Hook, Meta, Table
from hafw.net.rtmessages import OperState
from tests.net.hosts import (
    INTERFACE,
    MS,
    Host,
    await_operstate,
    await_readable,
    ip4,
    ip6,
    isolated,
    lan,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw.net.packet import PacketSocket
    from hafw.net.rtmessages import IPAddress

FAMILIES: Final = pytest.mark.parametrize("family", [4, 6], ids=["IPv4", "IPv6"])
GATEWAY, NODES = 1, (100, 101)


@pytest.fixture(autouse=True)
def no_pause_between_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pings, "_REOPEN_NS", 0)


def address(family: int, number: int) -> IPAddress:
    return ip4(number) if family == 4 else ip6(number)


class Station(PingNode):
    """What a node, on its own host, has of the ping node."""

    def __init__(self, host: Host, family: int, node: int) -> None:
        ends = [LinkEnd(interface=INTERFACE, address=address(family, n)) for n in NODES]
        super().__init__(address(family, GATEWAY), [Link(ends=(ends[0], ends[1]))], node)
        self.host = host
        self.opened: list[PacketSocket] = []
        self.closed = 0
        self.on_open = self.opened.append
        self.on_close = self._count

    def _count(self, _closing: PacketSocket) -> None:
        self.closed += 1

    def open(self) -> None:
        with self.host.entered():
            super().open()

    def echo(self, payload: bytes, n: int = 1) -> None:
        with self.host.entered():
            super().echo(payload, n)

    def reflect(self, payload: bytes, n: int = 1) -> None:
        with self.host.entered():
            super().reflect(payload, n)

    def hears(self) -> list[bytes]:
        """What comes next, however long it takes."""
        assert await_readable(self.opened[-1], time.monotonic_ns() + 5_000 * MS), "nothing came"
        return self.receive()


def pair(family: int = 4) -> tuple[Station, Station]:
    _gateway, *hosts = lan(GATEWAY, *NODES)
    alpha, beta = (Station(host, family, node) for node, host in enumerate(hosts))
    for station in (alpha, beta):
        station.open()
        assert station.trouble == ""
    return alpha, beta


@contextmanager
def no_icmp_out(host: Host) -> Iterator[None]:
    """A firewall that refuses what the host itself sends by ICMP."""
    table = Table(Family.INET, "strict")
    icmp = [nft.load_meta(Meta.L4PROTO), nft.equals(bytes([1])), nft.drop()]
    rules = [
        nft.add_table(table),
        nft.add_chain(table, "out", Hook.OUTPUT, 0),
        nft.add_rule(table, "out", *icmp),
    ]
    with host.entered():
        netfilter = NetlinkSocket(NETLINK_NETFILTER)
    with netfilter:
        netfilter.transact(nft.transaction(rules), "refuse ICMP")
        yield
        netfilter.transact(nft.transaction([nft.delete_table(table)]), "allow ICMP")


@FAMILIES
@isolated
def test_an_echo_comes_back_and_a_reflected_heartbeat_goes_to_the_peer(family: int) -> None:
    alpha, beta = pair(family)

    alpha.echo(b"hafw mine")
    alpha.reflect(b"hafw for beta")

    assert alpha.hears() == [b"hafw mine"]
    assert beta.hears() == [b"hafw for beta"]


@isolated
def test_who_may_not_send_for_a_while_goes_on_hearing_what_the_peer_has_reflected() -> None:
    alpha, beta = pair()
    with no_icmp_out(alpha.host):
        alpha.echo(b"hafw refused")
        refused = alpha.trouble
        beta.reflect(b"hafw for alpha")
        heard = alpha.hears()

    alpha.echo(b"hafw allowed")

    assert refused == "Operation not permitted"
    assert heard == [b"hafw for alpha"]
    assert alpha.hears() == [b"hafw allowed"]
    assert (len(alpha.opened), alpha.closed, alpha.trouble) == (1, 0, "")


@isolated
def test_a_network_that_goes_down_and_up_needs_no_new_sockets() -> None:
    alpha, _beta = pair()
    with alpha.host.rtnl() as rtnl:
        rtnl.set_link(INTERFACE, up=False)
        alpha.echo(b"hafw lost")
        down = alpha.trouble
        assert alpha.receive() == []
        rtnl.set_link(INTERFACE, up=True)
    await_operstate(alpha.host, INTERFACE, OperState.UP)

    alpha.echo(b"hafw")

    assert down in {"Network is unreachable", "Network is down"}
    assert alpha.hears() == [b"hafw"]
    assert (len(alpha.opened), alpha.closed, alpha.trouble) == (1, 0, "")


@isolated
def test_an_interface_that_was_replaced_gets_new_sockets() -> None:
    alpha, _beta = pair()
    with alpha.host.rtnl() as rtnl:
        rtnl.set_link(INTERFACE, new_name="gone")
        rtnl.set_link("gone", up=False)
        rtnl.add_bridge(INTERFACE)
        rtnl.set_link(INTERFACE, up=True)
        rtnl.add_address(INTERFACE, ip4(100), 24)

    alpha.echo(b"hafw into the old one")
    alpha.echo(b"hafw into the new one")

    assert (len(alpha.opened), alpha.closed, alpha.trouble) == (2, 1, "")


@isolated
def test_a_ping_node_to_which_there_is_no_way_yet_is_tried_again() -> None:
    _gateway, host = lan(GATEWAY, NODES[0])
    alpha = Station(host, 4, 0)
    with host.rtnl() as rtnl:
        rtnl.delete_address(INTERFACE, ip4(100), 24)
        alpha.echo(b"hafw too early")
        early = alpha.trouble
        rtnl.add_address(INTERFACE, ip4(100), 24)

    alpha.echo(b"hafw")

    assert early == "look up the route to 10.1.1.1: Network is unreachable"
    assert alpha.hears() == [b"hafw"]


@isolated
def test_a_way_that_cannot_be_had_is_not_looked_for_at_every_beat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _gateway, host = lan(GATEWAY, NODES[0])
    alpha = Station(host, 4, 0)
    with host.rtnl() as rtnl:
        rtnl.delete_address(INTERFACE, ip4(100), 24)
        alpha.echo(b"hafw too early")
        rtnl.add_address(INTERFACE, ip4(100), 24)
    monkeypatch.setattr(pings, "_REOPEN_NS", 3_600_000 * MS)

    alpha.echo(b"hafw")

    assert alpha.opened == []
    assert "Network is unreachable" in alpha.trouble
