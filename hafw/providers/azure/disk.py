"""The resource `cloud-disk`: a managed disk that is attached to the holder's virtual machine.

One rule: a disk has one owner, and Azure sees to that; a machine lists it from the moment that it
is wanted there. So it is here when both say so and no change of the machine is under way.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from hafw.disk_rounds import Seat
from hafw.hooks.errors import Misconfigured, Retryable
from hafw.hooks.hookspecs import Holder
from hafw.providers.azure.calls import DISK_CALLS, PERMISSIONS_LIST
from hafw.providers.azure.errors import Missing
from hafw.providers.azure.values import UPDATING

if TYPE_CHECKING:
    from hafw.providers.azure.disk_api import Disks
    from hafw.providers.azure.values import Attachment, Holding

TYPE: Final = "cloud-disk"
_ON_DISK: Final = "Microsoft.Compute/disks/"


class ManagedDisk:
    """One disk, for one operation: what `hafw.disk_rounds` reads and changes."""

    def __init__(self, disks: Disks, order: Holding, *, alone: bool = False) -> None:
        """`alone`: refuse a disk that several machines may write to."""
        self.name = order.disk
        self._disks, self._order, self._alone = disks, order, alone

    def seen(self) -> Seat:
        """Read the disk and this node's machine."""
        order, me = self._order, self._disks.machine_id(self._order.me)
        found = self._disks.read(order.disk)
        if self._alone:
            check_alone(found, order)
        others = found.owners - {me}
        who = " and ".join(sorted(path.rpartition("/")[2] for path in found.owners))
        if others and me in found.owners:
            raise Retryable(f"{self.name} is shown at {who}: one answer is out of date", 0.0)
        if others:
            stranger = others != {self._disks.machine_id(order.peer)}
            return Seat(Holder.PEER, who, stranger=stranger)
        mine = self._disks.arm.server(order.me)
        leaving = mine.disks.get(found.id.lower())
        changing = mine.state == UPDATING
        if found.owners:
            return Seat(Holder.MINE, who, settled=leaving is False and not changing)
        if changing and leaving is not None:
            return Seat(Holder.MINE, order.me, settled=False)
        return Seat(Holder.FREE)

    def attach(self) -> None:
        """Attach it to this node's machine."""
        self._disks.attach(self.name, self._order.me, self._order.lun)

    def detach(self, seat: Seat) -> None:
        """Detach it from this node's machine or the peer's, whichever has it."""
        machine = self._order.me if seat.holder is Holder.MINE else self._order.peer
        self._disks.detach(self.name, machine)

    def again(self) -> bool:
        """Wait, longer each time, but not beyond the deadline."""
        return self._disks.arm.again()


def check_alone(found: Attachment, order: Holding) -> None:
    """See that one machine at most can have the disk. Raises Misconfigured."""
    if found.shared:
        raise Misconfigured(
            f"{order.disk} is a shared disk (maxShares), so nothing keeps the other node off it; "
            "set its maxShares to 1"
        )


def scopes(disks: Disks, order: Holding) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What the calls need where: to be asked for before it is needed."""
    every = {one for call in DISK_CALLS if call is not PERMISSIONS_LIST for one in call.permissions}
    on_disk = tuple(sorted(one for one in every if one.startswith(_ON_DISK)))
    on_machine = tuple(sorted(every - {*on_disk}))
    machines = [disks.arm.server(order.me).id]
    with suppress(Missing):  # a peer that is not there yet needs nothing
        machines.append(disks.arm.server(order.peer).id)
    return ((disks.disk_id(order.disk), on_disk), *((one, on_machine) for one in machines))


def plan(order: Holding, *, peer_is_off: bool) -> tuple[str, ...]:
    """The calls of a start, which takes the disk from a peer only if that is proved to be off."""
    change = "virtualMachines.attachDetachDataDisks"
    read = f"disks.get {order.disk}"
    take: tuple[str, ...] = (f"stop here if {order.peer} has it: nothing proves that it is off",)
    if peer_is_off:
        take = (
            f"{change} {order.peer}: detach {order.disk}, if it is there, never by force",
            f"{read}, until nobody has it",
        )
    return (
        f"{read} and virtualMachines.get {order.me}, to see who has it",
        *take,
        f"{change} {order.me}: attach {order.disk} as LUN {order.lun}, refused if anybody has it",
        f"{read} and virtualMachines.get {order.me}, until both show it there",
    )
