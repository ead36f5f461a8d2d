"""Without a ping node: whether anybody was heard on a service interface, and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from hafw.agent import watch
from hafw.agent.watch import Neighbours

if TYPE_CHECKING:
    from hafw.agent.vips import Vips

SPACING_NS = 500


class Wire:
    """What the kernel says: the time, and how much each interface received."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = 1_000
        self.received = {"eth0": 7, "eth1": 0}
        monkeypatch.setattr(watch, "boot_ns", lambda: self.now_ns)
        monkeypatch.setattr(watch, "received_packets", lambda name: self.received[name])
        self.by_place = {(1, 0): "eth0", (2, 0): "eth1"}  # of VIPs, whatever else they are
        self.neighbours = Neighbours(cast("Vips", self))

    def interface(self, vip: str) -> str:
        return vip

    def read(self, after_ns: int = SPACING_NS) -> int | None:
        self.now_ns += after_ns
        return self.neighbours.heard_since_ns(SPACING_NS)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


def test_the_first_reading_says_nothing(wire: Wire) -> None:
    assert wire.read() is None


@pytest.mark.parametrize("interface", ["eth0", "eth1"])
def test_whoever_was_heard_on_any_interface_was_heard_since_the_reading_before(
    wire: Wire, interface: str
) -> None:
    wire.read()
    before_ns = wire.now_ns
    wire.received[interface] += 1

    assert wire.read() == before_ns
    assert wire.read() is None  # nobody since


def test_a_reading_that_comes_too_soon_is_none(wire: Wire) -> None:
    wire.read()
    before_ns = wire.now_ns
    wire.received["eth0"] += 1

    assert wire.read(SPACING_NS - 1) is None
    assert wire.read(1) == before_ns


def test_an_interface_that_counts_from_none_again_is_nobody(wire: Wire) -> None:
    wire.read()
    wire.received["eth0"] = 0

    assert wire.read() is None
