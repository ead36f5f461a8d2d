"""What goes wrong with the lease store and with the devices that switch machines off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw_sim.draw import NODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.draw import Draw
    from hafw_sim.episodes.episode import Episode
    from hafw_sim.schedule import Value


def store_down(draw: Draw) -> Iterator[Episode]:
    """The lease store is down."""
    yield "store", {"up": False}, 0.0
    yield "store", {"up": True}, draw.seconds(0.1, 20)


def store_cut(draw: Draw) -> Iterator[Episode]:
    """A node does not reach the lease store."""
    node = draw.node()
    yield "reach_store", {"node": node, "works": False}, 0.0
    yield "reach_store", {"node": node, "works": True}, draw.seconds(0.1, 20)


def store_and_links(draw: Draw) -> Iterator[Episode]:
    """Peer and store are lost together, and come back in some order."""
    node = draw.node()
    yield "cut_links", {}, draw.seconds(0.001, 2)
    yield "reach_store", {"node": node, "works": False}, draw.seconds(0.001, 2)
    yield "reach_store", {"node": node, "works": True}, draw.seconds(2, 12)
    yield "mend_links", {}, draw.seconds(2, 12)


def store_weather(draw: Draw) -> Iterator[Episode]:
    """Requests to the lease store are lost, or late."""
    weather: dict[str, Value] = {
        "lost": draw.share(0.3),
        "unanswered": draw.share(0.4),
        "late": draw.share(0.3),
        "late_s": draw.seconds(0.1, 6),
        "to_s": draw.seconds(0.001, 0.5),
    }
    yield "store_weather", weather, 0.0
    yield "store_weather", {}, draw.seconds(1, 12)


def fence_cut(draw: Draw) -> Iterator[Episode]:
    """A node does not reach the fence device."""
    node = draw.node()
    yield "reach_fence", {"node": node, "works": False}, 0.0
    yield "reach_fence", {"node": node, "works": True}, draw.seconds(0.1, 20)


def fence_weather(draw: Draw) -> Iterator[Episode]:
    """Orders to fence devices fail, hang, or are heard of late."""
    weather: dict[str, Value] = {
        "failed": draw.share(0.5),
        "hangs": draw.share(0.3),
        "to_s": draw.seconds(0.001, 1),
        "back_s": draw.seconds(0.001, 5),
    }
    yield "fence_weather", weather, 0.0
    yield "fence_weather", {}, draw.seconds(1, 12)


def power_returns(draw: Draw) -> Iterator[Episode]:
    """Somebody switches on whatever is off."""
    for node in NODES:
        yield "boot", {"node": node}, draw.seconds(0.01, 6)


def split_then_power(draw: Draw) -> Iterator[Episode]:
    """The nodes lose each other for long enough, and whoever was shot returns into the split."""
    yield "cut_links", {}, 0.0
    yield "boot", {"node": draw.node()}, draw.seconds(1.2, 6)
    yield "boot", {"node": draw.node()}, draw.seconds(1.2, 6)
    yield "mend_links", {}, draw.seconds(2, 12)
