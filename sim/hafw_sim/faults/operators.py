"""What operators type, at any moment.

One rule: nobody types where no agent listens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hafw.core.model import Verb, What
from hafw_sim.faults.vocabulary import NUMBERS, Node, fault
from hafw_sim.world import World  # noqa: TC001 - the types of the faults are read at run time

if TYPE_CHECKING:
    from hafw_sim.world import Machine


@fault
def operator(  # noqa: PLR0913, PLR0917 - what can be typed
    world: World,
    node: Node,
    verb: Literal["standby", "takeover", "failback", "release", "stop"],
    what: Literal["all", "local", "foreign", "failback"] = "all",
    force: bool = False,  # noqa: FBT001, FBT002 - a fault's argument
    vouches: bool = False,  # noqa: FBT001, FBT002 - a fault's argument
) -> None:
    """Somebody types a command; `vouches`: that the other node is off, true or not."""
    machine: Machine = world.nodes[NUMBERS[node]]
    if machine.engine is None:
        return
    more = {}
    if vouches:
        more = {"peer_is_off": world.nodes[1 - machine.number].name, "reason": "simulated"}
    world.ask(machine.number, Verb(verb), What(what), force=force or vouches, **more)


@fault
def maintenance(world: World, node: Node, on: bool, for_s: float = 0.0) -> None:  # noqa: FBT001 - a fault's argument
    """Somebody switches maintenance on, for so long (0: until it is switched off), or off."""
    machine: Machine = world.nodes[NUMBERS[node]]
    if machine.engine is not None:
        verb = Verb.MAINTENANCE_ON if on else Verb.MAINTENANCE_OFF
        world.ask(machine.number, verb, for_ms=int(for_s * 1_000))
