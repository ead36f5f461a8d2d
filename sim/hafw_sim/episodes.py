"""Episodes: what goes wrong for a while, and is made good again, drawn for a pair.

One rule: an episode begins and ends by itself; what it does depends on chance and on the pair
alone, never on what the engines do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw_sim.draw import NODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hafw_sim.draw import Draw
    from hafw_sim.schedule import Value

VERBS: Final = ("standby", "takeover", "takeover", "failback", "release", "stop")
WHATS: Final = ("all", "all", "local", "foreign", "failback")

Episode = tuple[str, dict[str, "Value"], float]
"""A decision that comes so many seconds after the episode's beginning."""


def _cut_links(draw: Draw) -> Iterator[Episode]:
    yield "cut_links", {}, 0.0
    yield "mend_links", {}, draw.seconds(0.1, 6)


def _cut_way(draw: Draw) -> Iterator[Episode]:
    where: dict[str, Value] = {"node": draw.node(), "way": draw.way()}
    yield "cut", where, 0.0
    yield "mend", where, draw.seconds(0.1, 6)


def _flap(draw: Draw) -> Iterator[Episode]:
    at_s = 0.0
    for _ in range(draw.number(3, 8)):
        yield "cut_links", {}, at_s
        at_s += draw.seconds(0.2, 1.4)
        yield "mend_links", {}, at_s
        at_s += draw.seconds(0.02, 0.5)


def _swizzle(draw: Draw) -> Iterator[Episode]:
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


def _cut_ping(draw: Draw) -> Iterator[Episode]:
    node = draw.node()
    yield "cut_ping", {"node": node}, 0.0
    yield "mend_ping", {"node": node}, draw.seconds(0.1, 6)


def _isolate(draw: Draw) -> Iterator[Episode]:
    node = draw.node()
    yield "cut_links", {}, 0.0
    yield "cut_ping", {"node": node}, draw.seconds(0.001, 0.5)
    healed_s = draw.seconds(0.6, 6)
    yield "mend_links", {}, healed_s
    yield "mend_ping", {"node": node}, healed_s + draw.seconds(0.001, 0.5)


def _ping_dies(draw: Draw) -> Iterator[Episode]:
    yield "ping_node", {"up": False}, 0.0
    yield "ping_node", {"up": True}, draw.seconds(0.2, 6)


def _loss(draw: Draw) -> Iterator[Episode]:
    yield "weather", {"loss": draw.share(0.1), "duplicate": draw.share(0.1)}, 0.0
    yield "weather", {}, draw.seconds(1, 10)


def _bursts(draw: Draw) -> Iterator[Episode]:
    where: dict[str, Value] = {"node": draw.node(), "way": draw.link()}
    yield "burst", {**where, "begins": 0.05, "ends": 0.2}, 0.0
    yield "burst", {**where, "begins": 0.0, "ends": 0.0}, draw.seconds(1, 10)


def _delay(draw: Draw) -> Iterator[Episode]:
    """Up to what the bounds tolerate: a twentieth of deadtime."""
    late_s = draw.seconds(0.002, 0.045)
    yield "weather", {"delay_from_s": 0.000_05, "delay_to_s": late_s}, 0.0
    yield "weather", {}, draw.seconds(1, 10)


def _corruption(draw: Draw) -> Iterator[Episode]:
    yield "weather", {"corrupt": draw.share(0.2)}, 0.0
    yield "weather", {}, draw.seconds(1, 6)


def _held(draw: Draw) -> Iterator[Episode]:
    where: dict[str, Value] = {"node": draw.node(), "way": draw.way()}
    yield "hold", where, 0.0
    yield "deliver", where, draw.seconds(0.1, 20)


def _replays(draw: Draw) -> Iterator[Episode]:
    node = draw.node()
    for _ in range(draw.number(1, 6)):
        path = draw.number(-1, 1)
        yield (
            "replay",
            {"node": node, "path": path, "age": draw.number(0, 200)},
            draw.seconds(0.01, 1),
        )


