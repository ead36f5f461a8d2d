"""The `[[links]]` and `[ping]` sections: the paths by which the nodes hear each other.

One rule: what makes two paths fail together is said, but only what cannot work is refused.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

from hafw.config.addresses import Addresses, parse_address, read_interface
from hafw.config.model import Link, LinkEnd, Ping

if TYPE_CHECKING:
    from hafw.config.model import IPAddress
    from hafw.config.table import Table

MAX_LINKS: Final = 8
"""A beat says in one byte which links are heard."""
MAX_PINGS: Final = 8
"""More ping nodes than anybody has gateways; bounds the echoes of one beat."""
LIKELY_PREFIX: Final = {4: 24, 6: 64}
"""By IP version: addresses with this much in common are probably on one network."""


def read_links(
    root: Table, nodes: tuple[str, str] | None, addresses: Addresses
) -> tuple[Link, ...] | None:
    """The heartbeat links, in the order of the file, which numbers them."""
    tables = root.tables("links", MAX_LINKS)
    if not tables:
        root.at("links").error(
            "there is no heartbeat link",
            "add [[links]] with the interface and address of each node; two links are better",
        )
    elif len(tables) == 1:
        root.at("links").warning(
            "there is only one heartbeat link, so losing it looks like the death of the other node",
            "add a second [[links]] on another interface and network",
        )
    links: list[Link] = []
    for table in tables:
        link = _read_link(table, nodes, addresses)
        if link is not None:
            _check_link(table, link, links)
            links.append(link)
    return tuple(links) if len(links) == len(tables) else None


def _read_link(table: Table, nodes: tuple[str, str] | None, addresses: Addresses) -> Link | None:
    ends = [_read_end(table, node, addresses) for node in nodes or table.rest()]
    table.finish()
    match ends:
        case [LinkEnd() as first, LinkEnd() as second]:
            return Link(ends=(first, second))
    return None


def _read_end(table: Table, node: str, addresses: Addresses) -> LinkEnd | None:
    end = table.table(node, required=True)
    if end is None:
        return None
    interface = read_interface(end, "interface")
    text = end.text("address")
    address = None if text is None else parse_address(end.at("address"), text)
    end.finish()
    if address is not None:
        addresses.claim(end.at("address"), address, f"an address of {node}")
    if interface is None or address is None:
        return None
    return LinkEnd(interface=interface, address=address)


def _check_link(table: Table, link: Link, others: list[Link]) -> None:
    """Both ends are of one family; the link shares nothing with another."""
    first, second = link.ends
    if first.address.version != second.address.version:
        table.place.error(
            f"{first.address} and {second.address} are of two families",
            "use two IPv4 or two IPv6 addresses",
        )
    pairs = [pair for other in others for pair in zip(link.ends, other.ends, strict=True)]
    shared = next(filter(None, (_shared_by(ours, theirs) for ours, theirs in pairs)), None)
    if shared is not None:
        table.place.warning(
            f"this link shares {shared} with another, so one fault can take both",
            "put it on an interface and a network of its own",
        )


def _shared_by(ours: LinkEnd, theirs: LinkEnd) -> str | None:
    if ours.interface == theirs.interface:
        return f"the interface {ours.interface}"
    prefix = LIKELY_PREFIX[ours.address.version]
    network = ip_network(f"{ours.address}/{prefix}", strict=False)
    return f"the network {network}" if theirs.address in network else None


def read_ping(table: Table, addresses: Addresses) -> Ping | None:
    """The ping nodes; the one that reflects, if any, becomes the first."""
    written = table.texts("addresses", MAX_PINGS)
    found: list[IPAddress] = []
    for place, text in written:
        address = parse_address(place, text)
        if address is not None:
            addresses.claim(place, address, "a ping node")
            found.append(address)
    reflect = _read_reflect(table, found)
    switchover = table.flag("switchover", default=True)
    table.finish(known=["reflect"])
    if not written:
        table.at("addresses").warning(
            "there is no ping node, so a node that lost its network cannot tell that from the "
            "death of the other",
            "name the default gateway: addresses = [...]",
        )
    if len(found) != len(written) or switchover is None:
        return None
    if reflect is not None:
        found.sort(key=lambda address: address != reflect)
    return Ping(addresses=tuple(found), reflect=reflect, switchover=switchover)


def _read_reflect(table: Table, pings: list[IPAddress]) -> IPAddress | None:
    text = table.text("reflect") if "reflect" in table else None
    address = None if text is None else parse_address(table.at("reflect"), text)
    if address is not None and address not in pings:
        table.at("reflect").error(
            f"{address} is not among the addresses of the ping nodes",
            "add it there, or name one of them",
        )
    return address
