"""Faults of lease stores and of fence devices.

One rule: what breaks their contract (a store that forgets, a device that lies) says so in its text.
"""

from __future__ import annotations

from hafw.core.settings import SECOND
from hafw_sim.faults.vocabulary import NUMBERS, Node, fault
from hafw_sim.world import World  # noqa: TC001 - the types of the faults are read at run time


@fault
def store(world: World, up: bool) -> None:  # noqa: FBT001 - a fault's argument
    """The lease store is down, or back with all that was written."""
    world.store.up = up


@fault
def reach_store(world: World, node: Node, works: bool) -> None:  # noqa: FBT001 - a fault's argument
    """Whether the node reaches the lease store."""
    world.nodes[NUMBERS[node]].store_cut = not works


@fault
def store_weather(  # noqa: PLR0913, PLR0917 - one argument per thing
    world: World,
    lost: float = 0.0,
    unanswered: float = 0.0,
    late: float = 0.0,
    late_s: float = 0.0,
    to_s: float = 0.003,
) -> None:
    """How requests to the lease store fare: lost, swapped and not answered, done long after."""
    own = world.weather
    own.store_lost, own.store_unanswered, own.store_late = lost, unanswered, late
    own.store_late_ns = int(late_s * SECOND)
    own.store_ns = (int(to_s * SECOND) // 6, int(to_s * SECOND))


@fault
def store_forgets(world: World) -> None:
    """The store loses what was written: no engine withstands that, every checker must see it."""
    world.store.forget()


@fault
def store_shows_old(world: World, old: bool) -> None:  # noqa: FBT001 - a fault's argument
    """Reads of the store show what stands there now, for good; swaps are compared truly."""
    world.store.show_old(old=old)


@fault
def reach_fence(world: World, node: Node, works: bool) -> None:  # noqa: FBT001 - a fault's argument
    """Whether the node reaches the device that can switch the other one off."""
    world.nodes[NUMBERS[node]].fence_cut = not works


@fault
def fence_weather(
    world: World,
    failed: float = 0.0,
    hangs: float = 0.0,
    to_s: float = 0.5,
    back_s: float = 0.01,
) -> None:
    """How orders to fence devices fare: failed without effect, never answered, or heard of late."""
    own = world.weather
    own.fence_failed, own.fence_hangs = failed, hangs
    own.fence_ns = (int(to_s * SECOND) // 5, int(to_s * SECOND))
    own.fence_back_ns = (int(back_s * SECOND) // 10, int(back_s * SECOND))


@fault
def fence_lies(world: World, lies: bool) -> None:  # noqa: FBT001 - a fault's argument
    """The devices say off and do nothing: no engine withstands that, every checker must see it."""
    world.weather.fence_lies = lies
