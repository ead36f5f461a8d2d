"""Faults of what a node needs for its groups: disks, operations, addresses, gates, the interface.

One rule: what is said of an operation and what it did are two things.
"""

from __future__ import annotations

from typing import Final, Literal

from hafw.core.model import ForeignAnnounced, GateFailed, OpKind, Outcome
from hafw.core.settings import SECOND
from hafw_sim.faults.vocabulary import NUMBERS, Node, fault
from hafw_sim.world import World  # noqa: TC001 - the types of the faults are read at run time

OUTCOMES: Final = {
    "ok": Outcome.OK,
    "failed": Outcome.FAILED_NO_EFFECT,
    "unknown": Outcome.UNKNOWN,
}


@fault
def disk(world: World, full: bool = False, fsync_s: float = 0.001) -> None:  # noqa: FBT001, FBT002 - a fault's argument
    """Disks are full, or slow."""
    world.weather.disk_full = full
    world.weather.fsync_ns = (int(fsync_s * SECOND) // 10, int(fsync_s * SECOND))


@fault
def lose_state(world: World, node: Node) -> None:
    """The state file is gone or torn."""
    world.disks.lose(world.nodes[NUMBERS[node]])


@fault
def roll_back_state(world: World, node: Node, writes: int) -> None:
    """The state file is an old one."""
    world.disks.roll_back(world.nodes[NUMBERS[node]], writes)


@fault
def operations(  # noqa: PLR0913, PLR0917 - one argument per thing
    world: World,
    failed: float = 0.0,
    unknown: float = 0.0,
    lost: float = 0.0,
    from_s: float = 0.000_5,
    to_s: float = 0.002,
) -> None:
    """How operations fare from now on."""
    own = world.weather
    own.op_failed, own.op_unknown, own.op_lost = failed, unknown, lost
    own.op_ns = (int(from_s * SECOND), int(to_s * SECOND))


@fault
def fate(
    world: World,
    node: Node,
    operation: Literal["start", "stop", "clean"],
    outcome: Literal["ok", "failed", "unknown"],
    lands: bool,  # noqa: FBT001 - a fault's argument
) -> None:
    """What is said of each such operation on `node` from now on, and whether it has its effect.

    Operations that are said to be ok, and have their effect, are as usual.
    """
    fates = world.nodes[NUMBERS[node]].fates
    if outcome == "ok" and lands:
        fates.pop(OpKind(operation), None)
    else:
        fates[OpKind(operation)] = (OUTCOMES[outcome], lands)


@fault
def steal_address(world: World, node: Node, group: int) -> None:
    """Another program removes the address."""
    if group in {each.id for each in world.nodes[NUMBERS[node]].settings.groups}:
        world.steal_address(NUMBERS[node], group)


@fault
def foreign_announcement(world: World, node: Node, group: int) -> None:
    """Somebody announces the address of a group on the wire."""
    machine = world.nodes[NUMBERS[node]]
    if group in {each.id for each in machine.settings.groups}:
        world.feed(machine, ForeignAnnounced(group, "02:00:00:00:00:99"))


@fault
def gate_fails(world: World, node: Node, group: int) -> None:
    """The kernel refuses to move a gate."""
    machine = world.nodes[NUMBERS[node]]
    if group in {each.id for each in machine.settings.groups}:
        world.feed(machine, GateFailed(group, "simulated: no space left"))


@fault
def service(world: World, node: Node, up: bool) -> None:  # noqa: FBT001 - a fault's argument
    """The service interface of the node."""
    world.set_service(NUMBERS[node], up=up)


@fault
def prepared(world: World, node: Node, group: int, works: bool) -> None:  # noqa: FBT001 - a fault's argument
    """Whether the node can prepare what a group needs, such as its place in a cloud."""
    if group in {each.id for each in world.nodes[NUMBERS[node]].settings.groups}:
        world.workers.prepare(world.nodes[NUMBERS[node]], group, works=works)