def _crash(draw: Draw) -> Iterator[Episode]:
    node = draw.node()
    yield "crash", {"node": node}, 0.0
    yield "boot", {"node": node}, draw.seconds(0.05, 6)


def _kill(draw: Draw) -> Iterator[Episode]:
    node = draw.node()
    yield "kill", {"node": node}, 0.0
    yield "boot", {"node": node}, draw.seconds(0.01, 4)


def _freeze(draw: Draw) -> Iterator[Episode]:
    node = draw.node()
    if draw.number(0, 2):
        yield "freeze", {"node": node}, 0.0
    else:
        yield "freeze_within", {"node": node, "place": draw.one("renewal", "opening")}, 0.0
    yield "thaw", {"node": node}, draw.seconds(0.05, 4)


def _suspend(draw: Draw) -> Iterator[Episode]:
    yield "suspend", {"node": draw.node(), "seconds": draw.seconds(0.05, 2)}, 0.0


def _slow(draw: Draw) -> Iterator[Episode]:
    node = draw.node()
    yield "slow", {"node": node, "seconds": draw.seconds(0.000_5, 0.01)}, 0.0
    yield "slow", {"node": node, "seconds": 0.0}, draw.seconds(1, 6)


def _worker(draw: Draw) -> Iterator[Episode]:
    node = draw.node()
    yield "worker", {"node": node, "up": False}, 0.0
    yield "worker", {"node": node, "up": True}, draw.seconds(0.01, 4)


def _disk(draw: Draw) -> Iterator[Episode]:
    if draw.number(0, 1):
        yield "disk", {"full": True}, 0.0
    else:
        yield "disk", {"fsync_s": draw.seconds(0.01, 2)}, 0.0
    yield "disk", {}, draw.seconds(1, 6)


def _state(draw: Draw) -> Iterator[Episode]:
    node = draw.node()
    yield "kill", {"node": node}, 0.0
    if draw.number(0, 1):
        yield "lose_state", {"node": node}, 0.0
    else:
        yield "roll_back_state", {"node": node, "writes": draw.number(1, 6)}, 0.0
    yield "boot", {"node": node}, draw.seconds(0.01, 3)


def _operations(draw: Draw) -> Iterator[Episode]:
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


def _address(draw: Draw) -> Iterator[Episode]:
    kind = draw.one("steal_address", "foreign_announcement", "gate_fails")
    yield str(kind), {"node": draw.node(), "group": draw.group()}, 0.0


def _service(draw: Draw) -> Iterator[Episode]:
    node = draw.node()
    yield "service", {"node": node, "up": False}, 0.0
    yield "service", {"node": node, "up": True}, draw.seconds(0.1, 4)


def _operator(draw: Draw) -> Iterator[Episode]:
    verb = str(draw.one(*VERBS))
    what = draw.one(*WHATS) if verb in ("standby", "takeover") else "all"
    node = draw.node()
    yield "operator", {"node": node, "verb": verb, "what": what}, 0.0
    if verb == "stop":
        yield "boot", {"node": node}, draw.seconds(0.2, 4)


def _operator_vouches(draw: Draw) -> Iterator[Episode]:
    """Truly: the other machine is off, and somebody says so."""
    node = draw.node()
    other = NODES[1 - NODES.index(node)]
    yield "crash", {"node": other}, 0.0
    typed_s = draw.seconds(1.2, 3)
    yield "crash", {"node": other}, typed_s  # whoever booted it meanwhile
    yield "operator", {"node": node, "verb": "takeover", "vouches": True}, typed_s
    yield "boot", {"node": other}, typed_s + draw.seconds(0.2, 3)


def _store_down(draw: Draw) -> Iterator[Episode]:
    yield "store", {"up": False}, 0.0
    yield "store", {"up": True}, draw.seconds(0.1, 20)


def _store_cut(draw: Draw) -> Iterator[Episode]:
    node = draw.node()
    yield "reach_store", {"node": node, "works": False}, 0.0
    yield "reach_store", {"node": node, "works": True}, draw.seconds(0.1, 20)


