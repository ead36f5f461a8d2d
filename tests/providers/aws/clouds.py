"""The model of EC2 as the conformance classes see and break it, for each mover and for disks.

Rule: what a fault means is said once, here.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw.testing.movers import LANDS_S, Cloud, Trouble
from hafw_sim.clouds.ec2 import Ec2, Fault, Kind

if TYPE_CHECKING:
    from hafw_sim.clouds.ec2.values import Things, Volume

ENIS: Final = {"alpha": "eni-00000001", "beta": "eni-00000002", "other": "eni-00000003"}
NAMES: Final = {eni: name for name, eni in ENIS.items()}
INSTANCES: Final = {"alpha": "i-00000001", "beta": "i-00000002", "other": "i-00000003"}
MACHINES: Final = {instance: name for name, instance in INSTANCES.items()}
BOTH: Final = (ENIS["alpha"], ENIS["beta"])
CHANGES: Final = "[!D]*"
"""A pattern for what is no Describe call; Disassociate is added by name."""
FAULTS: Final = {
    Trouble.DOWN: (Kind.CONTROL_PLANE_DOWN, 0.0),
    Trouble.THROTTLED: (Kind.THROTTLED, 0.0),
    Trouble.LOST_REPLY: (Kind.LOST_REPLY, 0.0),
    Trouble.STALE_READ: (Kind.STALE_READ, 3600.0),
    Trouble.LATE_LANDING: (Kind.LATE_LANDING, LANDS_S),
    Trouble.EXPIRED: (Kind.EXPIRED_TOKEN, 0.0),
}


class Model(Cloud):
    """What all of them have in common."""

    changes: tuple[str, ...] = ()
    """The calls that bring it, and are denied."""
    pattern = CHANGES
    """What of the calls gets lost, or comes late."""

    def __init__(self, ec2: Ec2) -> None:
        self.ec2 = ec2

    @property
    def things(self) -> Things:
        return self.ec2.state.things

    def begin(self, trouble: Trouble, times: int | None = None) -> None:
        if trouble is Trouble.DENIED:
            self.ec2.denied.update(self.changes)
            return
        kind, seconds = FAULTS[trouble]
        calls = "*"
        if trouble is Trouble.STALE_READ:
            calls = "Describe*"
        if trouble in {Trouble.LOST_REPLY, Trouble.LATE_LANDING}:
            calls = self.pattern
        self.ec2.faults.add(Fault(kind, seconds, calls, times))

    def calm(self) -> None:
        self.ec2.faults.end()
        self.ec2.denied.clear()

    def calls(self) -> int:
        return len(self.ec2.made)


class PrivateAddress(Model):
    """For the mover private-ip."""

    def __init__(self, ec2: Ec2, address: str) -> None:
        super().__init__(ec2)
        self.address = address
        self.changes = ("AssignIpv6Addresses" if ":" in address else "AssignPrivateIpAddresses",)

    def leads_to(self) -> set[str]:
        self.ec2.state.advance(time.time())
        return {NAMES[eni] for eni in self.things.holders(self.address)}

    def give_to(self, who: str) -> None:
        one = self.things.interfaces[ENIS[who]]
        if ":" in self.address:
            one = replace(one, ipv6=(self.address,))
        else:
            one = replace(one, addresses=(self.address,))
        self.ec2.state.put(time.time(), one)

    def bystanders(self) -> object:
        others = {
            one.id: (one.primary, *(held for held in one.holds if held != self.address))
            for one in self.things.interfaces.values()
        }
        return others, self.things.elastic, self.things.routes, self.things.instances


class Routes(Model):
    """For the mover route."""

    changes = ("ReplaceRoute",)

    def __init__(self, ec2: Ec2, destination: str) -> None:
        super().__init__(ec2)
        self.destination = destination
        for table in ec2.state.things.routes:
            ec2.state.put_route(table, destination, ENIS["beta"], 0.0)

    def leads_to(self) -> set[str]:
        hops = {table[self.destination] for table in self.things.routes.values()}
        return {NAMES[hop] for hop in hops if hop in NAMES}

    def give_to(self, who: str) -> None:
        for table in self.things.routes:
            self.ec2.state.put_route(table, self.destination, ENIS[who], time.time())

    def bystanders(self) -> object:
        others = {
            name: {cidr: hop for cidr, hop in table.items() if cidr != self.destination}
            for name, table in self.things.routes.items()
        }
        return others, self.things.elastic, self.things.interfaces, self.things.instances


class PublicAddress(Model):
    """For the mover elastic-ip."""

    changes = ("AssociateAddress",)
    allocation = "eipalloc-00000001"

    def leads_to(self) -> set[str]:
        held = self.things.elastic[self.allocation].interface
        return {NAMES[held]} if held else set()

    def give_to(self, who: str) -> None:
        one = self.things.elastic[self.allocation]
        eni = self.things.interfaces[ENIS[who]]
        association = f"eipassoc-{self.ec2.state.number():08x}"
        self.ec2.state.put(
            time.time(),
            replace(one, association=association, interface=eni.id, private=eni.primary),
        )

    def bystanders(self) -> object:
        others = [one for one in self.things.elastic.values() if one.allocation != self.allocation]
        return others, self.things.interfaces, self.things.routes, self.things.instances


class Volumes(Model):
    """For the resource cloud-disk."""

    changes = ("AttachVolume", "DetachVolume")
    pattern = "*tachVolume"
    id = "vol-00000001"

    @property
    def volume(self) -> Volume:
        self.ec2.state.advance(time.time())
        return self.things.volumes[self.id]

    def leads_to(self) -> set[str]:
        return {MACHINES[self.volume.instance]} if self.volume.attachment else set()

    def give_to(self, who: str) -> None:
        self.put(instance=INSTANCES[who], device="/dev/sdf", attachment="attached")

    def put(self, **changes: object) -> None:
        self.ec2.state.put(time.time(), replace(self.volume, **changes))  # type: ignore[arg-type]

    def bystanders(self) -> object:
        others = [one for one in self.things.volumes.values() if one.id != self.id]
        return others, self.things.interfaces, self.things.elastic, self.things.instances
