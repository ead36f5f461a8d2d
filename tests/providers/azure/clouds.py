"""The model of Azure as the conformance classes see and break it.

Rule: what a fault means is said once, here.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from hafw.testing.movers import LANDS_S, Cloud, Trouble
from hafw_sim.clouds.arm import Disk, Fault, Kind, route
from hafw_sim.clouds.arm.networks import holders, next_hops
from hafw_sim.clouds.arm.values import NICS, TABLES, DataDisk, config

if TYPE_CHECKING:
    from hafw_sim.clouds.arm import Resource, Vm
    from hafw_sim.clouds.arm.server import Server
    from hafw_sim.clouds.arm.state import State, Things
    from hafw_sim.clouds.exchange import Json

FAULTS: Final = {
    Trouble.DOWN: (Kind.CONTROL_PLANE_DOWN, 0.0),
    Trouble.THROTTLED: (Kind.THROTTLED, 0.0),
    Trouble.LOST_REPLY: (Kind.LOST_REPLY, 0.0),
    Trouble.STALE_READ: (Kind.STALE_READ, 3600.0),
    Trouble.LATE_LANDING: (Kind.LATE_LANDING, LANDS_S),
    Trouble.EXPIRED: (Kind.EXPIRED_TOKEN, 0.0),
}


class Model(Cloud):
    """What the movers have in common that make calls."""

    kind = ""
    """Of the resources that hold the VIP."""
    named: ClassVar[dict[str, str]] = {}
    """What the model has for alpha, beta and other."""

    def __init__(self, server: Server, address: str) -> None:
        self.server, self.address = server, address
        self.permission = f"Microsoft.Network/{self.kind}/write"
        self.read, self.write = f"{self.kind}.get", f"{self.kind}.createOrUpdate"

    @property
    def state(self) -> State:
        return self.server.arm.state

    def things(self) -> Things:
        with self.server.lock:
            self.state.advance(time.time())
            return self.state.things

    def begin(self, trouble: Trouble, times: int | None = None) -> None:
        if trouble is Trouble.DENIED:
            self.server.arm.denied.add(self.permission)
            return
        kind, seconds = FAULTS[trouble]
        calls = "*"
        if trouble is Trouble.STALE_READ:
            calls = self.read
        if trouble in {Trouble.LOST_REPLY, Trouble.LATE_LANDING}:
            calls = self.write
        self.server.arm.faults.add(Fault(kind, seconds, calls, times))

    def calm(self) -> None:
        self.server.arm.faults.end()
        self.server.arm.denied.clear()

    def calls(self) -> int:
        return len(self.server.arm.made)

    def name_of(self, what: str) -> str:
        return {value: name for name, value in self.named.items()}[what]

    def resources(self) -> list[Resource]:
        return [one for one in self.things().resources.values() if one.kind == self.kind]

    def change(self, resource: Resource, tags: dict[str, str], **properties: object) -> None:
        body = {
            "tags": {**resource.body["tags"], **tags},
            "properties": {**resource.body["properties"], **properties},
        }
        with self.server.lock:
            self.state.change(replace(resource, body=body), time.time())

    def bystanders(self) -> object:
        return [
            (
                one.name,
                {key: value for key, value in one.body["tags"].items() if "hafw" not in key},
                self.foreign(one),
                one.body["properties"].get("disableBgpRoutePropagation"),
            )
            for one in self.things().resources.values()
        ]

    def foreign(self, resource: Resource) -> list[Json]:
        """The children that are not the VIP's."""
        properties = resource.body["properties"]
        listed: list[Json] = properties.get("ipConfigurations") or properties.get("routes")
        key = "privateIPAddress" if resource.kind == NICS else "addressPrefix"
        ours = (self.address, f"{self.address}/32")
        return [one for one in listed if one["properties"][key] not in ours]


class IpConfiguration(Model):
    """For the mover nic."""

    kind = NICS
    named: ClassVar[dict[str, str]] = {"alpha": "nic-a", "beta": "nic-b", "other": "nic-c"}

    def leads_to(self) -> set[str]:
        return {self.name_of(name) for name in holders(self.things(), self.address)}

    def give_to(self, who: str) -> None:
        for nic in self.resources():
            configs = self.foreign(nic)
            if nic.name == self.named[who]:
                configs = [*configs, config("given", self.address)]
            self.change(nic, {}, ipConfigurations=configs)


class InOneCall(IpConfiguration):
    """The same, moved by Azure itself where nobody else moves anything."""

    def begin(self, trouble: Trouble, times: int | None = None) -> None:
        super().begin(trouble, times)
        if trouble in {Trouble.LOST_REPLY, Trouble.LATE_LANDING}:
            kind, seconds = FAULTS[trouble]
            self.server.arm.faults.add(Fault(kind, seconds, "virtualNetworks.*", times))


class UserRoute(Model):
    """For the mover route."""

    kind = TABLES
    named: ClassVar[dict[str, str]] = {
        "alpha": "10.0.0.4",
        "beta": "10.0.0.5",
        "other": "10.0.0.99",
    }

    def leads_to(self) -> set[str]:
        return {self.name_of(hop) for hop in next_hops(self.things(), f"{self.address}/32")}

    def give_to(self, who: str) -> None:
        for table in self.resources():
            given = route("given", f"{self.address}/32", self.named[who])
            self.change(table, {}, routes=[*self.foreign(table), given])


class ManagedDisk(Model):
    """For cloud disks."""

    named: ClassVar[dict[str, str]] = {"alpha": "vm-a", "beta": "vm-b", "other": "vm-c"}
    disk = Disk(name="data")

    def __init__(self, server: Server) -> None:
        super().__init__(server, "")
        self.permission = "Microsoft.Compute/virtualMachines/attachDetachDataDisks/action"
        self.read, self.write = "disks.get", "virtualMachines.attachDetachDataDisks"

    def leads_to(self) -> set[str]:
        owner = self.things().disks[self.disk.name].owner
        return {self.name_of(owner)} if owner else set()

    def give_to(self, who: str) -> None:
        given = replace(self.disk, owner=self.named[who])
        for vm in self.things().vms.values():
            disks = tuple(one for one in vm.disks if one.disk.name != given.name)
            if vm.name == given.owner:
                disks += (DataDisk(given, 9),)
            with self.server.lock:
                self.state.put_vm(replace(vm, disks=disks), time.time())
        with self.server.lock:
            self.state.put_disk(given, time.time())

    def bystanders(self) -> object:
        things = self.things()
        others = [one for one in things.disks.values() if one.name != self.disk.name]
        return things.resources, others, [self.foreign_disks(vm) for vm in things.vms.values()]

    def foreign_disks(self, vm: Vm) -> list[DataDisk]:
        return [one for one in vm.disks if one.disk.name != self.disk.name]
