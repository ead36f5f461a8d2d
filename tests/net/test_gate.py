"""The address gate in a real kernel: what is shut answers nothing and sends nothing."""

from __future__ import annotations

import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest

from hafw.net import gate as gate_module
from hafw.net import nft
from hafw.net.gate import Gate, GateWatch, Guarding, Position, Tampering
from hafw.net.netlink import (
    NETLINK_NETFILTER,
    NLM_F_REQUEST,
    NetlinkError,
    NetlinkSocket,
    message,
)
from tests.net.hosts import (
    INTERFACE,
    MS,
    VIP,
    VIP6,
    Asker,
    Host,
    await_packet,
    await_readable,
    give,
    ip4,
    ip6,
    isolated,
    lan,
)

if TYPE_CHECKING:
    from hafw.net.rtmessages import IPAddress

NAME = "hafw_test"
TICK_NS = 10 * MS  # the coarsest kernel tick, CONFIG_HZ=100
BOTH = pytest.mark.parametrize("vip", [VIP, VIP6], ids=["IPv4", "IPv6"])


class Scene:
    """Host 100 with both VIPs behind an installed gate, and host 50 asking."""

    def __init__(self) -> None:
        self.host, self.client = lan(100, 50)
        give(self.host, VIP)
        give(self.host, VIP6)
        self.gate = new_gate(self.host)
        self.guarding = self.gate.install([VIP, VIP6])
        self._askers = {4: self.asker(ip4(50)), 6: self.asker(ip6(50))}

    def asker(self, source: IPAddress) -> Asker:
        return Asker(self.client, self.host, source)

    def pings(self, vip: IPAddress) -> bool:
        return self._askers[vip.version].ping(vip)

    def resolves(self, vip: IPAddress) -> bool:
        return self._askers[vip.version].resolve(vip)


def new_gate(host: Host) -> Gate:
    with host.entered():
        return Gate(NAME)


def new_watch(scene: Scene) -> GateWatch:
    with scene.host.entered():
        return scene.gate.watch()


def flush_ruleset(host: Host) -> None:
    """Do what the first line of many an nftables.conf does."""
    with host.entered():
        other = NetlinkSocket(NETLINK_NETFILTER)
    everything = message(10 << 8 | 2, NLM_F_REQUEST, struct.pack("!BBH", 0, 0, 0), 0)
    with other:
        other.transact(nft.transaction([everything]), "flush ruleset")


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

    assert scene.gate.hold([vip], 10_000 * MS) is Position.OPEN

    assert scene.pings(vip)
    assert scene.resolves(vip)


@BOTH
@isolated
def test_an_address_held_without_end_answers_until_shut(vip: IPAddress) -> None:
    scene = Scene()

    scene.gate.hold([vip], None)
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

    scene.gate.hold([other], None)

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

    scene.gate.hold([vip], held_ns)
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

    scene.gate.hold([vip], 60_000 * MS)
    scene.gate.hold([vip], 1 * MS)
    deadline_ns = time.monotonic_ns() + 5_000 * MS
    while scene.pings(vip):
        assert time.monotonic_ns() < deadline_ns, "the shorter timeout did not replace the longer"

    scene.gate.hold([vip], 60_000 * MS)
    assert scene.pings(vip)


@isolated
def test_a_timeout_below_a_millisecond_shuts() -> None:
    scene = Scene()
    scene.gate.hold([VIP], None)

    assert scene.gate.hold([VIP], MS - 1) is Position.SHUT
    assert not scene.pings(VIP)
    assert scene.gate.hold([VIP], -MS) is Position.SHUT


@isolated
def test_holding_nothing_is_no_error() -> None:
    scene = Scene()

    assert scene.gate.hold([], 5 * MS) is Position.OPEN
    assert scene.gate.shut([]) is Position.SHUT


@isolated
def test_a_dead_process_leaves_the_gate_shut() -> None:
    scene = Scene()

    scene.gate.close()

    assert not scene.pings(VIP)


@isolated
def test_the_next_process_takes_over_the_gate_of_a_dead_one() -> None:
    scene = Scene()
    scene.gate.hold([VIP], None)
    scene.gate.close()

    heir = new_gate(scene.host)
    heir.install([VIP, VIP6])
    assert not scene.pings(VIP)

    heir.hold([VIP], None)
    assert scene.pings(VIP)


