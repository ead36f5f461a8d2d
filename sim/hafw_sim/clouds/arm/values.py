"""What the model keeps: of networks, virtual machines, and the managed disks that they have.

One rule: values are frozen, so an old state is kept by keeping the reference.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hafw_sim.clouds.exchange import Json

SUBSCRIPTION: Final = "00000000-0000-4000-8000-000000000001"
GROUP: Final = "hafw-model"
LOCATION: Final = "westeurope"
NICS: Final = "networkInterfaces"
TABLES: Final = "routeTables"
BALANCERS: Final = "loadBalancers"
PUBLIC: Final = "publicIPAddresses"
CHILDREN: Final = {
    NICS: ("ipConfigurations",),
    TABLES: ("routes",),
    BALANCERS: (
        "frontendIPConfigurations",
        "backendAddressPools",
        "loadBalancingRules",
        "probes",
    ),
    PUBLIC: (),
}
"""What has a name within a resource, and so an id and an ETag of its own, by kind."""
SUBNETS: Final = {"default": "10.0.0.0/24"}
"""The subnets of the one virtual network, by name."""
_NETWORK: Final = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Network/"
)
_COMPUTE: Final = _NETWORK.replace("Microsoft.Network", "Microsoft.Compute")


class Guest(StrEnum):
    """Whether the operating system on a virtual machine obeys a request to shut down."""

    OBEYS = "obeys"
    HANGS = "hangs"
    """It ignores the request; a stop that skips the shutdown ends it."""
    NEVER_STOPS = "never stops"
    """Neither ends it: whether real ones can be like that is not known; see `docs/azure.md`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource of the network, as its last PUT wanted it: `body`.

    `applied`: what packets follow, which is an earlier body while an operation runs. `serial` rises
    at every change, and makes the ETag.
    """

    kind: str
    name: str
    body: Json
    applied: Json
    serial: int = 1
    state: str = "Succeeded"

    @property
    def path(self) -> str:
        """Its id within Azure."""
        return f"{_NETWORK}{self.kind}/{self.name}"

    @property
    def etag(self) -> str:
        """Opaque to clients: it says only whether the resource is still the one that was read."""
        return f'W/"{uuid.uuid5(uuid.NAMESPACE_URL, f"{self.path}/{self.serial}/{self.state}")}"'

    def json(self) -> Json:
        """As a GET shows it."""
        properties = self.body["properties"]
        listed = {
            key: [
                {
                    **one,
                    "id": f"{self.path}/{key}/{one['name']}",
                    "etag": self.etag,
                    "properties": {"provisioningState": self.state, **one["properties"]},
                }
                for one in properties[key]
            ]
            for key in CHILDREN[self.kind]
        }
        return {
            "id": self.path,
            "name": self.name,
            "type": f"Microsoft.Network/{self.kind}",
            "etag": self.etag,
            "location": LOCATION,
            "tags": self.body["tags"],
            **({"sku": self.body["sku"]} if "sku" in self.body else {}),
            "properties": {**properties, "provisioningState": self.state, **listed},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A managed disk. `owner`: the machine that it is attached to; empty: none.

    `sharers`: the machines that have it, where several may and it shows no single owner.
    `zone`: the one that it is in; empty: none, or all of them if it is zone-redundant by its `sku`.
    """

    name: str
    owner: str = ""
    zone: str = ""
    sku: str = "Premium_LRS"
    max_shares: int = 1
    sharers: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Its id within Azure."""
        return f"{_COMPUTE}disks/{self.name}"

    def json(self, owners_power: str) -> Json:
        """As a GET shows it; `owners_power`: of the machine that it is attached to."""
        attached = "Reserved" if owners_power == "deallocated" else "Attached"
        properties = {
            "provisioningState": "Succeeded",
            "diskState": attached if self.owner else "Unattached",
            **({"maxShares": self.max_shares} if self.max_shares > 1 else {}),
        }
        return {
            "id": self.path,
            "name": self.name,
            "type": "Microsoft.Compute/disks",
            "location": LOCATION,
            "sku": {"name": self.sku},
            **({"zones": [self.zone]} if self.zone else {}),
            **({"managedBy": f"{_COMPUTE}virtualMachines/{self.owner}"} if self.owner else {}),
            "managedByExtended": [f"{_COMPUTE}virtualMachines/{one}" for one in self.sharers],
            "properties": properties,
        }


@dataclass(frozen=True, slots=True)
class DataDisk:
    """A managed disk in the list of a machine, which has it from the moment that this is wanted."""

    disk: Disk
    lun: int
    leaving: bool = False

    def json(self) -> Json:
        """As its machine shows it."""
        return {
            "lun": self.lun,
            "name": self.disk.name,
            "createOption": "Attach",
            "toBeDetached": self.leaving,
            "managedDisk": {"id": self.disk.path, "storageAccountType": self.disk.sku},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Vm:
    """A virtual machine; `power`: the last word of its PowerState.

    `scale_set`: the name of the one that it is in; empty: none. `zone`: likewise. `state`: how its
    last change ended, or that one is under way.
    """

    name: str
    vm_id: str
    power: str = "running"
    guest: Guest = Guest.OBEYS
    scale_set: str = ""
    zone: str = ""
    disks: tuple[DataDisk, ...] = ()
    state: str = "Succeeded"

    @property
    def view(self) -> Json:
        """Its instance view."""
        codes = ("ProvisioningState/succeeded", f"PowerState/{self.power}")
        return {"statuses": [{"code": code, "level": "Info"} for code in codes]}

    def json(self, *, expanded: bool) -> Json:
        """As a GET shows it."""
        view = {"instanceView": self.view} if expanded else {}
        if self.scale_set:
            in_set = {"id": f"{_COMPUTE}virtualMachineScaleSets/{self.scale_set}"}
            view |= {"virtualMachineScaleSet": in_set}
        return {
            "id": f"{_COMPUTE}virtualMachines/{self.name}",
            "name": self.name,
            "type": "Microsoft.Compute/virtualMachines",
            "location": LOCATION,
            **({"zones": [self.zone]} if self.zone else {}),
            "properties": {
                "vmId": self.vm_id,
                "provisioningState": self.state,
                "storageProfile": self.storage,
                **view,
            },
        }

    @property
    def storage(self) -> Json:
        """Its storage profile."""
        return {"dataDisks": [one.json() for one in self.disks]}


def config(name: str, address: str, *, primary: bool = False, subnet: str = "default") -> Json:
    """An IP configuration of a network interface."""
    return {
        "name": name,
        "properties": {
            "privateIPAddress": address,
            "privateIPAllocationMethod": "Static",
            "privateIPAddressVersion": "IPv4",
            "primary": primary,
            "subnet": {"id": f"{_NETWORK}virtualNetworks/net/subnets/{subnet}"},
        },
    }


def nic(name: str, *configs: Json, tags: dict[str, str] | None = None) -> Resource:
    """A network interface that forwards."""
    properties = {"enableIPForwarding": True, "ipConfigurations": [*configs]}
    body = {"tags": tags or {}, "properties": properties}
    return Resource(kind=NICS, name=name, body=body, applied=body)


def route(name: str, prefix: str, hop: str) -> Json:
    """A route to a machine."""
    properties = {
        "addressPrefix": prefix,
        "nextHopType": "VirtualAppliance",
        "nextHopIpAddress": hop,
    }
    return {"name": name, "properties": properties}


def table(name: str, *routes: Json, tags: dict[str, str] | None = None) -> Resource:
    """A route table."""
    properties = {"disableBgpRoutePropagation": True, "routes": [*routes]}
    body = {"tags": tags or {}, "properties": properties}
    return Resource(kind=TABLES, name=name, body=body, applied=body)


def pair() -> tuple[Resource, ...]:
    """Two interfaces in a subnet, and its route table, with content that is not hafw's."""
    return (
        nic(
            "nic-a",
            config("primary", "10.0.0.4", primary=True),
            config("web", "10.0.0.90"),
            tags={"team": "store"},
        ),
        nic("nic-b", config("primary", "10.0.0.5", primary=True)),
        table("clients", route("lab", "192.0.2.0/24", "10.0.0.4"), tags={"team": "store"}),
    )


def vms() -> tuple[Vm, ...]:
    """The two machines of those interfaces."""
    return (
        Vm(name="vm-a", vm_id="aaaaaaaa-0000-4000-8000-00000000000a"),
        Vm(name="vm-b", vm_id="bbbbbbbb-0000-4000-8000-00000000000b"),
    )
