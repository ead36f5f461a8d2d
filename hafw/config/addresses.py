"""Addresses and interface names of the cluster file.

One rule: an address belongs to one machine, link or group; a second claim to it is an error.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hafw.config.model import IPAddress
    from hafw.config.problems import Place
    from hafw.config.table import Table

_INTERFACE_NAME: Final = re.compile(r"[^\s/:]{1,15}")
"""What the kernel accepts as an interface name (IFNAMSIZ in linux/if.h, less the final zero)."""


class Addresses:
    """Who has which address."""

    def __init__(self) -> None:
        self._owners: dict[IPAddress, str] = {}

    def claim(self, place: Place, address: IPAddress, owner: str) -> None:
        """Note that `owner` ("a ping node") has the address; report it if somebody else has."""
        if address in self._owners:
            place.error(f"{address} is {self._owners[address]} already", "use another address")
        self._owners.setdefault(address, owner)


def parse_address(place: Place, text: str) -> IPAddress | None:
    """The address of one machine; None, and a report, where `text` is none."""
    try:
        address = ip_address(text)
    except ValueError:
        if "/" in text:
            place.error(f'"{text}" is a network', f'write "{text.partition("/")[0]}"')
        else:
            place.error(f'"{text}" is no IP address', 'write one, as in "10.1.1.100"')
        return None
    if address.is_unspecified or address.is_multicast:
        place.error(f"{address} cannot be the address of a machine", "choose another")
        return None
    return address


def read_interface(table: Table, key: str) -> str | None:
    """The name of a network interface; None, and a report, where it is none."""
    name = table.text(key)
    if name is None or _INTERFACE_NAME.fullmatch(name):
        return name
    table.at(key).error(f'"{name}" is no interface name', 'write one, as in "eth0"')
    return None
