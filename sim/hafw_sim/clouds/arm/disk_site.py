"""Azure for races about a disk.

One rule: nothing of the provider or the SDK is replaced but its transport and its clock.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw.providers.azure.api import Arm as Api
from hafw.providers.azure.disk import ManagedDisk
from hafw.providers.azure.disk_api import Disks
from hafw.providers.azure.values import Holding
from hafw_sim.clouds.arm.values import DataDisk, Disk, Vm, vms
from hafw_sim.clouds.arm.virtual import Wire, running
from hafw_sim.clouds.disk_races import NODES, OTHER

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from hafw.providers.azure.api import Clients, Where
    from hafw_sim.clouds.arm.faults import Faults, Kind
    from hafw_sim.clouds.arm.model import Arm
    from hafw_sim.clouds.arm.state import Things
    from hafw_sim.clouds.hub import Hub

_DISK: Final = Disk(name="data")
_VMS: Final = (*vms(), Vm(name="vm-c", vm_id="cccccccc-0000-4000-8000-00000000000c"))
_NAMES: Final = dict(zip((one.name for one in _VMS), (*NODES, OTHER), strict=True))


class ArmSite:
    """Two machines, a third one, and a managed disk."""

    calls = ("*", "*.get", "disks.get", "virtualMachines.get", "*.attachDetachDataDisks")

    def __init__(
        self,
        wire: Wire,
        api: tuple[Where, Clients],
        kinds: tuple[tuple[Kind, float], ...],
        build: Callable[..., Arm],
        *,
        running_s: float,
    ) -> None:
        """`build` makes the model, whose operations last `running_s`."""
        self.kinds = kinds
        self._wire, (self._where, self._clients) = wire, api
        self._arm = build((), _VMS, disks=[_DISK], running_s=running_s)

    @property
    def faults(self) -> Faults:
        """Those of the model."""
        return self._arm.faults

    def running(self, hub: Hub) -> AbstractContextManager[None]:
        """As races of VIPs have it."""
        return running(self._wire, hub, self._arm)

    def disk(self, node: int, until_ns: int) -> ManagedDisk:
        """By the provider's own way, but for who this machine is."""
        api = Api(self._where, until_ns, self._clients)
        order = Holding(disk=_DISK.name, me=_VMS[node].name, peer=_VMS[1 - node].name, lun=1)
        return ManagedDisk(Disks(api), order)

    def give(self, who: str) -> None:
        """Attached long ago."""
        vm = next(one for one in _VMS if _NAMES[one.name] == who)
        given = replace(_DISK, owner=vm.name)
        self._arm.state.put_disk(given, 0.0)
        self._arm.state.put_vm(replace(vm, disks=(DataDisk(given, 1),)), 0.0)

    def owners(self) -> list[list[str]]:
        """By what the model kept of its past."""
        state = self._arm.state
        return [*(_owners(things) for _, things in state.past), _owners(state.things)]

    def advance(self, now_s: float) -> None:
        """Of the model."""
        self._arm.advance(now_s)


def _owners(things: Things) -> list[str]:
    owner = things.disks[_DISK.name].owner
    return [_NAMES[owner]] if owner else []
