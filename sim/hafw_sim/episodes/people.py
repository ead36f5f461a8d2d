"""What people do, at good and at bad moments: commands, other files, maintenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw_sim.draw import NODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.draw import Draw
    from hafw_sim.episodes.episode import Episode
    from hafw_sim.schedule import Value

VERBS: Final = ("standby", "takeover", "takeover", "failback", "release", "stop")
WHATS: Final = ("all", "all", "local", "foreign", "failback")


def operator(draw: Draw) -> Iterator[Episode]:
    """Somebody types a command."""
    verb = str(draw.one(*VERBS))
    what = draw.one(*WHATS) if verb in ("standby", "takeover") else "all"
    node = draw.node()
    yield "operator", {"node": node, "verb": verb, "what": what}, 0.0
    if verb == "stop":
        yield "boot", {"node": node}, draw.seconds(0.2, 4)


def operator_vouches(draw: Draw) -> Iterator[Episode]:
    """Truly: the other machine is off, and somebody says so."""
    node = draw.node()
    other = NODES[1 - NODES.index(node)]
    yield "crash", {"node": other}, 0.0
    typed_s = draw.seconds(1.2, 3)
    yield "crash", {"node": other}, typed_s  # whoever booted it meanwhile
    yield "operator", {"node": node, "verb": "takeover", "vouches": True}, typed_s
    yield "boot", {"node": other}, typed_s + draw.seconds(0.2, 3)


def new_file(draw: Draw) -> Iterator[Episode]:
    """A file is changed, and read, on one node; later on the other, unless that is forgotten."""
    first = draw.node()
    change: dict[str, Value] = {"best_effort": draw.one("yes", "no")}
    if draw.number(0, 2):
        change = draw.timing()
    elif draw.number(0, 1):
        change = {"auto_failback": draw.one("yes", "no")}
    yield "edit", {"node": first, **change}, 0.0
    yield "reload", {"node": first}, 0.0
    if draw.number(0, 4):
        second, later_s = NODES[1 - NODES.index(first)], draw.seconds(0.005, 6)
        yield "edit", {"node": second, **change}, later_s
        yield "reload", {"node": second}, later_s


def new_group(draw: Draw) -> Iterator[Episode]:
    """A group is added: first one node is stopped and started with the new file, then the other."""
    at_s, first = 0.0, draw.node()
    for node in (first, NODES[1 - NODES.index(first)]):
        yield "edit", {"node": node, "add_group": True}, at_s
        yield "reload", {"node": node}, at_s
        yield "operator", {"node": node, "verb": "stop"}, at_s
        at_s += draw.seconds(0.2, 3)
        yield "boot", {"node": node}, at_s
        at_s += draw.seconds(0.1, 5)


def maintenance(draw: Draw) -> Iterator[Episode]:
    """Switched on for some time, or until somebody switches it off, on either node."""
    for_s = draw.seconds(0.3, 8) if draw.number(0, 1) else 0.0
    yield "maintenance", {"node": draw.node(), "on": True, "for_s": for_s}, 0.0
    if draw.number(0, 3):
        yield "maintenance", {"node": draw.node(), "on": False}, draw.seconds(0.1, 10)


def maintenance_apart(draw: Draw) -> Iterator[Episode]:
    """Ordered on both nodes while they do not hear each other, and perhaps not the same."""
    yield "cut_links", {}, 0.0
    for node in NODES:
        ordered: dict[str, Value] = {"node": node, "on": bool(draw.number(0, 3))}
        yield "maintenance", ordered, draw.seconds(0.01, 2)
    yield "mend_links", {}, draw.seconds(2, 4)


def upgrade(draw: Draw) -> Iterator[Episode]:
    """Each agent is stopped and started again in maintenance, as for a new version."""
    yield "maintenance", {"node": draw.node(), "on": True}, 0.0
    at_s, first = draw.seconds(0.01, 1), draw.node()
    for node in (first, NODES[1 - NODES.index(first)]):
        yield "operator", {"node": node, "verb": "stop"}, at_s
        at_s += draw.seconds(0.1, 4)
        yield "boot", {"node": node}, at_s
        at_s += draw.seconds(0.1, 3)
    yield "maintenance", {"node": draw.node(), "on": False}, at_s


def owner_dies_in_maintenance(draw: Draw) -> Iterator[Episode]:
    """Nothing takes over for it, but a person may move what is left."""
    node = draw.node()
    yield "maintenance", {"node": draw.node(), "on": True}, 0.0
    yield "crash", {"node": node}, draw.seconds(0.01, 1)
    if draw.number(0, 1):
        yield "boot", {"node": node}, draw.seconds(1.2, 6)
    yield "operator", {"node": draw.node(), "verb": "takeover"}, draw.seconds(1.2, 6)
    yield "maintenance", {"node": draw.node(), "on": False}, draw.seconds(6, 10)
