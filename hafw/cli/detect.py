"""What this machine knows of its own network, to propose it when a cluster is created.

One rule: a proposal is only that; whatever cannot be found out is left to the operator.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hafw.config.model import IPAddress

ROUTES: Final = Path("/proc/net/route")
"""The IPv4 routes of the main table (proc(5)); addresses are hexadecimal, in host byte order."""
RTF_GATEWAY: Final = 0x0002
"""The route leads to a gateway (linux/route.h)."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """The default gateway, and the interface towards it."""

    address: IPv4Address
    interface: str


def default_gateway(routes: Path = ROUTES) -> Gateway | None:
    """The IPv4 default gateway of this machine, if it has one."""
    try:
        rows = [line.split() for line in routes.read_text().splitlines()[1:]]
    except OSError:
        return None
    for interface, destination, gateway, flags, *_ in rows:
        if int(destination, 16) == 0 and int(flags, 16) & RTF_GATEWAY:
            return Gateway(IPv4Address(socket.ntohl(int(gateway, 16))), interface)
    return None


def address_towards(other: IPAddress) -> IPAddress | None:
    """The address that this machine would send from to `other`; sends nothing."""
    family = socket.AF_INET6 if other.version == 6 else socket.AF_INET  # noqa: PLR2004 - IPv6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(other), 9))
        except OSError:
            return None
        return ip_address(str(probe.getsockname()[0]))