def _store_and_links(draw: Draw) -> Iterator[Episode]:
    """Peer and store are lost together, and come back in some order."""
    node = draw.node()
    yield "cut_links", {}, draw.seconds(0.001, 2)
    yield "reach_store", {"node": node, "works": False}, draw.seconds(0.001, 2)
    yield "reach_store", {"node": node, "works": True}, draw.seconds(2, 12)
    yield "mend_links", {}, draw.seconds(2, 12)


def _store_weather(draw: Draw) -> Iterator[Episode]:
    weather: dict[str, Value] = {
        "lost": draw.share(0.3),
        "unanswered": draw.share(0.4),
        "late": draw.share(0.3),
        "late_s": draw.seconds(0.1, 6),
        "to_s": draw.seconds(0.001, 0.5),
    }
    yield "store_weather", weather, 0.0
    yield "store_weather", {}, draw.seconds(1, 12)


def _fence_cut(draw: Draw) -> Iterator[Episode]:
    node = draw.node()
    yield "reach_fence", {"node": node, "works": False}, 0.0
    yield "reach_fence", {"node": node, "works": True}, draw.seconds(0.1, 20)


def _fence_weather(draw: Draw) -> Iterator[Episode]:
    weather: dict[str, Value] = {
        "failed": draw.share(0.5),
        "hangs": draw.share(0.3),
        "to_s": draw.seconds(0.001, 1),
        "back_s": draw.seconds(0.001, 5),
    }
    yield "fence_weather", weather, 0.0
    yield "fence_weather", {}, draw.seconds(1, 12)


def _power_returns(draw: Draw) -> Iterator[Episode]:
    """Somebody switches on whatever is off."""
    for node in NODES:
        yield "boot", {"node": node}, draw.seconds(0.01, 6)


def _split_then_power(draw: Draw) -> Iterator[Episode]:
    """The nodes lose each other for long enough, and whoever was shot returns into the split."""
    yield "cut_links", {}, 0.0
    yield "boot", {"node": draw.node()}, draw.seconds(1.2, 6)
    yield "boot", {"node": draw.node()}, draw.seconds(1.2, 6)
    yield "mend_links", {}, draw.seconds(2, 12)


def _die_while_starting(draw: Draw) -> Iterator[Episode]:
    """An agent dies within a start that takes long; it has its effect when nobody waits for it."""
    node, long_s = draw.node(), draw.seconds(0.01, 0.3)
    yield "operations", {"from_s": long_s, "to_s": long_s}, 0.0
    yield "operator", {"node": node, "verb": "takeover"}, 0.0
    dies_s = long_s * (1 + draw.share(1))  # the other stops first
    yield "kill", {"node": node}, dies_s
    yield "boot", {"node": node}, dies_s + draw.seconds(0.01, 2)
    yield "operations", {}, dies_s + draw.seconds(0.01, 2)


def _die_while_offered(draw: Draw) -> Iterator[Episode]:
    """The node that a group was released for does not live to take it."""
    node, long_s = draw.node(), draw.seconds(0.01, 0.3)
    other = NODES[1 - NODES.index(node)]
    yield "operations", {"from_s": long_s, "to_s": long_s}, 0.0
    yield "operator", {"node": node, "verb": "standby"}, 0.0
    yield "crash", {"node": other}, long_s * draw.share(1)
    yield "operations", {}, 2 * long_s
    yield "boot", {"node": other}, long_s + draw.seconds(1, 12)


def _notice(draw: Draw) -> Iterator[Episode]:
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


def _split_brain(draw: Draw) -> Iterator[Episode]:
    """No way between the nodes, not even the one that a probe of an address takes."""
    yield "service_lan", {"whole": False}, 0.0
    yield "cut_links", {}, 0.0
    healed_s = draw.seconds(1, 5)
    yield "mend_links", {}, healed_s
    yield "service_lan", {"whole": True}, healed_s


def _new_file(draw: Draw) -> Iterator[Episode]:
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


