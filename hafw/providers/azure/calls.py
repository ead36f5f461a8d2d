"""Every call to Azure that this provider makes, once: what it needs, and what makes it safe.

One rule: a call that is not here is not made; the roles that a node needs come from this list.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Retry(StrEnum):
    """What may be done when no answer came."""

    READ = "read"
    """Ask again: nothing changes by it."""
    DECIDE = "decide"
    """Read what became of it, and decide again; the same request is never sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call to Azure Resource Manager.

    `scope`: what the permissions are needed on. `condition`: what makes the service refuse it when
    somebody else was quicker; empty: nothing does.
    """

    name: str
    permissions: tuple[str, ...]
    scope: str
    condition: str = ""
    retry: Retry = Retry.READ


NIC_GET: Final = Call(
    name="networkInterfaces.get",
    permissions=("Microsoft.Network/networkInterfaces/read",),
    scope="both network interfaces",
)
NICS_LIST: Final = Call(
    name="networkInterfaces.list",
    permissions=("Microsoft.Network/networkInterfaces/read",),
    scope="the resource group",
)
NIC_PUT: Final = Call(
    name="networkInterfaces.createOrUpdate",
    permissions=(
        "Microsoft.Network/networkInterfaces/write",
        "Microsoft.Network/virtualNetworks/subnets/join/action",
    ),
    scope="both network interfaces and their subnet",
    condition="the interface's ETag, and that an address has one owner",
    retry=Retry.DECIDE,
)
TABLE_GET: Final = Call(
    name="routeTables.get",
    permissions=("Microsoft.Network/routeTables/read",),
    scope="the route tables",
)
TABLE_PUT: Final = Call(
    name="routeTables.createOrUpdate",
    permissions=("Microsoft.Network/routeTables/write",),
    scope="the route tables",
    condition="the table's ETag",
    retry=Retry.DECIDE,
)
BALANCER_GET: Final = Call(
    name="loadBalancers.get",
    permissions=("Microsoft.Network/loadBalancers/read",),
    scope="the load balancer",
)
PUBLIC_GET: Final = Call(
    name="publicIPAddresses.get",
    permissions=("Microsoft.Network/publicIPAddresses/read",),
    scope="the public addresses of the load balancer",
)
PERMISSIONS_LIST: Final = Call(
    name="permissions.list",
    permissions=("Microsoft.Authorization/permissions/read",),
    scope="what the others are needed on",
)
VM_GET: Final = Call(
    name="virtualMachines.get",
    permissions=("Microsoft.Compute/virtualMachines/read",),
    scope="the peer's virtual machine, and for a disk both",
)
DISK_GET: Final = Call(
    name="disks.get",
    permissions=("Microsoft.Compute/disks/read",),
    scope="the disk",
)
DISKS_CHANGE: Final = Call(
    name="virtualMachines.attachDetachDataDisks",
    permissions=(
        "Microsoft.Compute/virtualMachines/attachDetachDataDisks/action",
        "Microsoft.Compute/disks/write",
    ),
    scope="both virtual machines and the disk",
    condition="that a disk has one owner, and is detached from the machine that is named",
    retry=Retry.DECIDE,
)
POWER_OFF: Final = Call(
    name="virtualMachines.powerOff",
    permissions=("Microsoft.Compute/virtualMachines/powerOff/action",),
    scope="the peer's virtual machine alone",
    retry=Retry.DECIDE,
)

CALLS: Final = (
    NIC_GET,
    NICS_LIST,
    NIC_PUT,
    TABLE_GET,
    TABLE_PUT,
    BALANCER_GET,
    PUBLIC_GET,
    PERMISSIONS_LIST,
    VM_GET,
    DISK_GET,
    DISKS_CHANGE,
    POWER_OFF,
)
CONFIGS_MOVE: Final = Call(
    name="virtualNetworks.moveIpConfigurations",
    permissions=("Microsoft.Network/virtualNetworks/moveIpConfigurations/action",),
    scope="the virtual network",
    condition="that the peer's interface still has the IP configuration",
    retry=Retry.DECIDE,
)
"""Of `nic` with `one_call`, and in no role without it: never yet made on a live subscription."""
MOVER_CALLS: Final[dict[str, tuple[Call, ...]]] = {
    "nic": (NIC_GET, NICS_LIST, NIC_PUT, PERMISSIONS_LIST),
    "route": (TABLE_GET, TABLE_PUT, NICS_LIST, PERMISSIONS_LIST),
    "load-balancer": (BALANCER_GET, PUBLIC_GET),
}
"""The calls of each mover; those of `load-balancer` move nothing, they look whether it can."""
DISK_CALLS: Final = (DISK_GET, VM_GET, DISKS_CHANGE, PERMISSIONS_LIST)
"""The calls of a cloud disk."""
FENCE_CALLS: Final = (VM_GET, POWER_OFF, PERMISSIONS_LIST)
"""The calls of the fence."""
