"""Every call to Google Cloud that this provider makes, once: what it needs, what makes it safe.

One rule: a call that is not here is not made; the role that this node needs comes from this list.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Retry(StrEnum):
    """What may be done when no answer came, or one that says "later"."""

    READ = "read"
    """Ask again: nothing changes by it."""
    SAME_ID = "same id"
    """Send again with the same `requestId`: the service acts once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One method of the Compute Engine API.

    `scope`: what the permissions are needed on. `condition`: what makes the service refuse it when
    somebody else was quicker; empty: nothing does.
    """

    name: str
    permissions: tuple[str, ...]
    scope: str
    condition: str = ""
    retry: Retry = Retry.SAME_ID


INSTANCE_GET: Final = Call(
    name="instances.get",
    permissions=("compute.instances.get",),
    scope="both instances",
    retry=Retry.READ,
)
INSTANCES_LIST: Final = Call(
    name="instances.list",
    permissions=("compute.instances.list",),
    scope="the project",
    retry=Retry.READ,
)
SET_ALIASES: Final = Call(
    name="instances.updateNetworkInterface",
    permissions=("compute.instances.updateNetworkInterface", "compute.subnetworks.use"),
    scope="both instances, and the subnetwork of their interfaces",
    condition="the interface's fingerprint, and that an address has one owner",
)
ZONE_WAIT: Final = Call(
    name="zoneOperations.wait",
    permissions=("compute.zoneOperations.get",),
    scope="the project",
    retry=Retry.READ,
)
DISK_GET: Final = Call(
    name="disks.get",
    permissions=("compute.disks.get",),
    scope="the disk",
    retry=Retry.READ,
)
REGION_DISK_GET: Final = Call(
    name="regionDisks.get",
    permissions=("compute.disks.get",),
    scope="the disk",
    retry=Retry.READ,
)
ATTACH_DISK: Final = Call(
    name="instances.attachDisk",
    permissions=("compute.instances.attachDisk", "compute.disks.use"),
    scope="both instances and the disk",
    condition="that a disk is attached for writing to one instance at most",
)
DETACH_DISK: Final = Call(
    name="instances.detachDisk",
    permissions=("compute.instances.detachDisk",),
    scope="both instances",
    condition="that the disk is at the instance that is named",
)
ROUTES_LIST: Final = Call(
    name="routes.list",
    permissions=("compute.routes.list",),
    scope="the project",
    retry=Retry.READ,
)
ROUTE_INSERT: Final = Call(
    name="routes.insert",
    permissions=("compute.routes.create", "compute.networks.updatePolicy", "compute.instances.use"),
    scope="the project, the network and both instances",
    condition="a route's name, which holds the epoch, exists once",
)
ROUTE_DELETE: Final = Call(
    name="routes.delete",
    permissions=("compute.routes.delete", "compute.networks.updatePolicy"),
    scope="the project and the network",
    condition="a route's name, which holds the epoch, exists once",
)
GLOBAL_WAIT: Final = Call(
    name="globalOperations.wait",
    permissions=("compute.globalOperations.get",),
    scope="the project",
    retry=Retry.READ,
)
TEST_PERMISSIONS: Final = Call(
    name="instances.testIamPermissions",
    permissions=(),
    scope="both instances",
    retry=Retry.READ,
)
STOP: Final = Call(
    name="instances.stop",
    permissions=("compute.instances.stop",),
    scope="the peer's instance alone",
)

CALLS: Final = (
    INSTANCE_GET,
    INSTANCES_LIST,
    SET_ALIASES,
    ZONE_WAIT,
    DISK_GET,
    REGION_DISK_GET,
    ATTACH_DISK,
    DETACH_DISK,
    ROUTES_LIST,
    ROUTE_INSERT,
    ROUTE_DELETE,
    GLOBAL_WAIT,
    TEST_PERMISSIONS,
    STOP,
)
MOVER_CALLS: Final[dict[str, tuple[Call, ...]]] = {
    "alias-ip": (INSTANCE_GET, INSTANCES_LIST, SET_ALIASES, ZONE_WAIT, TEST_PERMISSIONS),
    "route": (INSTANCE_GET, ROUTES_LIST, ROUTE_INSERT, ROUTE_DELETE, GLOBAL_WAIT, TEST_PERMISSIONS),
}
"""The calls of each mover."""
DISK_CALLS: Final = (
    DISK_GET,
    REGION_DISK_GET,
    INSTANCE_GET,
    ATTACH_DISK,
    DETACH_DISK,
    ZONE_WAIT,
    TEST_PERMISSIONS,
)
"""The calls of a cloud disk; a disk of a zone is never read as one of a region."""
FENCE_CALLS: Final = (INSTANCE_GET, STOP, TEST_PERMISSIONS)
"""The calls of the fence."""
ON_INSTANCE: Final = frozenset(
    {
        "compute.instances.attachDisk",
        "compute.instances.detachDisk",
        "compute.instances.get",
        "compute.instances.stop",
        "compute.instances.updateNetworkInterface",
        "compute.instances.use",
    }
)
"""The permissions of which an instance says whether they are granted on it."""
