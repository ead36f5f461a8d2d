"""The calls about persistent disks, made.

One rule: no disk is attached by force; what one instance has is refused to every other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.cloud import compute_v1

from hafw.hooks.errors import Misconfigured
from hafw.providers.gcp import calls
from hafw.providers.gcp.api import link_in, request_id
from hafw.providers.gcp.errors import Changed
from hafw.providers.gcp.values import Attachment

if TYPE_CHECKING:
    from hafw.providers.gcp.api import Compute
    from hafw.providers.gcp.values import Disk, Machine

ALONE: Final = ("", "READ_WRITE_SINGLE")
"""The access modes of a disk that one instance at most has for writing."""


class Disks:
    """The disks of Compute Engine, for one operation."""

    def __init__(self, compute: Compute) -> None:
        """By the connections and the budget of `compute`."""
        self.compute = compute

    def read(self, disk: Disk, until_ns: int) -> Attachment:
        """Read who has a disk. Raises Missing where there is none of that name."""
        if disk.region:
            call, client = calls.REGION_DISK_GET, self.compute.region_disks
            place = {"region": disk.region}
        else:
            call, client = calls.DISK_GET, self.compute.disks
            place = {"zone": disk.zone}
        request = {"project": disk.project, "disk": disk.name, **place}
        found = self.compute.make(
            call, lambda timeout_s: client.get(request, retry=None, timeout=timeout_s), until_ns
        )
        zones = found.replica_zones if disk.region else [found.zone]
        return Attachment(
            users=frozenset(link_in(user) for user in found.users),
            zones=frozenset(str(zone).rpartition("/")[2] for zone in zones),
            shared=found.access_mode not in ALONE,
        )

    def device(self, disk: Disk, machine: Machine, until_ns: int) -> str | None:
        """The device name under which an instance shows a disk; None: it does not."""
        return self.compute.server(machine, until_ns).devices.get(disk.link)

    def attach(self, disk: Disk, machine: Machine, until_ns: int) -> str:
        """Attach a disk under its own name, for reading and writing. Returns the operation's name.

        Raises Changed where an instance has it.
        """
        resource = compute_v1.AttachedDisk(
            source=disk.link, device_name=disk.name, mode="READ_WRITE"
        )
        request = compute_v1.AttachDiskInstanceRequest(
            **_named(machine), attached_disk_resource=resource
        )
        send = self.compute.instances.attach_disk_unary
        begun = self.compute.make(
            calls.ATTACH_DISK,
            lambda timeout_s: send(request, retry=None, timeout=timeout_s),
            until_ns,
        )
        return self.compute.follow(f"{disk} at {machine}", begun, _where(machine), until_ns)

    def detach(self, machine: Machine, device: str, until_ns: int) -> str:
        """Detach what an instance has under a device name. Returns the operation's name.

        Raises Changed where it has nothing under it any more.
        """
        request = compute_v1.DetachDiskInstanceRequest(**_named(machine), device_name=device)
        send = self.compute.instances.detach_disk_unary
        try:
            begun = self.compute.make(
                calls.DETACH_DISK,
                lambda timeout_s: send(request, retry=None, timeout=timeout_s),
                until_ns,
            )
        except Misconfigured as problem:  # a device name that is not there is an invalid value
            raise Changed(str(problem)) from problem
        what = f"the removal of {device} from {machine}"
        return self.compute.follow(what, begun, _where(machine), until_ns)


def _named(machine: Machine) -> dict[str, Any]:
    return {**_where(machine), "instance": machine.name, "request_id": request_id()}


def _where(machine: Machine) -> dict[str, str]:
    return {"project": machine.project, "zone": machine.zone}
