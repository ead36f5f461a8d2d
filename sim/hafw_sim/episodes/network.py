"""What goes wrong between the machines: ways are cut, packets are lost, late or old."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw_sim.draw import NODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.draw import Draw
    from hafw_sim.episodes.episode import Episode
    from hafw_sim.schedule import Value


def cut_links(draw: Draw) -> Iterator[Episode]:
    """No link works, for a while."""
    yield "cut_links", {}, 0.0
    yield "mend_links", {}, draw.seconds(0.1, 6)


def cut_way(draw: Draw) -> Iterator[Episode]:
    """One way of one link is cut."""
    where: dict[str, Value] = {"node": draw.node(), "way": draw.way()}
    yield "cut", where, 0.0
    yield "mend", where, draw.seconds(0.1, 6)


def flap(draw: Draw) -> Iterator[Episode]:
    """The links come and go."""
    at_s = 0.0
    for _ in range(draw.number(3, 8)):
        yield "cut_links", {}, at_s
        at_s += draw.seconds(0.2, 1.4)
        yield "mend_links", {}, at_s
        at_s += draw.seconds(0.02, 0.5)


def swizzle(draw: Draw) -> Iterator[Episode]:
    """Every way is cut, one after the other, and mended in another order."""
    ways = [(node, way) for node in NODES for way in draw.ways()]
    at_s = 0.0
    order = sorted(ways, key=lambda _: draw.number(0, 10**6))
    for node, way in order:
        yield "cut", {"node": node, "way": way}, at_s
        at_s += draw.seconds(0.01, 0.3)
    for node, way in sorted(order, key=lambda _: draw.number(0, 10**6)):
        at_s += draw.seconds(0.01, 0.3)
        yield "mend", {"node": node, "way": way}, at_s


def cut_ping(draw: Draw) -> Iterator[Episode]:
    """A node loses the ping node."""
    node = draw.node()
    yield "cut_ping", {"node": node}, 0.0
    yield "mend_ping", {"node": node}, draw.seconds(0.1, 6)


def isolate(draw: Draw) -> Iterator[Episode]:
    """A node loses everything, one thing after the other."""
    node = draw.node()
    yield "cut_links", {}, 0.0
    yield "cut_ping", {"node": node}, draw.seconds(0.001, 0.5)
    healed_s = draw.seconds(0.6, 6)
    yield "mend_links", {}, healed_s
    yield "mend_ping", {"node": node}, healed_s + draw.seconds(0.001, 0.5)


def ping_dies(draw: Draw) -> Iterator[Episode]:
    """The ping node does not answer anybody."""
    yield "ping_node", {"up": False}, 0.0
    yield "ping_node", {"up": True}, draw.seconds(0.2, 6)


def loss(draw: Draw) -> Iterator[Episode]:
    """Packets are lost, and come twice."""
    yield "weather", {"loss": draw.share(0.1), "duplicate": draw.share(0.1)}, 0.0
    yield "weather", {}, draw.seconds(1, 10)


def bursts(draw: Draw) -> Iterator[Episode]:
    """A link loses many packets in a row."""
    where: dict[str, Value] = {"node": draw.node(), "way": draw.link()}
    yield "burst", {**where, "begins": 0.05, "ends": 0.2}, 0.0
    yield "burst", {**where, "begins": 0.0, "ends": 0.0}, draw.seconds(1, 10)


def delay(draw: Draw) -> Iterator[Episode]:
    """Up to what the bounds tolerate: a twentieth of deadtime."""
    late_s = draw.seconds(0.002, 0.045)
    yield "weather", {"delay_from_s": 0.000_05, "delay_to_s": late_s}, 0.0
    yield "weather", {}, draw.seconds(1, 10)


def corruption(draw: Draw) -> Iterator[Episode]:
    """Packets arrive damaged."""
    yield "weather", {"corrupt": draw.share(0.2)}, 0.0
    yield "weather", {}, draw.seconds(1, 6)


def held(draw: Draw) -> Iterator[Episode]:
    """What is sent one way arrives much later."""
    where: dict[str, Value] = {"node": draw.node(), "way": draw.way()}
    yield "hold", where, 0.0
    yield "deliver", where, draw.seconds(0.1, 20)


def replays(draw: Draw) -> Iterator[Episode]:
    """Old datagrams arrive again."""
    node = draw.node()
    for _ in range(draw.number(1, 6)):
        path = draw.number(-1, 1)
        yield (
            "replay",
            {"node": node, "path": path, "age": draw.number(0, 200)},
            draw.seconds(0.01, 1),
        )


def split_brain(draw: Draw) -> Iterator[Episode]:
    """No way between the nodes, not even the one that a probe of an address takes."""
    yield "service_lan", {"whole": False}, 0.0
    yield "cut_links", {}, 0.0
    healed_s = draw.seconds(1, 5)
    yield "mend_links", {}, healed_s
    yield "service_lan", {"whole": True}, healed_s