def _new_group(draw: Draw) -> Iterator[Episode]:
    """A group is added: first one node is stopped and started with the new file, then the other."""
    at_s, first = 0.0, draw.node()
    for node in (first, NODES[1 - NODES.index(first)]):
        yield "edit", {"node": node, "add_group": True}, at_s
        yield "reload", {"node": node}, at_s
        yield "operator", {"node": node, "verb": "stop"}, at_s
        at_s += draw.seconds(0.2, 3)
        yield "boot", {"node": node}, at_s
        at_s += draw.seconds(0.1, 5)


def _maintenance(draw: Draw) -> Iterator[Episode]:
    """Switched on for some time, or until somebody switches it off, on either node."""
    for_s = draw.seconds(0.3, 8) if draw.number(0, 1) else 0.0
    yield "maintenance", {"node": draw.node(), "on": True, "for_s": for_s}, 0.0
    if draw.number(0, 3):
        yield "maintenance", {"node": draw.node(), "on": False}, draw.seconds(0.1, 10)


def _maintenance_apart(draw: Draw) -> Iterator[Episode]:
    """Ordered on both nodes while they do not hear each other, and perhaps not the same."""
    yield "cut_links", {}, 0.0
    for node in NODES:
        ordered: dict[str, Value] = {"node": node, "on": bool(draw.number(0, 3))}
        yield "maintenance", ordered, draw.seconds(0.01, 2)
    yield "mend_links", {}, draw.seconds(2, 4)


def _upgrade(draw: Draw) -> Iterator[Episode]:
    """Each agent is stopped and started again in maintenance, as for a new version."""
    yield "maintenance", {"node": draw.node(), "on": True}, 0.0
    at_s, first = draw.seconds(0.01, 1), draw.node()
    for node in (first, NODES[1 - NODES.index(first)]):
        yield "operator", {"node": node, "verb": "stop"}, at_s
        at_s += draw.seconds(0.1, 4)
        yield "boot", {"node": node}, at_s
        at_s += draw.seconds(0.1, 3)
    yield "maintenance", {"node": draw.node(), "on": False}, at_s


def _owner_dies_in_maintenance(draw: Draw) -> Iterator[Episode]:
    """Nothing takes over for it, but a person may move what is left."""
    node = draw.node()
    yield "maintenance", {"node": draw.node(), "on": True}, 0.0
    yield "crash", {"node": node}, draw.seconds(0.01, 1)
    if draw.number(0, 1):
        yield "boot", {"node": node}, draw.seconds(1.2, 6)
    yield "operator", {"node": draw.node(), "verb": "takeover"}, draw.seconds(1.2, 6)
    yield "maintenance", {"node": draw.node(), "on": False}, draw.seconds(6, 10)


WITHIN: Final[tuple[Callable[[Draw], Iterator[Episode]], ...]] = (
    _cut_links,
    _cut_way,
    _flap,
    _swizzle,
    _cut_ping,
    _isolate,
    _ping_dies,
    _loss,
    _bursts,
    _delay,
    _corruption,
    _held,
    _replays,
    _crash,
    _kill,
    _freeze,
    _suspend,
    _slow,
    _worker,
    _disk,
    _state,
    _operations,
    _address,
    _service,
    _operator,
    _operator_vouches,
    _die_while_starting,
    _die_while_offered,
    _split_brain,
    _notice,
    _new_file,
    _new_group,
)
"""Classes of faults that `reflected` withstands."""


STORES: Final[tuple[Callable[[Draw], Iterator[Episode]], ...]] = (
    _store_down,
    _store_cut,
    _store_and_links,
    _store_weather,
)
"""Classes of faults of the lease store, for pairs that have one."""

FENCES: Final[tuple[Callable[[Draw], Iterator[Episode]], ...]] = (
    _fence_cut,
    _fence_weather,
    _power_returns,
    _power_returns,
    _split_then_power,
)
"""Classes of faults of fence devices, for pairs that have them."""

MAINTENANCE: Final[tuple[Callable[[Draw], Iterator[Episode]], ...]] = (
    _maintenance,
    _maintenance,
    _maintenance_apart,
    _upgrade,
    _owner_dies_in_maintenance,
)
"""What people do with maintenance, at good and at bad moments."""
