"""Compute Engine as far as a failover needs it: what may go wrong there goes wrong here.

One rule: the model reads no clock, draws no chance and waits for nothing; whoever serves it does.
"""

from hafw_sim.clouds.gce.faults import Fault, Kind
from hafw_sim.clouds.gce.model import Gce
from hafw_sim.clouds.gce.values import Alias, Disk, Guest, Instance, Nic, Route, pair

__all__ = ["Alias", "Disk", "Fault", "Gce", "Guest", "Instance", "Kind", "Nic", "Route", "pair"]
