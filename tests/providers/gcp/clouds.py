"""The model of Compute Engine as the conformance classes see and break it.

Rule: what a fault means is said once, here.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw.providers.gcp.route import WORST
from hafw.testing.movers import LANDS_S, Cloud, Trouble
from hafw_sim.clouds.gce import Alias, Disk, Fault, Instance, Kind, Route
from hafw_sim.clouds.gce.machines import holders
from hafw_sim.clouds.gce.routes import next_hops

if TYPE_CHECKING:
    from hafw_sim.clouds.gce.server import Server
    from hafw_sim.clouds.gce.state import State, Things

MACHINES: Final = {"alpha": "vm-a", "beta": "vm-b", "other": "vm-c"}
NAMES: Final = {machine: name for name, machine in MACHINES.items()}
FAULTS: Final = {
    Trouble.DOWN: (Kind.CONTROL_PLANE_DOWN, 0.0),
    Trouble.THROTTLED: (Kind.THROTTLED, 0.0),
    Trouble.LOST_REPLY: (Kind.LOST_REPLY, 0.0),
    Trouble.STALE_READ: (Kind.STALE_READ, 3600.0),
    Trouble.LATE_LANDING: (Kind.LATE_LANDING, LANDS_S),
    Trouble.EXPIRED: (Kind.EXPIRED_TOKEN, 0.0),
}


class Model(Cloud):
    """What the movers and disks have in common."""

    change = ""
    """The call that brings the VIP."""
    permissions: tuple[str, ...] = ()
    """What that call needs."""
    read = ""
    """The call that shows who has it."""

    def __init__(self, server: Server, address: str) -> None:
        self.server, self.cidr = server, f"{address}/32"

    @property
    def state(self) -> State:
        return self.server.gce.state

    def things(self) -> Things:
        with self.server.lock:
            self.state.advance(time.time())
            return self.state.things

    def begin(self, trouble: Trouble, times: int | None = None) -> None:
        if trouble is Trouble.DENIED:
            self.server.gce.denied |= {*self.permissions}
            return
        kind, seconds = FAULTS[trouble]
        calls = "*"
        if trouble is Trouble.STALE_READ:
            calls = self.read
        if trouble in {Trouble.LOST_REPLY, Trouble.LATE_LANDING}:
            calls = self.change
        self.server.gce.faults.add(Fault(kind, seconds, calls, times))

    def calm(self) -> None:
        self.server.gce.faults.end()
        self.server.gce.denied.clear()

    def calls(self) -> int:
        return len(self.server.gce.made)


class AliasRange(Model):
    """For the mover alias-ip."""

    change = "instances.updateNetworkInterface"
    permissions = ("compute.instances.updateNetworkInterface",)
    read = "instances.get"

    def leads_to(self) -> set[str]:
        return {NAMES[name] for name in holders(self.things(), self.cidr)}

    def give_to(self, who: str) -> None:
        for instance in self.things().instances.values():
            aliases = self.foreign(instance)
            if instance.name == MACHINES[who]:
                aliases = (*aliases, Alias(self.cidr))
            nic = instance.nics[0]
            changed = replace(nic, aliases=aliases, serial=nic.serial + 1)
            with self.server.lock:
                self.state.put(replace(instance, nics=(changed,)), time.time())

    def bystanders(self) -> object:
        things = self.things()
        return [self.foreign(one) for one in things.instances.values()], things.routes

    def foreign(self, instance: Instance) -> tuple[Alias, ...]:
        return tuple(alias for alias in instance.nics[0].aliases if alias.cidr != self.cidr)


class StaticRoute(Model):
    """For the mover route."""

    change = "routes.*[et]"  # insert and delete, and get, which it never asks
    permissions = ("compute.routes.create",)
    read = "routes.list"

    def leads_to(self) -> set[str]:
        return {NAMES[name] for name in next_hops(self.things(), self.cidr)}

    def give_to(self, who: str) -> None:
        (instance,) = (one for one in self.things().instances.values() if one.name == MACHINES[who])
        ours = who != "other"
        route = Route(
            name="given",
            dest_range=self.cidr,
            next_hop=f"zones/{instance.zone}/instances/{instance.name}",
            priority=WORST if ours else 1,
            description=f"hafw {'0' * 32}/3 epoch 0" if ours else "a person's",
        )
        with self.server.lock:
            self.state.put_route(route.name, route, time.time())

    def bystanders(self) -> object:
        things = self.things()
        return things.instances, [one for one in things.routes.values() if one.name == "foreign"]


class PersistentDisk(Model):
    """For cloud disks: one of the region."""

    change = "instances.*tachDisk"
    permissions = ("compute.instances.attachDisk", "compute.instances.detachDisk")
    read = "regionDisks.get"
    disk = Disk(name="data")

    def __init__(self, server: Server) -> None:
        super().__init__(server, "0.0.0.0")

    def leads_to(self) -> set[str]:
        users = self.things().disks[self.disk.path].users
        return {NAMES[user.rpartition("/")[2]] for user in users}

    def give_to(self, who: str) -> None:
        (instance,) = (one for one in self.things().instances.values() if one.name == MACHINES[who])
        with self.server.lock:
            given = replace(self.disk, users={instance.path: "given"})
            self.state.put_disk(given, time.time())

    def bystanders(self) -> object:
        things = self.things()
        others = [one for one in things.disks.values() if one.path != self.disk.path]
        return things.instances, things.routes, others
