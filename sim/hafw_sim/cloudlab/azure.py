"""Azure in the lab: a route leads to the VIP; a node is stopped by Azure Resource Manager.

One rule: packets follow a change when its operation ends.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw.config.model import Fence
from hafw.core.settings import SECOND
from hafw.providers.azure.metadata import HOST_VARIABLE
from hafw_sim.cloudlab.site import ADDRESSES, API, FOREIGN_VIP, HOST, METADATA, NAMES, PORT, Power
from hafw_sim.clouds.arm import Arm
from hafw_sim.clouds.arm.networks import next_hops
from hafw_sim.clouds.arm.server import Server
from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION, Guest, Vm, table

if TYPE_CHECKING:
    from hafw.config.vip_options import Options

TABLE: Final = "clients"
RUNNING_S: Final = 0.5
"""How long an operation runs; real ones take seconds, and minutes on bad days."""
_VMS: Final = {name: f"lab-{name}" for name in ADDRESSES}
_IDS: Final = {
    name: f"aaaaaaaa-0000-4000-8000-00000000000{number}" for number, name in enumerate(ADDRESSES, 1)
}
_POWER: Final = {"running": Power.ON, "stopping": Power.STOPPING, "stopped": Power.OFF}


class Azure:
    """Azure Resource Manager."""

    title = "Azure"
    sdk = "Azure's SDKs"
    vip = FOREIGN_VIP
    provider = "azure"

    def __init__(self) -> None:
        """Two machines, and the clients' route table, which leads nowhere yet."""
        vms = [Vm(name=vm, vm_id=_IDS[name], guest=Guest.NEVER_STOPS) for name, vm in _VMS.items()]
        self._arm = Arm([table(TABLE)], vms, running_s=RUNNING_S)

    @property
    def options(self) -> Options:
        """The mover route."""
        return (
            ("endpoint", API),
            ("mover", "route"),
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

    def power(self, name: str) -> Power:
        """The last word of the machine's power state."""
        return _POWER[self._vm(name).power]

    def switch(self, name: str, now_s: float, *, on: bool) -> None:
        """Put the machine into a state that lasts."""
        power = "running" if on else "stopped"
        self._arm.state.put_vm(replace(self._vm(name), power=power), now_s)

    def _vm(self, name: str) -> Vm:
        return self._arm.state.things.vms[_VMS[name]]
