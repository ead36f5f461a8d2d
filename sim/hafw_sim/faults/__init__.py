"""Everything that can be done to a world, by name: faults, their ends, and operators' commands.

One rule: a fault that makes no sense at the moment (a crash of a machine that is off) does nothing,
so that any part of a schedule is a schedule.
"""

# ruff: noqa: F401, I001 - each registers its faults, in the order in which people read of them

from hafw_sim.faults import machines, network, resources
from hafw_sim.faults import operators, files
from hafw_sim.faults import authority
from hafw_sim.faults import whole
from hafw_sim.faults.network import ways
from hafw_sim.faults.resources import OUTCOMES
from hafw_sim.faults.vocabulary import FAULTS, NUMBERS, Refused, check, inflict

__all__ = ["FAULTS", "NUMBERS", "OUTCOMES", "Refused", "check", "inflict", "ways"]
