"""The `[[groups]]` section: what moves between the nodes.

One rule: a group that is wrong is still read to its end, so that all of it is reported at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.config.model import Force, Group
from hafw.config.resources import RESOURCE_TYPES
from hafw.config.table import suggest
from hafw.core.settings import MAX_GROUPS

if TYPE_CHECKING:
    from hafw.config.addresses import Addresses
    from hafw.config.model import Resource
    from hafw.config.table import Table

MAX_RESOURCES: Final = 64
"""Resources of one group; bounds the time of a start, one step budget each."""
MAX_ID: Final = 255
"""A group's id is one byte in a beat, and in names and marks in clouds."""


def read_groups(
    root: Table, nodes: tuple[str, str] | None, addresses: Addresses
) -> tuple[Group, ...] | None:
    """The groups, in the order of the file."""
    tables = root.tables("groups", MAX_GROUPS)
    if not tables:
        root.at("groups").error(
            "there is no resource group, so nothing would ever move",
            "add [[groups]] with an id, a preferred node and its resources",
        )
    seen: set[int] = set()
    groups: list[Group] = []
    for table in tables:
        group_id = table.integer("id", 1, MAX_ID)
        if group_id is not None and group_id in seen:
            table.at("id").error(
                f"another group has the id {group_id}", f"use another number from 1 to {MAX_ID}"
            )
        preferred = _read_preferred(table, nodes)
        auto_failback = table.flag("auto_failback", default=False)
        force = table.choice("force", Force)
        resources = _read_resources(table, nodes, addresses)
        table.finish()
        if group_id is not None:
            seen.add(group_id)
        if group_id is None or preferred is None or auto_failback is None or resources is None:
            continue
        groups.append(
            Group(
                id=group_id,
                preferred=preferred,
                auto_failback=auto_failback,
                resources=resources,
                force=force,
            )
        )
    return tuple(groups) if len(groups) == len(tables) else None


def _read_preferred(table: Table, nodes: tuple[str, str] | None) -> int | None:
    name = table.text("preferred")
    if name is None or nodes is None:
        return None
    if name in nodes:
        return nodes.index(name)
    table.at("preferred").error(f'"{name}" is no node of this cluster', suggest(name, nodes))
    return None


def _read_resources(
    group: Table, nodes: tuple[str, str] | None, addresses: Addresses
) -> tuple[Resource, ...] | None:
    tables = group.tables("resources", MAX_RESOURCES)
    if not tables:
        group.at("resources").error(
            "the group has no resources",
            'list at least one, as in { type = "vip", address = "10.1.1.111/24", '
            'interface = "eth0" }',
        )
    resources = [_read_resource(table, nodes, addresses) for table in tables]
    read = tuple(resource for resource in resources if resource is not None)
    return read if tables and len(read) == len(tables) else None


def _read_resource(
    table: Table, nodes: tuple[str, str] | None, addresses: Addresses
) -> Resource | None:
    name = table.text("type")
    if name is None:
        return None
    kind = RESOURCE_TYPES.get(name)
    if kind is None:
        table.at("type").error(
            f'there is no resource type "{name}" in this version',
            suggest(name, list(RESOURCE_TYPES)),
        )
        return None
    return kind.read(table, nodes, addresses)
