"""What the environment may do in a search: the swarm's vocabulary, with a price and a condition.

One rule: an act is offered only where it changes something, and acts whose order makes no
difference in one order only, so that no two branches are the same by construction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise, permutations
from typing import TYPE_CHECKING, Any, Final

from hafw.core import maintenance
from hafw.core.model import OpKind
from hafw.core.settings import SECOND
from hafw_sim.faults import NUMBERS, OUTCOMES, inflict, ways

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw_sim.schedule import Value
    from hafw_sim.world import Machine, World

Args = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that may be done. It costs so many faults, or so many lone losses of packets."""

    kind: str
    args: dict[str, Value] = field(default_factory=dict)
    faults: int = 0
    alone: int = 0

    def makes_sense(self, world: World) -> bool:
        """Whether it changes something now."""
        return _SENSE[self.kind](world, self.args)

    def do(self, world: World) -> None:
        """Do it."""
        inflict(world, self.kind, self.args)


def fault(kind: str, **args: Value) -> Act:
    """An act that costs a fault."""
    return Act(kind, args, faults=1)


def repair(kind: str, **args: Value) -> Act:
    """An act that costs nothing."""
    return Act(kind, args)


def lone_loss(node: str, packet: str) -> Act:
    """The loss of a single packet."""
    return Act("lose_next", {"node": node, "packet": packet}, alone=1)


@dataclass(frozen=True, slots=True)
class Choice:
    """Acts that are done at once, in this order, and what they cost together."""

    acts: tuple[Act, ...]
    faults: int
    alone: int
    needed: frozenset[int]
    """Numbers of the acts that must make sense beforehand."""

    def do(self, world: World) -> bool:
        """Do it all; False if one of them would have changed nothing."""
        for act in self.acts:
            if not act.makes_sense(world):
                return False
            act.do(world)
        return True


def choices(acts: tuple[Act, ...], at_once: int) -> tuple[Choice, ...]:
    """Everything that may be done at one time: nothing, one act, … `at_once` acts."""
    return tuple(
        _choice(acts, numbers)
        for count in range(at_once + 1)
        for numbers in permutations(range(len(acts)), count)
        if all(_in_order(acts, *pair) for pair in pairwise(numbers))
    )


def _choice(acts: tuple[Act, ...], numbers: tuple[int, ...]) -> Choice:
    chosen = tuple(acts[number] for number in numbers)
    enabled = {second for first, second in pairwise(numbers) if _enables(acts[first], acts[second])}
    return Choice(
        chosen,
        sum(act.faults for act in chosen),
        sum(act.alone for act in chosen),
        frozenset(numbers) - enabled,
    )


def _in_order(acts: tuple[Act, ...], first: int, second: int) -> bool:
    both_silent = acts[first].kind in _SILENT and acts[second].kind in _SILENT
    return first < second or not both_silent


def _enables(first: Act, second: Act) -> bool:
    """Whether the second may make sense only after the first: a restart at once."""
    restart = first.kind in {"crash", "kill"} and second.kind == "boot"
    return restart and first.args["node"] == second.args["node"]


# --- when an act changes something --------------------------------------------------------------


def _machine(world: World, args: Args) -> Machine:
    return world.nodes[NUMBERS[args["node"]]]


def _runs(world: World, args: Args) -> bool:
    machine = _machine(world, args)
    return machine.engine is not None and not machine.frozen and not machine.paused


def _leaves_something(machine: Machine) -> bool:
    """Whether a machine that dies leaves less than before: an agent, or what one left."""
    return machine.engine is not None or bool(machine.addresses)


def _may_be_typed(world: World, args: Args) -> bool:
    """Whether an agent hears it; and a person vouches only for what is so, as in random runs.

    A machine that runs no agent and has no address is as good as off: nothing of it is left.
    """
    other = world.nodes[1 - NUMBERS[args["node"]]]
    lie = args.get("vouches", False) and _leaves_something(other)
    return _runs(world, args) and not lie


def _is_on(machine: Machine) -> bool:
    return machine.engine is not None and maintenance.in_force(machine.engine)


