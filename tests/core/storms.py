"""A world in which much goes wrong, for tests that want every kind of event and effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.core.model import ForeignAnnounced, GateFailed, Verb, What
from hafw.core.settings import MS, SECOND, Classes
from hafw_sim.pairs import ALPHA, BETA, settings_pair
from hafw_sim.world import World

if TYPE_CHECKING:
    from hafw_sim.world import Tap


def storm(seed: int, tap: Tap) -> World:
    """Three minutes of losses, cuts, freezes, crashes, failing operations and operators."""
    classes = Classes.REFLECTED | Classes.BEST_EFFORT
    world = World(settings_pair(classes, groups=2, auto_failback=True), seed)
    world.taps.append(tap)
    world.weather.loss = world.weather.duplicate = 0.05
    world.weather.op_failed = world.weather.op_unknown = 0.05
    world.boot(ALPHA)
    world.boot(BETA)
    world.run(20)
    world.ask(ALPHA, Verb.TAKEOVER)
    world.run(15)
    world.freeze(ALPHA)
    world.run(13)
    world.thaw(ALPHA)
    world.weather.disk_full = True
    world.run(5)
    world.cut_links()
    world.run(20)
    world.weather.disk_full = False
    world.steal_address(BETA, 1)
    world.heal()
    world.run(20)
    for node in world.nodes:
        world.feed(node, ForeignAnnounced(1, "02:00:00:00:00:99"))
        world.feed(node, GateFailed(2, "no space left"))
    world.set_service(BETA, up=False)
    world.run(10)
    world.set_service(BETA, up=True)
    world.ask(BETA, Verb.STANDBY, What.FOREIGN)
    world.weather.op_ns = (MS, 3 * SECOND)
    world.run(20)
    world.crash(ALPHA)
    world.run(20)
    world.boot(ALPHA)
    world.run(30)
    world.ask(BETA, Verb.STOP)
    world.run(10)
    return world
