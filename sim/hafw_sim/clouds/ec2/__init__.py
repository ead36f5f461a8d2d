"""EC2 as far as a failover needs it: what may go wrong there goes wrong here.

One rule: the model reads no clock, draws no chance and waits for nothing; whoever serves it does.
"""

from hafw_sim.clouds.ec2.faults import Fault, Kind
from hafw_sim.clouds.ec2.model import Ec2
from hafw_sim.clouds.ec2.values import Elastic, Guest, Instance, Interface, Volume, pair

__all__ = ["Ec2", "Elastic", "Fault", "Guest", "Instance", "Interface", "Kind", "Volume", "pair"]
