"""The plan of every lab: which machines there are, on which networks, with which addresses.

Rule: constants and values only; nothing here touches the kernel.

Two bridges stand for the networks. ``svc`` is the service LAN, ``hb`` the heartbeat LAN. A
machine's first network is its ``eth0``, its second its ``eth1``; the other end of each cable is
the bridge port ``<network>-<machine>``.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Final


class Lan(enum.Enum):
    """One of the lab's networks; the value is the name of its bridge."""

    SERVICE = "svc"
    HEARTBEAT = "hb"


@dataclass(frozen=True, slots=True)
class Socket:
    """Where a machine is plugged in: a network, and the addresses it has there."""

    lan: Lan
    addresses: tuple[IPv4Interface | IPv6Interface, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """One machine: its name (also its host name), its number, its network cards in order."""

    name: str
    number: int
    sockets: tuple[Socket, ...]

    def port(self, lan: Lan) -> str:
        """Return the name of the bridge port that this machine has on ``lan``."""
        return f"{lan.value}-{self.name}"

    def mac(self, card: int) -> bytes:
        """Return the hardware address of the machine's card number ``card`` (eth0 is 0)."""
        return bytes((0x02, 0, 0, 0, self.number, card))  # 0x02: locally administered

    @property
    def lans(self) -> tuple[Lan, ...]:
        """The networks the machine is on, in the order of its cards."""
        return tuple(socket.lan for socket in self.sockets)


def _plan(number: int, name: str, host: int, *, heartbeat: bool) -> Plan:
    service = Socket(
        Lan.SERVICE,
        (IPv4Interface(f"10.1.1.{host}/24"), IPv6Interface(f"fd00:1::{host}/64")),
    )
    private = Socket(Lan.HEARTBEAT, (IPv4Interface(f"10.2.2.{host}/24"),))
    return Plan(name, number, (service, private) if heartbeat else (service,))


ALPHA: Final = _plan(1, "alpha", 100, heartbeat=True)
BETA: Final = _plan(2, "beta", 101, heartbeat=True)
GATEWAY: Final = _plan(3, "gateway", 1, heartbeat=False)
CLIENT: Final = _plan(4, "client", 50, heartbeat=False)

MACHINES: Final = {plan.name: plan for plan in (GATEWAY, CLIENT, ALPHA, BETA)}
NODES: Final = (ALPHA, BETA)

VIP: Final = IPv4Address("10.1.1.111")
SECOND_VIP: Final = IPv4Address("10.1.1.112")
VIP6: Final = IPv6Address("fd00:1::111")
"""Addresses of the service LAN that the lab leaves free for resource groups."""

IDS_PER_MACHINE: Final = 1000
"""The network namespace of boot n of machine number m has the id 1000 m + n beside the bridges."""
