"""The model of Azure as the conformance class sees and breaks it, for each mover.

Rule: what a fault means is said once, here.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from hafw.testing.movers import LATE_S, Cloud, Trouble
from hafw_sim.clouds.arm import Fault, Kind, route
from hafw_sim.clouds.arm.networks import holders, next_hops
from hafw_sim.clouds.arm.values import NICS, TABLES, config

if TYPE_CHECKING:
    from hafw_sim.clouds.arm import Resource
    from hafw_sim.clouds.arm.server import Server
    from hafw_sim.clouds.arm.state import State, Things
    from hafw_sim.clouds.exchange import Json

FAULTS: Final = {
    Trouble.DOWN: (Kind.CONTROL_PLANE_DOWN, 0.0),
    Trouble.THROTTLED: (Kind.THROTTLED, 0.0),
    Trouble.LOST_REPLY: (Kind.LOST_REPLY, 0.0),
    Trouble.STALE_READ: (Kind.STALE_READ, 3600.0),
    Trouble.LATE_LANDING: (Kind.LATE_LANDING, LATE_S),
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

    @property
    def state(self) -> State:
        return self.server.arm.state

    def things(self) -> Things:
        with self.server.lock:
            self.state.advance(time.time())
            return self.state.things

    def begin(self, trouble: Trouble, times: int | None = None) -> None:
        if trouble is Trouble.DENIED:
            self.server.arm.denied.add(f"Microsoft.Network/{self.kind}/write")
            return
        kind, seconds = FAULTS[trouble]
        calls = "*"
        if trouble is Trouble.STALE_READ:
            calls = f"{self.kind}.get"
        if trouble in {Trouble.LOST_REPLY, Trouble.LATE_LANDING}:
            calls = f"{self.kind}.createOrUpdate"
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