def _cut(world: World, args: Args) -> bool:
    return any(way.cut for way in ways(world, args["way"], args["node"]))


def _fate_differs(world: World, args: Args) -> bool:
    fates = _machine(world, args).fates
    usual = args["outcome"] == "ok" and args["lands"]
    wanted = None if usual else (OUTCOMES[args["outcome"]], args["lands"])
    return fates.get(OpKind(args["operation"])) != wanted


_SILENT: Final = frozenset(
    {"cut", "mend", "cut_links", "mend_links", "cut_ping", "mend_ping", "ping_node", "lose_next"}
    | {"freeze", "freeze_within", "fate", "disk", "operations", "hold", "service_lan"}
    | {"store", "reach_store", "store_weather", "reach_fence", "fence_weather", "fence_lies"}
    | {"store_forgets", "store_shows_old"}
)
"""Acts of which nothing follows at once."""
_SENSE: Final[dict[str, Callable[[World, Args], bool]]] = {
    "boot": lambda world, args: _machine(world, args).engine is None,
    "crash": lambda world, args: _leaves_something(_machine(world, args)),
    "kill": lambda world, args: _machine(world, args).engine is not None,
    "freeze": _runs,
    "freeze_within": lambda world, args: (
        _runs(world, args) and _machine(world, args).freeze_at != args["place"]
    ),
    "thaw": lambda world, args: _machine(world, args).frozen,
    "worker": lambda world, args: (
        _runs(world, args) and _machine(world, args).worker_up is not args["up"]
    ),
    "cut": lambda world, args: not _cut(world, args),
    "mend": _cut,
    "cut_links": lambda world, _: not all(way.cut for way in world.net.links.values()),
    "mend_links": lambda world, _: any(way.cut for way in world.net.links.values()),
    "cut_ping": lambda world, args: (
        not all(
            each[NUMBERS[args["node"]]].cut for each in (world.net.to_ping, world.net.from_ping)
        )
    ),
    "mend_ping": lambda world, args: any(
        each[NUMBERS[args["node"]]].cut for each in (world.net.to_ping, world.net.from_ping)
    ),
    "ping_node": lambda world, args: world.net.ping_up is not args["up"],
    "service_lan": lambda world, args: world.net.service_lan is not args["whole"],
    "lose_next": lambda world, args: (
        (NUMBERS[args["node"]], args["packet"]) not in world.net.doomed
    ),
    "hold": lambda world, args: all(w.held is None for w in ways(world, args["way"], args["node"])),
    "deliver": lambda world, args: any(
        way.held is not None for way in ways(world, args["way"], args["node"])
    ),
    "disk": lambda world, args: world.weather.disk_full is not args["full"],
    "operations": lambda world, args: world.weather.op_ns[1] != int(args["to_s"] * SECOND),
    "fate": _fate_differs,
    "service": lambda world, args: _machine(world, args).service_up is not args["up"],
    "prepared": lambda world, args: (args["group"] in _machine(world, args).cold) is args["works"],
    "operator": _may_be_typed,
    "maintenance": lambda world, args: (
        _runs(world, args) and _is_on(_machine(world, args)) is not args["on"]
    ),
    "store": lambda world, args: world.store.up is not args["up"],
    "reach_store": lambda world, args: _machine(world, args).store_cut is args["works"],
    "reach_fence": lambda world, args: _machine(world, args).fence_cut is args["works"],
    "store_weather": lambda world, args: (
        (world.weather.store_lost, world.weather.store_unanswered, world.weather.store_late)
        != tuple(args.get(name, 0.0) for name in ("lost", "unanswered", "late"))
    ),
    "fence_weather": lambda world, args: (
        (world.weather.fence_failed, world.weather.fence_hangs)
        != tuple(args.get(name, 0.0) for name in ("failed", "hangs"))
    ),
    "store_forgets": lambda world, _: bool(world.store.readings),
    "store_shows_old": lambda world, args: (world.store.shown is not None) is not args["old"],
    "fence_lies": lambda world, args: world.weather.fence_lies is not args["lies"],
}
