"""What exists in the model of EC2: interfaces, instances, Elastic IPs, routes, volumes.

One rule: values never change; a change makes a new one, so that the past can still be read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

STATES: Final = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
"""States of an instance and their codes."""


class Guest(StrEnum):
    """What the operating system does when it is asked to shut down."""

    OBEYS = "obeys"
    HANGS = "hangs"
    """It ignores the request; only a stop that skips its shutdown ends it."""
    NEVER_STOPS = "never stops"
    """Neither ends it: the instance stays `stopping`, as EC2 says may happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """An elastic network interface. `limit`: addresses that its instance type allows, all told."""

    id: str
    instance: str
    primary: str
    addresses: tuple[str, ...] = ()
    ipv6: tuple[str, ...] = ()
    mac: str = "02:00:00:00:00:01"
    subnet: str = "10.0.1.0/24"
    subnet6: str = "2001:db8:1::/64"
    source_dest_check: bool = False
    limit: int = 15

    @property
    def holds(self) -> tuple[str, ...]:
        """Every address that it has."""
        return (self.primary, *self.addresses, *self.ipv6)

    def covers(self, address: str) -> bool:
        """Is the address one of its subnet?"""
        network = ip_network(self.subnet6 if ":" in address else self.subnet)
        return ip_network(address).subnet_of(network)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A machine. `scaling_group`: the Auto Scaling group that it is in; empty: none."""

    id: str
    name: str
    state: str = "running"
    guest: Guest = Guest.OBEYS
    stop_protection: bool = False
    spot: bool = False
    scaling_group: str = ""
    zone: str = "eu-central-1a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Elastic:
    """An Elastic IP; every association has an id of its own."""

    allocation: str
    address: str
    association: str = ""
    interface: str = ""
    private: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """An EBS volume. `attachment`: its state, as EC2 names it; empty: it is attached nowhere.

    `mounted`: the system of its instance uses it, and does not give it up while that runs.
    """

    id: str
    zone: str = "eu-central-1a"
    instance: str = ""
    device: str = ""
    attachment: str = ""
    mounted: bool = False
    multi_attach: bool = False


@dataclass(frozen=True, slots=True)
class Things:
    """What exists at one instant. `routes`: by table, then destination: the next hop's id."""

    interfaces: Mapping[str, Interface] = field(default_factory=dict)
    instances: Mapping[str, Instance] = field(default_factory=dict)
    elastic: Mapping[str, Elastic] = field(default_factory=dict)
    routes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)

    def holders(self, address: str) -> list[str]:
        """The interfaces that have the address; never more than one."""
        return [one.id for one in self.interfaces.values() if address in one.holds]


def pair() -> Things:
    """Two instances, alpha and beta, a third that is none of ours, and what they may hold.

    Two tables, an Elastic IP, a volume that is nowhere, and one that alpha runs from.
    """
    names = ("alpha", "beta", "other")
    interfaces = [
        Interface(
            id=f"eni-0000000{number}",
            instance=f"i-0000000{number}",
            primary=f"10.0.1.{number}0",
            mac=f"02:00:00:00:00:0{number}",
        )
        for number in (1, 2, 3)
    ]
    instances = [
        Instance(id=f"i-0000000{number}", name=name) for number, name in enumerate(names, 1)
    ]
    root = Volume(
        id="vol-00000002", instance="i-00000001", device="/dev/xvda", attachment="attached"
    )
    overlay = {"192.168.50.50/32": "eni-00000001", "10.0.0.0/16": "local"}
    overlay6 = {"fd00:50::50/128": "eni-00000001"}
    return Things(
        interfaces={one.id: one for one in interfaces},
        instances={one.id: one for one in instances},
        elastic={
            "eipalloc-00000001": Elastic(allocation="eipalloc-00000001", address="203.0.113.5")
        },
        routes={"rtb-00000001": overlay | overlay6, "rtb-00000002": overlay | overlay6},
        volumes={one.id: one for one in (Volume(id="vol-00000001"), root)},
    )