@isolated
def test_a_gate_without_owner_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as old_kernel:
        old_kernel.setattr(gate_module, "_OWNED", nft.TableFlag.NONE)
        scene = Scene()

    heir = new_gate(scene.host)
    heir.install([VIP])

    assert not scene.pings(VIP)
    assert scene.pings(VIP6) is True


@isolated
def test_reinstalling_closes_what_was_open() -> None:
    scene = Scene()
    scene.gate.hold([VIP], None)

    scene.gate.install([VIP, VIP6])

    assert not scene.pings(VIP)


@isolated
def test_guarding_anew_keeps_open_what_is_held() -> None:
    scene = Scene()
    scene.gate.hold([VIP], None)

    scene.gate.guard([VIP])

    assert scene.pings(VIP)
    assert scene.pings(VIP6)


@isolated
def test_an_address_no_longer_guarded_is_shut_when_guarded_again() -> None:
    scene = Scene()
    scene.gate.hold([VIP, VIP6], None)

    scene.gate.guard([VIP6])
    scene.gate.guard([VIP, VIP6])

    assert not scene.pings(VIP)
    assert scene.pings(VIP6)


@isolated
def test_removing_the_gate_opens_everything() -> None:
    scene = Scene()

    scene.gate.remove()
    scene.gate.remove()

    assert scene.pings(VIP)


@isolated
def test_an_owned_gate_survives_a_flush_of_the_ruleset() -> None:
    scene = Scene()
    if scene.guarding is not Guarding.OWNED:
        pytest.skip("this kernel knows no owned tables that persist (Linux 6.9)")
    watch = new_watch(scene)

    flush_ruleset(scene.host)

    assert not scene.pings(VIP)
    assert watch.look() is Tampering.NONE


@isolated
def test_a_living_process_keeps_others_from_its_gate() -> None:
    scene = Scene()
    if scene.guarding is not Guarding.OWNED:
        pytest.skip("this kernel knows no owned tables that persist (Linux 6.9)")

    with pytest.raises(NetlinkError, match="another living process owns this gate"):
        new_gate(scene.host).install([])


@isolated
def test_a_flush_of_a_shared_gate_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_module, "_OWNED", nft.TableFlag.NONE)
    scene = Scene()
    watch = new_watch(scene)

    flush_ruleset(scene.host)

    assert await_readable(watch, time.monotonic_ns() + 5_000 * MS)
    assert watch.look() is Tampering.CHANGED
    assert scene.pings(VIP)
    scene.gate.install([VIP])
    assert not scene.pings(VIP)


@isolated
def test_own_changes_and_those_of_other_tables_are_no_tampering() -> None:
    scene = Scene()
    watch = new_watch(scene)

    scene.gate.hold([VIP], 50 * MS)
    scene.gate.install([VIP])
    with scene.host.entered():
        neighbour = Gate("hafw_neighbour")
    neighbour.install([ip4(112)])

    assert watch.look() is Tampering.NONE


@isolated
def test_notifications_lost_are_reported() -> None:
    scene = Scene()
    watch = new_watch(scene)
    with scene.host.entered():
        neighbour = Gate("hafw_neighbour")
    watch._socket._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)

    for _ in range(10):
        neighbour.install([ip4(number) for number in range(112, 250)])

    assert watch.look() is Tampering.UNKNOWN


@isolated
def test_holding_without_a_gate_says_that_it_is_not_there() -> None:
    scene = Scene()
    scene.gate.remove()

    with pytest.raises(NetlinkError, match=f"move gate {NAME}: No such file") as refusal:
        scene.gate.hold([VIP], 50 * MS)

    assert refusal.value.errno == 2


@isolated
def test_an_element_that_ran_out_does_not_spoil_a_renewal() -> None:
    scene = Scene()

    for timeout_ms in (1, 2, 3, 4, 5) * 200:
        scene.gate.hold([VIP, VIP6], timeout_ms * MS)
        deadline_ns = time.monotonic_ns() + timeout_ms * MS
        while time.monotonic_ns() < deadline_ns:
            pass

    scene.gate.hold([VIP], None)
    assert scene.pings(VIP)


@isolated
def test_packets_of_the_holder_reach_the_client() -> None:
    scene = Scene()
    sniffer = scene.client.packets(0x0800)
    with scene.host.entered():
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind((str(VIP), 0))
    scene.gate.hold([VIP], None)

    with sender:
        sender.sendto(b"in time", (str(ip4(50)), 9))

    assert await_packet(sniffer)[0].endswith(b"in time")
