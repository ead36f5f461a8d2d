"""The calls about managed disks, made.

One rule: no disk is detached by force, and a change names the machine: what another one has is
refused. Whoever sent a change reads the disk and the machine to know what became of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hafw.hooks.errors import Conflict, Misconfigured
from hafw.providers.azure import calls
from hafw.providers.azure.errors import Busy, Missing
from hafw.providers.azure.values import Attachment

if TYPE_CHECKING:
    from hafw.providers.azure.api import Arm
    from hafw.providers.azure.values import Json

ZONE_REDUNDANT: Final = "_ZRS"


class Disks:
    """The managed disks of a resource group, for one operation."""

    def __init__(self, arm: Arm) -> None:
        """By the connections, the deadline and the budget of `arm`."""
        self.arm = arm

    def machine_id(self, name: str) -> str:
        """The path of a machine of the resource group, in small letters."""
        return f"{self._root}virtualMachines/{name}".lower()

    def disk_id(self, name: str) -> str:
        """The path of a disk of the resource group."""
        return f"{self._root}disks/{name}"

    def read(self, name: str) -> Attachment:
        """Read who has a disk. Raises Missing where there is none of that name."""
        disks = self.arm.clients.compute.disks
        found: Json = self.arm.make(
            calls.DISK_GET, lambda **how: disks.get(self.arm.where.group, name, **how).as_dict()
        )
        owners = [found.get("managedBy"), *(found.get("managedByExtended") or ())]
        return Attachment(
            id=str(found["id"]),
            owners=frozenset(str(one).lower() for one in owners if one),
            shared=int(found["properties"].get("maxShares") or 1) > 1,
            zones=frozenset(found.get("zones") or ()),
            everywhere=str((found.get("sku") or {}).get("name", "")).endswith(ZONE_REDUNDANT),
        )

    def attach(self, name: str, machine: str, lun: int) -> None:
        """Ask for a disk to be attached to a machine. Raises Conflict where that is refused."""
        item = {"diskId": self.disk_id(name), "lun": lun}
        self._change(machine, {"dataDisksToAttach": [item]})

    def detach(self, name: str, machine: str) -> None:
        """Ask for a disk to be detached from a machine. Raises Conflict where that is refused."""
        try:
            self._change(machine, {"dataDisksToDetach": [{"diskId": self.disk_id(name)}]})
        except Missing:
            raise
        except Misconfigured as problem:  # as where the machine does not have it any more
            raise Conflict(str(problem)) from problem

    @property
    def _root(self) -> str:
        where = self.arm.where
        group = f"/subscriptions/{where.subscription}/resourceGroups/{where.group}"
        return f"{group}/providers/Microsoft.Compute/"

    def _change(self, machine: str, body: Any) -> None:  # noqa: ANN401 - as the SDK takes it
        send = self.arm.clients.compute.virtual_machines.begin_attach_detach_data_disks
        try:
            self.arm.make(
                calls.DISKS_CHANGE,
                lambda **how: send(self.arm.where.group, machine, body, polling=False, **how),
            )
        except Busy as problem:  # something is changing there: to be read
            raise Conflict(str(problem)) from problem
