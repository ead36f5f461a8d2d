"""The resource types that a group may list, each with the reader of its keys.

One rule: a type says itself whether an overlap on two nodes is harmless; certificates that rest on
circumstances are only for groups in which every resource's is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Final

from hafw.config.addresses import Addresses, read_interface
from hafw.config.disk_options import DISK_KEYS, read_disk_options
from hafw.config.model import CloudDisk, Resource, Vip
from hafw.config.table import Table, suggest
from hafw.config.vip_options import ONPREM, VIP_KEYS, read_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hafw.config.model import IPInterface
    from hafw.config.problems import Place

PROVIDERS: Final = (*sorted(VIP_KEYS), ONPREM)
"""The providers that come with hafw."""

Reader = Callable[[Table, tuple[str, str] | None, Addresses], Resource | None]


@dataclass(frozen=True, slots=True)
class ResourceType:
    """How a resource type is read, and whether two nodes running it for a moment is harmless."""

    read: Reader
    overlap_is_harmless: bool


def read_vip(table: Table, nodes: tuple[str, str] | None, addresses: Addresses) -> Vip | None:
    """A virtual IP: address with its prefix, interfaces, and what its provider needs to move it."""
    provider = _read_provider(table, PROVIDERS, ONPREM)
    text = table.text("address")
    address = None if text is None else _parse_vip(table.at("address"), text)
    if address is not None:
        addresses.claim(table.at("address"), address.ip, "a VIP")
    interfaces = _read_interfaces(table, nodes)
    options = None if provider is None else read_options(table, provider, nodes)
    if provider is None or address is None or interfaces is None or options is None:
        return None
    return Vip(provider=provider, address=address, interfaces=interfaces, options=options)


def read_cloud_disk(
    table: Table, nodes: tuple[str, str] | None, addresses: Addresses
) -> CloudDisk | None:
    """A disk of a cloud: which, and the machines that it may be attached to."""
    del addresses
    provider = _read_provider(table, tuple(DISK_KEYS))
    options = None if provider is None else read_disk_options(table, provider, nodes)
    if provider is None or options is None:
        return None
    return CloudDisk(provider=provider, options=options)


def _read_provider(table: Table, ours: Sequence[str], default: str | None = None) -> str | None:
    """One that comes with hafw, or the name under which an installed package brings another."""
    name = table.text("provider", default)
    others = {each.name for each in entry_points(group="hafw")} - set(PROVIDERS)
    if name is None or name in ours or name in others:
        return name
    table.at("provider").error(f'"{name}" is not known here', suggest(name, ours))
    return None


RESOURCE_TYPES: Final[dict[str, ResourceType]] = {
    "vip": ResourceType(read_vip, overlap_is_harmless=True),
    "cloud-disk": ResourceType(read_cloud_disk, overlap_is_harmless=False),
}
"""Resource types by the name that the file uses."""


def storage_of(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Those of the resources that two nodes must never have at once, not even for a moment."""
    return tuple(each for each in resources if not RESOURCE_TYPES[each.type].overlap_is_harmless)


def _parse_vip(place: Place, text: str) -> IPInterface | None:
    try:
        address = ip_interface(text)
    except ValueError:
        place.error(f'"{text}" is no IP address', 'write one, as in "10.1.1.111/24"')
        return None
    if "/" not in text:
        example = f"{text}/{64 if ':' in text else 24}"
        remedy = f'add that of the network it is in, as in "{example}"'
        place.error(f'"{text}" has no prefix length', remedy)
        return None
    if not _is_one_machine(address):
        place.error(f"{text} cannot be the address of a machine", "choose another")
        return None
    return address


def _is_one_machine(address: IPInterface) -> bool:
    """Not multicast, nor the network's own address, nor its broadcast address."""
    if address.ip.is_multicast or address.ip.is_unspecified or address.ip.is_loopback:
        return False
    network = address.network
    if ":" in str(address) or network.prefixlen >= network.max_prefixlen - 1:
        return True  # IPv6 has no broadcast; /31 and /32 neither (RFC 3021)
    return address.ip not in {network.network_address, network.broadcast_address}


def _read_interfaces(table: Table, nodes: tuple[str, str] | None) -> tuple[str, str] | None:
    """One name for both nodes, or a table with a name for each."""
    if not table.holds_table("interface"):
        name = read_interface(table, "interface")
        return None if name is None else (name, name)
    each = table.table_or_empty("interface")
    names = [read_interface(each, node) for node in nodes or each.rest()]
    each.finish()
    match names:
        case [str() as first, str() as second]:
            return first, second
    return None
