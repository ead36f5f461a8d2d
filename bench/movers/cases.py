"""Which takeovers are measured: each mover of hafw, and the resource agent that does the same.

Rule: an agent gets the defaults of its own manual, and what it needs to find the cloud here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.movers.clouds import (
    ALLOCATION,
    BALANCER,
    ENIS,
    HOPS,
    PORT,
    PROJECT,
    ROUTE,
    TABLES,
    VMS,
    ZONES,
)
from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION

INTERFACE: Final = "eth0"
Options = dict[str, str | tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Agent:
    """A resource agent with its parameters.

    `programs` and `modules`: what it needs besides a shell or Python. `stops`: it leaves something
    on the machine that a `stop` removes.
    """

    name: str
    parameters: dict[str, str]
    programs: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A mover; `port`: it makes no calls, and its holder answers there."""

    cloud: str
    mover: str
    address: str
    options: Options
    agent: Agent | None = None
    port: int = 0

    @property
    def name(self) -> str:
        """As tables name it."""
        return f"{self.cloud} {self.mover}"


_EC2: Final[Options] = {"eni": ENIS}
_GCE: Final[Options] = {"project": PROJECT, "zone": ZONES, "instance": VMS}
_ARM: Final[Options] = {
    "subscription": SUBSCRIPTION,
    "resource_group": GROUP,
    "vm": VMS,
    "nic": ("nic-a", "nic-b"),
}
_GOOGLE: Final = ("googleapiclient",)

CASES: Final = (
    Case(
        "aws",
        "private-ip",
        "10.0.1.50",
        _EC2,
        Agent("awsvip", {"secondary_private_ip": "10.0.1.50"}, ("aws", "curl")),
    ),
    Case(
        "aws",
        "route",
        "192.168.50.50",
        _EC2 | {"route_tables": TABLES},
        Agent(
            "aws-vpc-move-ip",
            {
                "ip": "192.168.50.50",
                "routing_table": ",".join(TABLES),
                "interface": INTERFACE,
            },
            ("aws", "curl", "ip"),
            stops=True,
        ),
    ),
    Case(
        "aws",
        "elastic-ip",
        "203.0.113.5",
        _EC2 | {"allocation_id": ALLOCATION},
        Agent(
            "awseip",
            {"elastic_ip": "203.0.113.5", "allocation_id": ALLOCATION},
            ("aws", "curl"),
        ),
    ),
    Case(
        "gcp",
        "alias-ip",
        "10.0.0.50",
        _GCE,
        Agent(
            "gcp-vpc-move-vip",
            {"alias_ip": "10.0.0.50/32", "hostlist": " ".join(VMS)},
            modules=_GOOGLE,
        ),
    ),
    Case(
        "gcp",
        "route",
        "192.168.50.50",
        _GCE,
        Agent(
            "gcp-vpc-move-route",
            {"ip": "192.168.50.50", "interface": INTERFACE, "route_name": ROUTE},
            modules=(*_GOOGLE, "pyroute2"),
            stops=True,
        ),
    ),
    Case(
        "gcp",
        "health-check",
        "10.0.0.60",
        {"port": str(PORT)},
        Agent("gcp-ilb", {"port": str(PORT), "cat": "nc"}, ("nc",), stops=True),
        port=PORT,
    ),
    Case("azure", "nic", "10.0.0.50", _ARM),
    Case(
        "azure", "route", "192.168.50.50", _ARM | {"route_tables": ("clients",), "next_hop": HOPS}
    ),
    Case(
        "azure",
        "load-balancer",
        "10.0.0.60",
        _ARM | {"port": str(PORT), "load_balancer": BALANCER},
        Agent("azure-lb", {"port": str(PORT), "nc": "nc"}, ("nc",), stops=True),
        port=PORT,
    ),
)
