"""The end of all faults.

One rule: what it calls are the faults themselves, by their usual values.
"""

from __future__ import annotations

from hafw_sim.faults.authority import (
    fence_lies,
    fence_weather,
    store,
    store_shows_old,
    store_weather,
)
from hafw_sim.faults.files import agree
from hafw_sim.faults.network import weather
from hafw_sim.faults.resources import disk, operations
from hafw_sim.faults.vocabulary import fault
from hafw_sim.world import World  # noqa: TC001 - the types of the faults are read at run time


@fault
def make_whole(world: World) -> None:
    """Everything works again: network, disks, operations, machines, agents; one file on both."""
    world.heal()
    world.net.ping_up = True
    world.net.ping_reflects = world.nodes[0].settings.reflect
    weather(world)
    disk(world)
    operations(world)
    store(world, up=True)
    store_weather(world)
    store_shows_old(world, old=False)
    fence_weather(world)
    fence_lies(world, lies=False)
    for machine in world.nodes:
        machine.fates.clear()
        machine.store_cut = machine.fence_cut = False
        machine.slow_ns = 0
        machine.freeze_at = ""
        if machine.frozen and not machine.paused:
            world.thaw(machine.number)
        for group in sorted(machine.cold):
            world.workers.prepare(machine, group, works=True)
        world.set_service(machine.number, up=True)
        if machine.engine is None and not machine.paused:
            world.boot(machine.number)
        elif machine.engine is not None:
            world.workers.find(machine)
    agree(world)
