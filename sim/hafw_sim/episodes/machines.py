"""What goes wrong with a machine: it dies, stands still, is slow, or is to be disturbed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw_sim.draw import NODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.draw import Draw
    from hafw_sim.episodes.episode import Episode


def crash(draw: Draw) -> Iterator[Episode]:
    """A machine dies."""
    node = draw.node()
    yield "crash", {"node": node}, 0.0
    yield "boot", {"node": node}, draw.seconds(0.05, 6)


def kill(draw: Draw) -> Iterator[Episode]:
    """An agent is killed while its host lives."""
    node = draw.node()
    yield "kill", {"node": node}, 0.0
    yield "boot", {"node": node}, draw.seconds(0.01, 4)


def freeze(draw: Draw) -> Iterator[Episode]:
    """An agent is stopped, and goes on."""
    node = draw.node()
    if draw.number(0, 2):
        yield "freeze", {"node": node}, 0.0
    else:
        yield "freeze_within", {"node": node, "place": draw.one("renewal", "opening")}, 0.0
    yield "thaw", {"node": node}, draw.seconds(0.05, 4)


def suspend(draw: Draw) -> Iterator[Episode]:
    """A whole machine stands still."""
    yield "suspend", {"node": draw.node(), "seconds": draw.seconds(0.05, 2)}, 0.0


def slow(draw: Draw) -> Iterator[Episode]:
    """An agent is late with everything."""
    node = draw.node()
    yield "slow", {"node": node, "seconds": draw.seconds(0.000_5, 0.01)}, 0.0
    yield "slow", {"node": node, "seconds": 0.0}, draw.seconds(1, 6)


def worker(draw: Draw) -> Iterator[Episode]:
    """A worker dies."""
    node = draw.node()
    yield "worker", {"node": node, "up": False}, 0.0
    yield "worker", {"node": node, "up": True}, draw.seconds(0.01, 4)


def disk(draw: Draw) -> Iterator[Episode]:
    """Disks are full, or slow."""
    if draw.number(0, 1):
        yield "disk", {"full": True}, 0.0
    else:
        yield "disk", {"fsync_s": draw.seconds(0.01, 2)}, 0.0
    yield "disk", {}, draw.seconds(1, 6)


def state(draw: Draw) -> Iterator[Episode]:
    """A state file is lost, or an old one comes back."""
    node = draw.node()
    yield "kill", {"node": node}, 0.0
    if draw.number(0, 1):
        yield "lose_state", {"node": node}, 0.0
    else:
        yield "roll_back_state", {"node": node, "writes": draw.number(1, 6)}, 0.0
    yield "boot", {"node": node}, draw.seconds(0.01, 3)


def die_while_starting(draw: Draw) -> Iterator[Episode]:
    """An agent dies within a start that takes long; it has its effect when nobody waits for it."""
    node, long_s = draw.node(), draw.seconds(0.01, 0.3)
    yield "operations", {"from_s": long_s, "to_s": long_s}, 0.0
    yield "operator", {"node": node, "verb": "takeover"}, 0.0
    dies_s = long_s * (1 + draw.share(1))  # the other stops first
    yield "kill", {"node": node}, dies_s
    yield "boot", {"node": node}, dies_s + draw.seconds(0.01, 2)
    yield "operations", {}, dies_s + draw.seconds(0.01, 2)


def die_while_offered(draw: Draw) -> Iterator[Episode]:
    """The node that a group was released for does not live to take it."""
    node, long_s = draw.node(), draw.seconds(0.01, 0.3)
    other = NODES[1 - NODES.index(node)]
    yield "operations", {"from_s": long_s, "to_s": long_s}, 0.0
    yield "operator", {"node": node, "verb": "standby"}, 0.0
    yield "crash", {"node": other}, long_s * draw.share(1)
    yield "operations", {}, 2 * long_s
    yield "boot", {"node": other}, long_s + draw.seconds(1, 12)


def notice(draw: Draw) -> Iterator[Episode]:
    """A machine's end is announced, and comes, or is called off; perhaps to both at once."""
    first = draw.node()
    nodes = NODES if draw.number(0, 3) == 0 else (first,)
    for node in nodes:
        yield "notice", {"node": node, "given": True}, draw.seconds(0.001, 0.5)
    at_s = draw.seconds(0.5, 6)
    if draw.number(0, 2):
        yield "crash", {"node": first}, at_s
        at_s += draw.seconds(0.1, 6)
        yield "boot", {"node": first}, at_s
    for node in nodes:
        yield "notice", {"node": node, "given": False}, at_s + draw.seconds(0.001, 0.5)
