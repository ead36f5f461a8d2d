"""What a cloud is in the lab: which VIP, how it moves, how a node is stopped, and who decides.

One rule: the same values make the cluster file, the environment of the nodes and the model.
"""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final, Protocol

from hafw_sim.lab.topology import GATEWAY, NODES

if TYPE_CHECKING:
    from hafw.config.model import CloudDisk, Fence
    from hafw.config.options import Options
    from hafw_sim.clouds.serving import Listeners

HOST: Final = str(GATEWAY.sockets[0].addresses[0].ip)
"""The gateway is where the cloud's API and metadata are, and the router of its network."""
PORT: Final = 8080
ADDRESSES: Final = {plan.name: str(plan.sockets[0].addresses[0].ip) for plan in NODES}
NAMES: Final = {address: name for name, address in ADDRESSES.items()}
API: Final = f"http://{HOST}:{PORT}"
METADATA: Final = {name: f"{HOST}:{PORT + number}" for number, name in enumerate(ADDRESSES, 1)}
"""Where each node finds its own metadata."""
SUBNET: Final = "10.1.0.0/16"
VIP: Final = IPv4Address("10.1.50.50")
"""Of the cloud's subnet, but not of the lab's LAN: nobody asks by ARP for it."""
FOREIGN_VIP: Final = IPv4Address("192.168.50.50")
"""Of no subnet, as a VIP that is moved by routes has to be."""


class Power(Enum):
    """A node's instance, as the cloud has it."""

    ON = "on"
    STOPPING = "stopping"
    OFF = "off"


class Site(Protocol):
    """One cloud; its model begins when the object is made.

    A guest never ends a stop of its own accord: that is for the lab to do, and to say by `switch`.
    `led_is_had`: packets are led to one node at the most, so whoever they are led to has the VIP.
    `now_s`: the time of day. All that takes it, or tells of the present, wants the model's lock.
    """

    title: str
    sdk: str
    vip: IPv4Address
    provider: str
    mover: str
    led_is_had: bool

    @property
    def options(self) -> Options:
        """Of the VIP, in the cluster file."""

    @property
    def disk(self) -> CloudDisk:
        """One that is nowhere at first, for a group that wants one."""

    def fence(self, name: str) -> Fence:
        """How the other node stops this one."""

    def environment(self, name: str) -> dict[str, str]:
        """What the SDK on a node has to find in its environment."""

    def serve(self) -> Listeners:
        """Serve API and metadata, on this machine."""

    def leads_to(self, now_s: float) -> set[str]:
        """The nodes that get what is sent to the VIP; never more than one."""

    def disk_at(self, now_s: float) -> set[str]:
        """The nodes whose machine has the disk, or gets it, or is not yet without it."""

    def power(self, name: str) -> Power:
        """The present state of a node's instance."""

    def switch(self, name: str, now_s: float, *, on: bool) -> None:
        """The node's instance runs, or has stopped."""
