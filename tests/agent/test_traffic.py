"""Everything that waits in an agent's sockets is read at once, whatever that does to them."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from hafw.agent.traffic import Traffic
from hafw.config import Link, LinkEnd, Ping, to_settings
from tests.agent.lone import ALPHA, BETA, OLD, PORT, cluster_in
from tests.net.hosts import INTERFACE, Host, await_readable, give, ip4, isolated, lan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECOND_END = 150
"""Alpha's address on the second link."""


@contextmanager
def open_traffic(directory: Path) -> Iterator[tuple[Traffic, Host]]:
    """Alpha's sockets for two links, and the host beta."""
    alpha, beta = lan(ALPHA, BETA)
    give(alpha, ip4(SECOND_END))
    links = tuple(
        Link(
            ends=(
                LinkEnd(interface=INTERFACE, address=ip4(own)),
                LinkEnd(interface=INTERFACE, address=ip4(BETA)),
            )
        )
        for own in (ALPHA, SECOND_END)
    )
    cluster = replace(cluster_in(directory), links=links, ping=Ping(addresses=()))
    loop = asyncio.new_event_loop()
    with alpha.entered():
        traffic = Traffic(cluster, to_settings(cluster, "alpha"), (OLD,), 1, lambda _: None)
        traffic.open(loop)
        try:
            yield traffic, beta
        finally:
            traffic.close()
            loop.close()


def heard(beta: Host, traffic: Traffic) -> list[bytes]:
    """What is read after beta has sent something to both links, and it is there."""
    read: list[bytes] = []
    for link in traffic.links:
        with beta.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((str(ip4(BETA)), PORT))
            sender.sendto(str(link.own.address).encode(), (str(link.own.address), PORT))
        assert link._socket is not None
        assert await_readable(link._socket, 2**62)
    traffic._take = lambda data, *_: read.append(data)  # type: ignore[method-assign]
    traffic.drain()
    return read


@isolated
def test_what_waits_at_every_link_is_read(tmp_path: Path) -> None:
    with open_traffic(tmp_path) as (traffic, beta):
        assert sorted(heard(beta, traffic)) == [b"10.1.1.100", b"10.1.1.150"]


@isolated
def test_what_is_read_at_one_link_may_close_the_others(tmp_path: Path) -> None:
    with open_traffic(tmp_path) as (traffic, beta):

        def receive() -> list[bytes]:
            traffic.close()
            return [b"the last"]

        for link in traffic.links:
            link.receive = receive  # type: ignore[method-assign]

        assert heard(beta, traffic) == [b"the last"]


@isolated
def test_a_link_that_was_closed_is_looked_at_no_more(tmp_path: Path) -> None:
    with open_traffic(tmp_path) as (traffic, _):
        traffic.links[0].close()

        assert traffic._sockets.poll(0) == []
