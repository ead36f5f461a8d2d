"""The UDP socket of a heartbeat link, between real hosts."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Final

import pytest

from hafw.agent import links
from hafw.agent.links import LinkSocket
from hafw.config import LinkEnd
from hafw.core.wire import MAX_DATAGRAM
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

    from hafw.net.rtmessages import IPAddress

PORT: Final = 7410
FAMILIES: Final = pytest.mark.parametrize("family", [4, 6], ids=["IPv4", "IPv6"])


@pytest.fixture(autouse=True)
def no_pause_between_attempts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(links, "_REOPEN_NS", 0)
    return iter([None])


def address(family: int, number: int) -> IPAddress:
    return ip4(number) if family == 4 else ip6(number)


class Station(LinkSocket):
    """One end of the link, on its own host."""

    def __init__(self, host: Host, family: int, own: int, peer: int) -> None:
        ends = [LinkEnd(interface=INTERFACE, address=address(family, n)) for n in (own, peer)]
        super().__init__(ends[0], ends[1], PORT)
        self.host = host
        self.opened: list[socket.socket] = []
        self.closed = 0
        self.on_open = self.opened.append
        self.on_close = self._count

    def _count(self, _closing: socket.socket) -> None:
        self.closed += 1

    def open(self) -> None:
        with self.host.entered():
            super().open()

    def send(self, data: bytes) -> None:
        with self.host.entered():
            super().send(data)

    def hears(self) -> list[bytes]:
        """What comes next, however long it takes."""
        assert await_readable(self.opened[-1], time.monotonic_ns() + 5_000 * MS), "nothing came"
        return self.receive()


def pair(family: int = 4) -> tuple[Station, Station]:
    alpha, beta = lan(100, 101)
    stations = Station(alpha, family, 100, 101), Station(beta, family, 101, 100)
    for station in stations:
        station.open()
        assert station.trouble == ""
    return stations


def stranger(host: Host, family: int, number: int) -> socket.socket:
    """A plain socket with another address."""
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    with host.entered():
        other = socket.socket(kind, socket.SOCK_DGRAM)
        other.bind((str(address(family, number)), PORT))
    return other


# --- datagrams --------------------------------------------------------------------------------


@FAMILIES
@isolated
def test_a_datagram_goes_to_the_other_end(family: int) -> None:
    alpha, beta = pair(family)

    alpha.send(b"beat")

    assert beta.hears() == [b"beat"]


@FAMILIES
@isolated
def test_datagrams_of_other_senders_are_counted_and_dropped(family: int) -> None:
    alpha, beta, other = lan(100, 101, 66)
    mine, peer = Station(alpha, family, 100, 101), Station(beta, family, 101, 100)
    mine.open()
    peer.open()
    with stranger(other, family, 66) as intruder:
        for _ in range(3):
            intruder.sendto(b"beat", (str(address(family, 100)), PORT))
        while mine.foreign < 3:
            assert mine.hears() == []

    peer.send(b"beat")

    assert mine.hears() == [b"beat"]
    assert mine.foreign == 3


@isolated
def test_a_huge_datagram_is_cut_so_that_it_can_be_recognised() -> None:
    alpha, beta = pair()

    alpha.send(bytes(60_000))

    assert [len(data) for data in beta.hears()] == [MAX_DATAGRAM + 1]


@isolated
def test_a_flood_is_read_in_portions() -> None:
    alpha, beta = pair()
    for _ in range(300):
        alpha.send(b"x")

    first = beta.hears()

    assert 0 < len(first) <= 256


@isolated
def test_nothing_is_read_where_nothing_waits() -> None:
    alpha, _beta = pair()

    assert alpha.receive() == []


# --- opening ----------------------------------------------------------------------------------


@isolated
def test_a_missing_interface_is_a_silent_link() -> None:
    alpha, _beta = lan(100, 101)
    own = LinkEnd(interface="eth7", address=ip4(100))
    link = LinkSocket(own, LinkEnd(interface="eth7", address=ip4(101)), PORT)

    with alpha.entered():
        link.open()
    link.send(b"beat")

    assert "eth7: " in link.trouble
    assert link.receive() == []
    assert not link.port_in_use


@isolated
def test_an_address_that_is_not_there_yet_does_not_keep_the_link_shut() -> None:
    alpha, beta = lan(100, 101)
    mine, peer = Station(alpha, 4, 102, 101), Station(beta, 4, 101, 102)
    mine.open()
    peer.open()
    mine.send(b"too early")
    early = mine.trouble
    with alpha.rtnl() as rtnl:
        rtnl.add_address(INTERFACE, ip4(102), 24)

    mine.send(b"beat")

    assert early == "eth0: Network is unreachable"
    assert peer.hears() == [b"beat"]
    assert mine.closed == 0


@FAMILIES
@isolated
def test_a_port_that_another_program_has_is_said_to_be_in_use(family: int) -> None:
    alpha, _beta = lan(100, 101)
    with stranger(alpha, family, 100):
        mine = Station(alpha, family, 100, 101)

        mine.open()

        assert mine.port_in_use
        assert mine.trouble == "eth0: Address already in use"


@isolated
def test_a_link_that_cannot_be_opened_is_tried_again_but_not_at_every_beat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alpha, _beta = lan(100, 101)
    tried = 0
    mine = Station(alpha, 4, 100, 101)
    with stranger(alpha, 4, 100):
        mine.open()
        monkeypatch.setattr(links, "_REOPEN_NS", 3_600_000 * MS)
        for _ in range(5):
            mine.send(b"beat")
            tried += len(mine.opened)
    monkeypatch.setattr(links, "_REOPEN_NS", 0)

    mine.send(b"beat")

    assert tried == 0
    assert len(mine.opened) == 1
    assert not mine.port_in_use


# --- trouble on the way -----------------------------------------------------------------------


@isolated
def test_an_interface_that_goes_down_and_up_needs_no_new_socket() -> None:
    alpha, beta = pair()
    with alpha.host.rtnl() as rtnl:
        rtnl.set_link(INTERFACE, up=False)
        alpha.send(b"lost")
        down = alpha.trouble
        rtnl.set_link(INTERFACE, up=True)
    await_operstate(alpha.host, INTERFACE, OperState.UP)

    alpha.send(b"beat")

    assert "eth0: " in down
    assert beta.hears() == [b"beat"]
    assert (alpha.closed, alpha.trouble) == (0, "")


@isolated
def test_who_cannot_send_goes_on_receiving() -> None:
    """Where only the way out is shut, the way in must not be shut with it."""
    alpha, beta = pair()
    with alpha.host.rtnl() as rtnl:
        rtnl.delete_address(INTERFACE, ip4(100), 24)
        alpha.send(b"refused by the kernel")
        rtnl.add_address(INTERFACE, ip4(100), 24)

    beta.send(b"beat")

    assert alpha.trouble == "eth0: Network is unreachable"
    assert alpha.hears() == [b"beat"]


@isolated
def test_an_interface_that_was_replaced_gets_a_new_socket() -> None:
    alpha, _beta = pair()
    with alpha.host.rtnl() as rtnl:
        rtnl.set_link(INTERFACE, new_name="gone")
        rtnl.add_bridge(INTERFACE)
        rtnl.set_link("gone", up=False)
        rtnl.set_link(INTERFACE, up=True)
        rtnl.add_address(INTERFACE, ip4(100), 24)

    alpha.send(b"into the old one")
    alpha.send(b"into the new one")

    assert (len(alpha.opened), alpha.closed) == (2, 1)
