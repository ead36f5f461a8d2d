"""Connections of an address that moved away."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from hafw.net.rtnetlink import Rtnl
from hafw.net.sockdiag import Destroyed, destroy_connections
from tests.net.hosts import VIP, VIP6, Host, give, ip4, ip6, isolated

if TYPE_CHECKING:
    from hafw.net.rtmessages import IPAddress

BOTH = pytest.mark.parametrize("vip", [VIP, VIP6], ids=["IPv4", "IPv6"])


def on_loopback(*addresses: IPAddress) -> None:
    with Rtnl() as rtnl:
        rtnl.set_link("lo", up=True)
    here = Host()
    for address in addresses:
        give(here, address, "lo")


def connection(server: socket.socket, vip: IPAddress) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection to ``vip``: the server's and that of a client elsewhere."""
    elsewhere = ip4(50) if vip.version == 4 else ip6(50)
    on_loopback(elsewhere)
    port = server.getsockname()[1]
    client = socket.create_connection((str(vip), port), 5, source_address=(str(elsewhere), 0))
    accepted, _ = server.accept()
    accepted.settimeout(5)
    return accepted, client


def server_at(vip: IPAddress) -> socket.socket:
    family = socket.AF_INET if vip.version == 4 else socket.AF_INET6
    return socket.create_server((str(vip), 0), family=family)


@BOTH
@isolated
def test_connections_to_the_address_end_at_both_sides(vip: IPAddress) -> None:
    on_loopback(vip)
    accepted, client = connection(server_at(vip), vip)

    assert destroy_connections(vip) == Destroyed(tcp=1, udp=0)

    with pytest.raises(ConnectionAbortedError):
        accepted.recv(1)
    with pytest.raises(ConnectionResetError):
        client.recv(1)


@isolated
def test_an_ipv4_connection_of_an_ipv6_server_ends_too() -> None:
    on_loopback(VIP)
    server = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    accepted, _client = connection(server, VIP)

    assert destroy_connections(VIP) == Destroyed(tcp=1, udp=0)

    with pytest.raises(ConnectionAbortedError):
        accepted.recv(1)


@BOTH
@isolated
def test_who_listens_on_the_address_goes_on_listening(vip: IPAddress) -> None:
    on_loopback(vip)
    server = server_at(vip)

    destroy_connections(vip)

    connection(server, vip)


@isolated
def test_connections_to_other_addresses_live_on() -> None:
    on_loopback(VIP, VIP6)
    accepted, client = connection(server_at(VIP), VIP)

    assert destroy_connections(VIP6) == Destroyed(tcp=0, udp=0)

    client.send(b"alive")
    assert accepted.recv(5) == b"alive"


@isolated
def test_datagram_sockets_with_a_peer_end_and_those_without_live_on() -> None:
    on_loopback(VIP)
    talking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    talking.bind((str(VIP), 0))
    serving = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    serving.bind((str(VIP), 0))
    talking.connect(serving.getsockname())
    talking.settimeout(5)

    assert destroy_connections(VIP) == Destroyed(tcp=0, udp=1)

    with pytest.raises(ConnectionAbortedError):
        talking.recv(1)
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.sendto(b"alive", serving.getsockname())
    serving.settimeout(5)
    assert serving.recv(5) == b"alive"
