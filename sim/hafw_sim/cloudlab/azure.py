"""Azure in the lab: a route, or a load balancer, leads to the VIP; a disk; Azure stops a node.

One rule: packets follow a route when its operation ends, and a load balancer at the next probe.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw.config.model import CloudDisk, Fence
from hafw.core.settings import SECOND
from hafw.providers.azure.metadata import HOST_VARIABLE
from hafw_sim.cloudlab.site import (
    ADDRESSES,
    API,
    FOREIGN_VIP,
    HOST,
    METADATA,
    NAMES,
    PORT,
    VIP,
    Power,
)
from hafw_sim.clouds.arm import Arm, Disk, balancer, nic
from hafw_sim.clouds.arm.networks import next_hops
from hafw_sim.clouds.arm.probing import Prober
from hafw_sim.clouds.arm.server import Server
from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION, Guest, Vm, config, table

if TYPE_CHECKING:
    from hafw.config.options import Options
    from hafw_sim.clouds.arm.values import Resource

TABLE: Final = "clients"
BALANCER: Final = "store-vip"
PROBED: Final = 7450
"""The port at which the load balancer asks."""
EACH_S: Final = 0.25
"""How often it does; real ones ask every five seconds."""
RUNNING_S: Final = 0.5
"""How long an operation runs; real ones take seconds, and minutes on bad days."""
_DISK: Final = Disk(name="data")
_VMS: Final = {name: f"lab-{name}" for name in ADDRESSES}
_NICS: Final = {name: f"nic-{name}" for name in ADDRESSES}
_IDS: Final = {
    name: f"aaaaaaaa-0000-4000-8000-00000000000{number}" for number, name in enumerate(ADDRESSES, 1)
}
_POWER: Final = {"running": Power.ON, "stopping": Power.STOPPING, "stopped": Power.OFF}


class Azure:
    """Azure Resource Manager."""

    title = "Azure"
    sdk = "Azure's SDKs"
    vip = FOREIGN_VIP
    disk = CloudDisk(
        provider="azure",
        options=(
            ("disk", _DISK.name),
            ("endpoint", API),
            ("lun", "1"),
            ("resource_group", GROUP),
            ("subscription", SUBSCRIPTION),
            ("vm", tuple(_VMS.values())),
        ),
    )
    provider = "azure"
    mover = "route"
    led_is_had = True

    def __init__(self) -> None:
        """Two machines, and the clients' route table, which leads nowhere yet."""
        self._arm = Arm(self._network(), _vms(), disks=[_DISK], running_s=RUNNING_S)

    def _network(self) -> list[Resource]:
        return [table(TABLE)]

    @property
    def options(self) -> Options:
        """The mover route."""
        return (
            ("endpoint", API),
            ("mover", self.mover),
            ("next_hop", tuple(ADDRESSES.values())),
            ("resource_group", GROUP),
            ("route_tables", (TABLE,)),
            ("subscription", SUBSCRIPTION),
            ("vm", tuple(_VMS.values())),
        )

    def fence(self, name: str) -> Fence:
        """By its name and id."""
        options = (
            ("endpoint", API),
            ("resource_group", GROUP),
            ("subscription", SUBSCRIPTION),
            ("vm", _VMS[name]),
            ("vm_id", _IDS[name]),
        )
        return Fence("azure", options, timeout_ns=20 * SECOND)

    def environment(self, name: str) -> dict[str, str]:
        """As for any program that uses Azure's SDKs."""
        return {HOST_VARIABLE: f"http://{METADATA[name]}"}

    def serve(self) -> Server:
        """Azure Resource Manager, and each machine's metadata."""
        return Server(self._arm, PORT, HOST)

    def leads_to(self, now_s: float) -> set[str]:
        """Whose address the route names, as packets see it."""
        self._arm.advance(now_s)
        hops = next_hops(self._arm.state.things, f"{FOREIGN_VIP}/32")
        return {NAMES[hop] for hop in hops}

    def disk_at(self, now_s: float) -> set[str]:
        """Whose machine owns it, or lists it already."""
        self._arm.advance(now_s)
        owner = self._arm.state.things.disks[_DISK.name].owner
        return {name for name, vm in _VMS.items() if owner == vm or self._vm(name).disks}

    def power(self, name: str) -> Power:
        """The last word of the machine's power state."""
        return _POWER[self._vm(name).power]

    def switch(self, name: str, now_s: float, *, on: bool) -> None:
        """Put the machine into a state that lasts."""
        power = "running" if on else "stopped"
        self._arm.state.put_vm(replace(self._vm(name), power=power), now_s)

    def _vm(self, name: str) -> Vm:
        return self._arm.state.things.vms[_VMS[name]]


class AzureBalanced(Azure):
    """Azure, with a load balancer before the nodes, which asks each at its own address.

    Real ones send new connections to all that answer; here packets stay with a node while it does.
    """

    vip = VIP
    mover = "load-balancer"
    led_is_had = False

    def _network(self) -> list[Resource]:
        nics = [nic(_NICS[name], config("one", at, primary=True)) for name, at in ADDRESSES.items()]
        return [*nics, balancer(BALANCER, str(VIP), nics, port=PROBED)]

    @property
    def options(self) -> Options:
        """The mover load-balancer."""
        return (
            ("endpoint", API),
            ("load_balancer", BALANCER),
            ("mover", self.mover),
            ("nic", tuple(_NICS.values())),
            ("port", str(PROBED)),
            ("resource_group", GROUP),
            ("subscription", SUBSCRIPTION),
            ("vm", tuple(_VMS.values())),
        )

    def serve(self) -> Server:
        """The same, and the load balancer's probes."""
        server = super().serve()
        self._prober, self._leads_to = Prober(server, each_s=EACH_S), ""
        return server

    def leads_to(self, now_s: float) -> set[str]:
        """The node that answers, and if that is another now, the one that answered before."""
        self._arm.advance(now_s)
        up = {name for name, nic in _NICS.items() if nic in self._prober.seen()}
        if self._leads_to not in up:
            self._leads_to = min(up, default="")
        return {self._leads_to} & up


def _vms() -> list[Vm]:
    return [Vm(name=vm, vm_id=_IDS[name], guest=Guest.NEVER_STOPS) for name, vm in _VMS.items()]
