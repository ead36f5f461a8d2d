"""What the model keeps: network interfaces, route tables, load balancers and virtual machines.

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
class Vm:
    """A virtual machine; `power`: the last word of its PowerState.

    `scale_set`: the name of the one that it is in; empty: none.
    """

    name: str
    vm_id: str
    power: str = "running"
    guest: Guest = Guest.OBEYS
    scale_set: str = ""

    @property
    def view(self) -> Json:
        """Its instance view."""
        codes = ("ProvisioningState/succeeded", f"PowerState/{self.power}")
        return {"statuses": [{"code": code, "level": "Info"} for code in codes]}

    def json(self, *, expanded: bool) -> Json:
        """As a GET shows it."""
        view = {"instanceView": self.view} if expanded else {}
        path = _NETWORK.replace("Microsoft.Network", "Microsoft.Compute")
        if self.scale_set:
            in_set = {"id": f"{path}virtualMachineScaleSets/{self.scale_set}"}
            view |= {"virtualMachineScaleSet": in_set}
        return {
            "id": f"{path}virtualMachines/{self.name}",
            "name": self.name,
            "type": "Microsoft.Compute/virtualMachines",
            "location": LOCATION,
            "properties": {"vmId": self.vm_id, "provisioningState": "Succeeded", **view},
        }


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
