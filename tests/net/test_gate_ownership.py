"""Whose the address gate is: what others, heirs and reinstallations do to it."""

from __future__ import annotations

import socket
import time

import pytest

from hafw.net import gate as gate_module
from hafw.net import nft
from hafw.net.gate import Gate, Guarding, Tampering
from hafw.net.netlink import NetlinkError
from tests.net.gated import NAME, Scene, flush_ruleset, hold, new_gate, new_watch
from tests.net.hosts import (
    MS,
    VIP,
    VIP6,
    await_readable,
    ip4,
    isolated,
)


@isolated
def test_a_dead_process_leaves_the_gate_shut() -> None:
    scene = Scene()

    scene.gate.close()

    assert not scene.pings(VIP)


@isolated
def test_the_next_process_takes_over_the_gate_of_a_dead_one() -> None:
    scene = Scene()
    hold(scene.gate, [VIP], None)
    scene.gate.close()

    heir = new_gate(scene.host)
    heir.install([VIP, VIP6])
    assert not scene.pings(VIP)

    hold(heir, [VIP], None)
    assert scene.pings(VIP)


@isolated
def test_a_gate_without_owner_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as old_kernel:
        old_kernel.setattr(gate_module, "_OWNED", nft.TableFlag.NONE)
        scene = Scene()

    with scene.host.entered():
        fresh = Gate("hafw_fresh")
    heir = new_gate(scene.host)

    guarding = heir.install([VIP])

    assert guarding is fresh.install([])
    if guarding is Guarding.OWNED:
        flush_ruleset(scene.host)
    assert not scene.pings(VIP)
    assert scene.pings(VIP6)


@isolated
def test_reinstalling_closes_what_was_open() -> None:
    scene = Scene()
    hold(scene.gate, [VIP], None)

    scene.gate.install([VIP, VIP6])

    assert not scene.pings(VIP)


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

    hold(scene.gate, [VIP], 50 * MS)
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
        hold(scene.gate, [VIP], 50 * MS)

    assert refusal.value.errno == 2
