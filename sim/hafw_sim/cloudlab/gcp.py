"""Google Cloud in the lab: an alias IP range, and a regional disk; Compute Engine stops a node.

One rule: packets follow a change when its operation ends.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw.config.model import CloudDisk, Fence
from hafw.core.settings import SECOND
from hafw.providers.gcp.metadata import HOST_VARIABLE
from hafw_sim.cloudlab.site import ADDRESSES, API, HOST, METADATA, PORT, SUBNET, VIP, Power
from hafw_sim.clouds.gce import Disk, Gce, Guest, Instance, Nic
from hafw_sim.clouds.gce.machines import holders
from hafw_sim.clouds.gce.server import Server

if TYPE_CHECKING:
    from hafw.config.options import Options

PROJECT: Final = "hafw-lab"
ZONES: Final = ("europe-west1-b", "europe-west1-c")
RUNNING_S: Final = 0.5
"""How long an operation runs; real ones take from seconds to half a minute."""
_DISK: Final = Disk(name="data", zones=ZONES)
_KEYS: Final = {name: (zone, f"lab-{name}") for name, zone in zip(ADDRESSES, ZONES, strict=True)}
_IDS: Final = {name: 4_711 + number for number, name in enumerate(ADDRESSES)}
_POWER: Final = {"RUNNING": Power.ON, "STOPPING": Power.STOPPING, "TERMINATED": Power.OFF}


class Gcp:
    """Compute Engine."""

    title = "Compute Engine"
    sdk = "Google's SDK"
    vip = VIP
    disk = CloudDisk(
        provider="gcp",
        options=(
            ("disk", _DISK.name),
            ("endpoint", API),
            ("instance", tuple(instance for _, instance in _KEYS.values())),
            ("project", PROJECT),
            ("region", "europe-west1"),
            ("zone", ZONES),
        ),
    )
    provider = "gcp"
    mover = "alias-ip"
    led_is_had = True

    def __init__(self) -> None:
        """Two instances in two zones of one subnetwork; nobody has the VIP."""
        instances = [
            Instance(
                name=instance,
                nics=(Nic(ADDRESSES[name], ranges=(("", SUBNET),)),),
                id=_IDS[name],
                zone=zone,
                guest=Guest.NEVER_STOPS,
            )
            for name, (zone, instance) in _KEYS.items()
        ]
        self._gce = Gce(PROJECT, instances, disks=[_DISK], running_s=RUNNING_S)

    @property
    def options(self) -> Options:
        """The mover alias-ip."""
        return (
            ("endpoint", API),
            ("instance", tuple(instance for _, instance in _KEYS.values())),
            ("mover", self.mover),
            ("project", PROJECT),
            ("zone", ZONES),
        )

    def fence(self, name: str) -> Fence:
        """By its name and id."""
        zone, instance = _KEYS[name]
        options = (
            ("endpoint", API),
            ("instance", instance),
            ("instance_id", str(_IDS[name])),
            ("project", PROJECT),
            ("zone", zone),
        )
        return Fence("gcp", options, timeout_ns=20 * SECOND)

    def environment(self, name: str) -> dict[str, str]:
        """As for any program that uses Google's SDK."""
        return {HOST_VARIABLE: METADATA[name]}

    def serve(self) -> Server:
        """Compute Engine, and each instance's metadata."""
        return Server(self._gce, PORT, HOST)

    def leads_to(self, now_s: float) -> set[str]:
        """Whose interface has the alias."""
        self._gce.advance(now_s)
        found = holders(self._gce.state.things, str(VIP))
        return {name for name, (_, instance) in _KEYS.items() if instance in found}

    def disk_at(self, now_s: float) -> set[str]:
        """Whose instance uses it."""
        self._gce.advance(now_s)
        users = self._gce.state.things.disks[_DISK.path].users
        return {name for name in _KEYS if self._instance(name).path in users}

    def power(self, name: str) -> Power:
        """The instance's status."""
        return _POWER[self._instance(name).status]

    def switch(self, name: str, now_s: float, *, on: bool) -> None:
        """Put the instance into a status that lasts."""
        status = "RUNNING" if on else "TERMINATED"
        self._gce.state.put(replace(self._instance(name), status=status), now_s)

    def _instance(self, name: str) -> Instance:
        return self._gce.state.things.instances[_KEYS[name]]
