"""A world in virtual time around two real engines: network, kernels, workers, disks, clocks.

One rule: the world never looks into an engine to decide what happens; it only runs its effects.
"""

from hafw_sim.world.clockwork import Endless
from hafw_sim.world.machine import Machine
from hafw_sim.world.network import Way
from hafw_sim.world.weather import Weather
from hafw_sim.world.world import Tap, World

__all__ = ["Endless", "Machine", "Tap", "Way", "Weather", "World"]
