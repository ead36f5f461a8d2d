"""The sections of the cluster file, one reader each: table in, value out, problems reported.

One rule: every reader goes through its whole section, whatever is wrong in it or elsewhere, and
returns None for what was wrong.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from hafw.config.addresses import Addresses
from hafw.config.authority import read_authority
from hafw.config.clouds import check_clouds, check_ports
from hafw.config.engine import to_settings
from hafw.config.fences import confirms, read_fences
from hafw.config.groups import read_groups
from hafw.config.links import read_links, read_ping
from hafw.config.model import DEFAULT_KEY_FILE, DEFAULT_PORT, Cluster, Mode, Protection
from hafw.config.storage import check_storage
from hafw.config.table import given
from hafw.config.timing import check_hold, read_timing
from hafw.config.watchdogs import read_watchdog

if TYPE_CHECKING:
    from hafw.config.model import Fence, Watchdog
    from hafw.config.table import Table

    _Node = tuple[str, tuple[Fence, ...], Watchdog | None]

NODES: Final = 2
"""hafw is for two machines."""

_GROUP_NAME: Final = re.compile(r"[^\s:/][^:/\n]{0,63}")
"""A user group, as directories name them: "hafw", "domain admins"; what a colon cannot be in."""
_CLUSTER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_NODE_NAME: Final = re.compile(r"(?=.{1,64}\Z)\w[\w-]*(\.\w[\w-]*)*", re.ASCII)


def read_cluster(root: Table) -> Cluster | None:
    """The whole file, or None when something in it is wrong."""
    head = root.table_or_empty("cluster")
    name = _read_name(head)
    cluster_id = _read_uuid(head)
    port = head.integer("port", 1, 65535, DEFAULT_PORT)
    mode = head.choice("mode", Mode, Mode.ACTIVE_PASSIVE)
    key_file = _read_path(head, "key_file", DEFAULT_KEY_FILE)
    protection = head.choice("protection", Protection)
    head.finish()

    addresses = Addresses()
    fenced = _read_nodes(root)
    nodes = None if fenced is None else (fenced[0][0], fenced[1][0])
    links = read_links(root, nodes, addresses)
    ping = read_ping(root.table_or_empty("ping"), addresses)
    times = root.table_or_empty("timing")
    timing = read_timing(times)
    authority, fence_delay_ns = read_authority(root, timing)
    control_group = _read_agent(root)
    groups = read_groups(root, nodes, addresses)
    root.finish()

    confirmed = fenced is not None and any(confirms(levels) for _, levels, _ in fenced)
    if protection is Protection.FENCED_AND_LEASED and not (confirmed and authority):
        head.at("protection").error(
            "this needs fences that confirm and a lease store",
            "add [nodes.NAME.fence] for both nodes and authority.lease, or remove this",
        )
    reflects = ping is None or ping.reflect is not None
    if not (reflects or authority or confirmed or "protection" in head):
        head.at("protection").warning(
            "nothing proves the death of a node, so a silent one is never taken over from",
            "name the ping node that reflects (ping.reflect), a lease store (authority.lease) or a "
            'fence (nodes.NAME.fence), or write protection = "best-effort"',
        )
    if mode is not None and groups is not None:
        _check_mode(head, mode, {group.preferred for group in groups})
    if groups is not None:
        check_ports(root.place, groups)
        unknown = fenced is None  # what is wrong with the nodes is said already
        leased = authority is not None
        check_storage(root.place, groups, confirmed=confirmed or unknown, leased=leased)
    if root.place.report.errors:
        return None
    cluster = Cluster(
        name=given(name),
        id=given(cluster_id),
        port=given(port),
        mode=given(mode),
        key_file=given(key_file),
        protection=protection,
        nodes=given(nodes),
        links=given(links),
        ping=given(ping),
        timing=given(timing),
        authority=authority,
        fence_delay_ns=given(fence_delay_ns),
        fences=(given(fenced)[0][1], given(fenced)[1][1]),
        watchdogs=(given(fenced)[0][2], given(fenced)[1][2]),
        control_group=control_group,
        groups=given(groups),
    )
    check_hold(times, to_settings(cluster, cluster.nodes[0]))
    check_clouds(root.place, cluster)
    return cluster


def _read_name(table: Table) -> str | None:
    name = table.text("name")
    if name is None or _CLUSTER_NAME.fullmatch(name):
        return name
    table.at("name").error(f'"{name}" is no name', "use letters, digits, dots and dashes")
    return None


def _read_uuid(table: Table) -> UUID | None:
    text = table.text("id")
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        table.at("id").error(f'"{text}" is no UUID', "copy the id from the other node's file")
        return None


def _read_path(table: Table, key: str, default: str) -> Path | None:
    text = table.text(key, default)
    if text is None or text.startswith("/"):
        return None if text is None else Path(text)
    table.at(key).error(f'"{text}" is not an absolute path', 'begin it with "/"')
    return None


def _check_mode(head: Table, mode: Mode, preferred: set[int]) -> None:
    """The mode says what the operator expects of the groups' preferred nodes."""
    if mode is Mode.ACTIVE_PASSIVE and len(preferred) > 1:
        head.at("mode").error(
            "active-passive, but the groups prefer different nodes",
            'let all prefer one node, or write mode = "active-active"',
        )
    if mode is Mode.ACTIVE_ACTIVE and len(preferred) < NODES:
        head.at("mode").error(
            "active-active, but all groups prefer one node",
            "let a group prefer the other node (that takes two groups)",
        )


def _read_nodes(root: Table) -> tuple[_Node, _Node] | None:
    """The two nodes, in the order of the file. A malformed name still names its node."""
    table = root.table_or_empty("nodes")
    names = table.rest()
    nodes = [(name, *_read_node(table, name)) for name in names]
    if len(names) != NODES:
        listed = ", ".join(names) or "none"
        table.place.error(
            f"a cluster has two nodes, and this file names {len(names)} ({listed})",
            "write one [nodes.NAME] table for each of the two, with its `uname -n` as NAME",
        )
        return None
    first, second = nodes
    if first[0].casefold() == second[0].casefold():
        table.at(second[0]).error("both nodes have this name", "use the `uname -n` of each node")
    return first, second


def _read_node(nodes: Table, name: str) -> tuple[tuple[Fence, ...], Watchdog | None]:
    """One node: how the other switches it off, and what it arms for that."""
    if _NODE_NAME.fullmatch(name) is None:
        nodes.at(name).error(f'"{name}" is no host name', "write what `uname -n` says there")
    node = nodes.table(name)
    if node is None:
        return (), None
    fences = read_fences(node, name)
    watchdog = read_watchdog(node, name, fences)
    for key in node.rest():
        if node.holds_table(key):
            node.table(key)
            node.at(key).error(
                "a node has no such table", f'quote a name with dots: [nodes."{name}.{key}"]'
            )
    node.finish(known=["fence", "watchdog"])
    return fences, watchdog


def _read_agent(root: Table) -> str | None:
    """Who may give orders to an agent, beside root; None: nobody."""
    table = root.table_or_empty("agent")
    name = table.text("control_group") if "control_group" in table else None
    table.finish(known=["control_group"])
    if name is None or _GROUP_NAME.fullmatch(name):
        return name
    table.at("control_group").error(
        f'"{name}" is no name of a group', "write one that `getent group` lists"
    )
    return None
