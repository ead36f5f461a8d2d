"""What goes wrong with what a group needs: operations, addresses, interfaces, preparations."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.draw import Draw
    from hafw_sim.episodes.episode import Episode
    from hafw_sim.schedule import Value


def operations(draw: Draw) -> Iterator[Episode]:
    """Operations fail, end in doubt, or take long."""
    yield (
        "operations",
        {
            "failed": draw.share(0.4),
            "unknown": draw.share(0.4),
            "lost": draw.share(0.4),
            "to_s": draw.seconds(0.001, 1),
        },
        0.0,
    )
    fair_s = draw.seconds(1, 6)
    for _ in range(draw.number(0, 2)):
        yield "operator", {"node": draw.node(), "verb": "takeover"}, fair_s * draw.share(1)
    yield "operations", {}, fair_s


def address(draw: Draw) -> Iterator[Episode]:
    """Somebody takes, or announces, an address; or a gate cannot be moved."""
    kind = draw.one("steal_address", "foreign_announcement", "gate_fails")
    yield str(kind), {"node": draw.node(), "group": draw.group()}, 0.0


def service(draw: Draw) -> Iterator[Episode]:
    """A service interface goes down."""
    node = draw.node()
    yield "service", {"node": node, "up": False}, 0.0
    yield "service", {"node": node, "up": True}, draw.seconds(0.1, 4)


def prepared(draw: Draw) -> Iterator[Episode]:
    """A worker cannot prepare what a group needs."""
    where: dict[str, Value] = {"node": draw.node(), "group": draw.group()}
    yield "prepared", {**where, "works": False}, 0.0
    yield "prepared", {**where, "works": True}, draw.seconds(0.1, 6)
