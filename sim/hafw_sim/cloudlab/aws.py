"""AWS in the lab: the VIP is a secondary private address, a disk an EBS volume; EC2 stops a node.

One rule: packets follow a move as late as the instance's own metadata does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw.config.model import CloudDisk, Fence
from hafw.core.settings import SECOND
from hafw_sim.cloudlab.site import ADDRESSES, API, HOST, METADATA, PORT, SUBNET, VIP, Power
from hafw_sim.clouds.ec2 import Ec2, Guest, Instance, Interface, Volume
from hafw_sim.clouds.ec2.server import CREDENTIALS, Server
from hafw_sim.clouds.ec2.values import Things

if TYPE_CHECKING:
    from hafw.config.options import Options

REGION: Final = "eu-central-1"
REMAP_S: Final = 0.3
"""How long after EC2's answer packets go on to where they went before."""
_ENIS: Final = {name: f"eni-0000000{number}" for number, name in enumerate(ADDRESSES, 1)}
_INSTANCES: Final = {name: f"i-0000000{number}" for number, name in enumerate(ADDRESSES, 1)}
_VOLUME: Final = "vol-00000001"
_POWER: Final = {"running": Power.ON, "stopping": Power.STOPPING, "stopped": Power.OFF}


class Aws:
    """EC2."""

    title = "EC2"
    sdk = "Amazon's SDK"
    vip = VIP
    disk = CloudDisk(
        provider="aws",
        options=(
            ("device", "/dev/sdf"),
            ("instance", tuple(_INSTANCES.values())),
            ("region", REGION),
            ("volume", _VOLUME),
        ),
    )
    provider = "aws"
    mover = "private-ip"
    led_is_had = True

    def __init__(self) -> None:
        """Two instances in one subnet; nobody has the VIP."""
        interfaces = [
            Interface(
                id=_ENIS[name],
                instance=_INSTANCES[name],
                primary=address,
                mac=f"02:00:00:00:00:0{number}",
                subnet=SUBNET,
            )
            for number, (name, address) in enumerate(ADDRESSES.items(), 1)
        ]
        instances = [
            Instance(id=_INSTANCES[name], name=name, guest=Guest.NEVER_STOPS) for name in ADDRESSES
        ]
        things = Things(
            interfaces={one.id: one for one in interfaces},
            instances={one.id: one for one in instances},
            volumes={_VOLUME: Volume(id=_VOLUME)},
        )
        self._ec2 = Ec2(things, remap_s=REMAP_S)

    @property
    def options(self) -> Options:
        """The mover private-ip."""
        return (("eni", tuple(_ENIS.values())), ("mover", self.mover), ("region", REGION))

    def fence(self, name: str) -> Fence:
        """By its instance id."""
        options = (("instance_id", _INSTANCES[name]), ("region", REGION))
        return Fence("aws", options, timeout_ns=20 * SECOND)

    def environment(self, name: str) -> dict[str, str]:
        """As for any program that uses Amazon's SDK."""
        return {
            "AWS_ENDPOINT_URL": API,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://{METADATA[name]}",
            **CREDENTIALS,
        }

    def serve(self) -> Server:
        """EC2, and each interface's metadata."""
        return Server(self._ec2, PORT, HOST)

    def leads_to(self, now_s: float) -> set[str]:
        """Whose interface has the address, as packets see it."""
        self._ec2.state.advance(now_s)
        holders = self._ec2.state.ago(now_s, REMAP_S).holders(str(VIP))
        return {name for name, eni in _ENIS.items() if eni in holders}

    def disk_at(self, now_s: float) -> set[str]:
        """Whose instance the volume is attached to, be it coming or going."""
        self._ec2.state.advance(now_s)
        instance = self._ec2.state.things.volumes[_VOLUME].instance
        return {name for name, each in _INSTANCES.items() if each == instance}

    def power(self, name: str) -> Power:
        """The instance's state."""
        return _POWER[self._instance(name).state]

    def switch(self, name: str, now_s: float, *, on: bool) -> None:
        """Put the instance into a state that lasts."""
        state = "running" if on else "stopped"
        self._ec2.state.put(now_s, replace(self._instance(name), state=state))

    def _instance(self, name: str) -> Instance:
        return self._ec2.state.things.instances[_INSTANCES[name]]
