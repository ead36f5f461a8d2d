"""Faults of machines and of what runs on them: crashes, stops, pauses, lost workers.

One rule: what is off or stopped already is left as it is.
"""

from __future__ import annotations

from typing import Final, Literal

from hafw.core.settings import SECOND
from hafw_sim.faults.vocabulary import NUMBERS, Node, fault
from hafw_sim.world import World  # noqa: TC001 - the types of the faults are read at run time

Landed = Literal["yes", "no", "by chance"]
"""Whether what is under way when somebody dies has had its effect."""
_LANDED: Final = {"yes": True, "no": False, "by chance": None}


@fault
def boot(world: World, node: Node) -> None:
    """Start the machine if it is off, and its agent."""
    machine = world.nodes[NUMBERS[node]]
    if machine.engine is None and not machine.paused:
        world.boot(machine.number)


@fault
def kill(world: World, node: Node, landed: Landed = "by chance") -> None:
    """Kill the agent (-9); the machine goes on."""
    machine = world.nodes[NUMBERS[node]]
    if not machine.paused:
        world.kill_agent(machine.number, landed=_LANDED[landed])


@fault
def crash(world: World, node: Node, landed: Landed = "by chance") -> None:
    """The machine is gone at once."""
    world.crash(NUMBERS[node], landed=_LANDED[landed])


@fault
def freeze(world: World, node: Node) -> None:
    """Stop the agent's process."""
    machine = world.nodes[NUMBERS[node]]
    if machine.engine is not None and not machine.paused:
        world.freeze(machine.number)


@fault
def freeze_within(world: World, node: Node, place: Literal["renewal", "opening"]) -> None:
    """Stop the agent's process inside its next renewal, or opening, of a gate."""
    if world.nodes[NUMBERS[node]].engine is not None:
        world.freeze_within(NUMBERS[node], place)


@fault
def thaw(world: World, node: Node) -> None:
    """Let the agent's process go on."""
    machine = world.nodes[NUMBERS[node]]
    if machine.engine is not None and not machine.paused:
        world.thaw(machine.number)


@fault
def suspend(world: World, node: Node, seconds: float) -> None:
    """The whole machine sleeps; CLOCK_BOOTTIME tells it."""
    machine = world.nodes[NUMBERS[node]]
    if machine.engine is not None and not machine.frozen:
        world.pause(machine.number, seconds, shows=True)


@fault
def pause(world: World, node: Node, seconds: float) -> None:
    """A hypervisor stops the whole machine; no clock of it tells."""
    world.pause(NUMBERS[node], seconds, shows=False)


@fault
def slow(world: World, node: Node, seconds: float) -> None:
    """From now on the agent attends to everything so much later."""
    world.nodes[NUMBERS[node]].slow_ns = int(seconds * SECOND)


@fault
def worker(world: World, node: Node, up: bool, landed: Landed = "by chance") -> None:  # noqa: FBT001 - a fault's argument
    """The worker dies, or is back."""
    machine = world.nodes[NUMBERS[node]]
    if machine.engine is not None and up:
        world.workers.find(machine)
    elif machine.engine is not None and machine.worker_up:
        world.workers.lose(machine, landed=_LANDED[landed])


@fault
def notice(world: World, node: Node, given: bool) -> None:  # noqa: FBT001 - a fault's argument
    """The cloud announces that it will disturb the machine, or takes that back."""
    world.announce(NUMBERS[node], "it will be stopped" if given else "")
