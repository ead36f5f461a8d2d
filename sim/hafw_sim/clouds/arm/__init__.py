"""Azure Resource Manager as far as a failover needs it: what may go wrong there goes wrong here.

One rule: the model reads no clock, draws no chance and waits for nothing; whoever serves it does.
"""

from hafw_sim.clouds.arm.balancers import balanced_pair, balancer
from hafw_sim.clouds.arm.faults import Fault, Kind
from hafw_sim.clouds.arm.model import Arm
from hafw_sim.clouds.arm.values import Disk, Guest, Resource, Vm, nic, pair, route, table, vms

__all__ = [
    "Arm",
    "Disk",
    "Fault",
    "Guest",
    "Kind",
    "Resource",
    "Vm",
    "balanced_pair",
    "balancer",
    "nic",
    "pair",
    "route",
    "table",
    "vms",
]
