"""The resource `cloud-disk`: a persistent disk that is attached to the holder's instance.

One rule: a disk is attached for writing to one instance at most, and Google sees to that; whoever
detaches it names the instance, so what has gone elsewhere meanwhile stays there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.disk_rounds import Seat
from hafw.hooks.errors import Conflict, Misconfigured, Retryable
from hafw.hooks.hookspecs import Holder
from hafw.providers.gcp.errors import Busy, waited

if TYPE_CHECKING:
    from hafw.providers.gcp.disk_api import Disks
    from hafw.providers.gcp.values import Attachment, Holding, Machine

TYPE: Final = "cloud-disk"
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 4.0


class PersistentDisk:
    """One disk, for one operation: what `hafw.disk_rounds` reads and changes."""

    def __init__(self, disks: Disks, order: Holding, *, alone: bool = False) -> None:
        """`alone`: refuse a disk that several instances may write to.

        `made`: the operations that ended well.
        """
        self.name = str(order.disk)
        self.made: list[str] = []
        self._disks, self._order, self._alone = disks, order, alone
        self._pause_s = FIRST_PAUSE_S
        self._looked = True

    def seen(self) -> Seat:
        """Read the disk; where it says that it is here, this node's instance has to say so too."""
        order = self._order
        self._looked = True
        found = self._disks.read(order.disk, order.deadline_ns)
        if self._alone:
            check_alone(found, order)
        others = found.users - {order.me.link}
        if not found.users:
            return Seat(Holder.FREE)
        if not others:
            return Seat(Holder.MINE, order.me.name, settled=self._device(order.me) is not None)
        who = " and ".join(sorted(link.rpartition("/")[2] for link in found.users))
        if order.me.link in found.users:
            raise Retryable(f"{self.name} is shown at {who}: one answer is out of date", 0.0)
        return Seat(Holder.PEER, who, stranger=others != {order.peer.link})

    def attach(self) -> None:
        """Attach it to this node's instance, under its own name."""
        order = self._order
        try:
            self._ended(self._disks.attach(order.disk, order.me, order.deadline_ns))
        except Busy as problem:  # something is changing there: to be read
            raise Conflict(str(problem)) from problem

    def detach(self, seat: Seat) -> None:
        """Detach it from this node's instance or the peer's, whichever has it."""
        order = self._order
        machine = order.me if seat.holder is Holder.MINE else order.peer
        device = self._device(machine)
        if device is None:
            raise Conflict(f"{self.name} is at {machine}, which does not show it")
        try:
            self._ended(self._disks.detach(machine, device, order.deadline_ns))
        except Busy as problem:
            raise Conflict(str(problem)) from problem

    def again(self) -> bool:
        """Wait, longer each time; what an operation has just ended is looked at without a pause."""
        if not self._looked:
            return waited(0.0, self._order.deadline_ns)
        pause_s, self._pause_s = self._pause_s, min(self._pause_s * 2, LONGEST_PAUSE_S)
        return waited(pause_s, self._order.deadline_ns)

    def _ended(self, operation: str) -> None:
        self.made.append(operation)
        self._looked = False

    def _device(self, machine: Machine) -> str | None:
        return self._disks.device(self._order.disk, machine, self._order.deadline_ns)


def check_alone(found: Attachment, order: Holding) -> None:
    """See that one instance at most can write to the disk. Raises Misconfigured."""
    if found.shared:
        raise Misconfigured(
            f"{order.disk} may be attached to several instances for writing, so nothing keeps the "
            "other node off it; give it the access mode READ_WRITE_SINGLE"
        )


def plan(order: Holding, *, peer_is_off: bool) -> tuple[str, ...]:
    """The calls of a start, which takes the disk from a peer only if that is proved to be off."""
    read = f"{'regionDisks' if order.disk.region else 'disks'}.get {order.disk}"
    name = order.disk.name
    take: tuple[str, ...] = (f"stop here if {order.peer} has it: nothing proves that it is off",)
    if peer_is_off:
        take = (
            f"instances.get {order.peer} and instances.detachDisk {name} from it, if it is there",
            f"zoneOperations.wait, until it is DONE, and {read}, until nobody has it",
        )
    return (
        f"{read}, to see who has it",
        *take,
        f"instances.attachDisk {name} to {order.me}: refused if anybody has it",
        f"zoneOperations.wait, until it is DONE, and {read}, until it is here",
        f"instances.get {order.me}, to see it there too",
    )
