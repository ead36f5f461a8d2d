"""What a running agent takes from a changed cluster file, and what it refuses.

One rule: a file is taken whole or not at all, and its keys with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.config import Cluster, Protection, load, load_keys
from hafw.core.wire import Key

if TYPE_CHECKING:
    from pathlib import Path


_RESOURCES: Final = "resources of group"


def read(config: Path) -> tuple[Cluster, tuple[Key, ...]]:
    """The cluster file, and the keys that it names. Raises `ConfigError`."""
    cluster = load(config)
    return cluster, tuple(Key(key.id, key.secret) for key in load_keys(cluster.key_file))


def refusal(now: Cluster, new: Cluster) -> str:
    """Why the new file cannot come into force while the agent runs; '' if it can."""
    changed = [what for what, value in _fixed(now).items() if _fixed(new).get(what) != value]
    changed += [what for what in _fixed(new) if what not in _fixed(now)]
    if not changed:
        return ""
    remedy = "hafw stop on both nodes, then hafw start"  # else they would not understand each other
    if all(what.startswith(_RESOURCES) for what in changed):
        remedy = "hafw stop and hafw start, on one node after the other"
    return f"a running agent cannot change: {', '.join(changed)}; use {remedy}"


def _fixed(cluster: Cluster) -> dict[str, object]:
    """What the sockets, the gate and the worker were made from."""
    groups = {f"{_RESOURCES} {group.id}": group.resources for group in cluster.groups}
    return {
        "cluster id": cluster.id,
        "port": cluster.port,
        "nodes": cluster.nodes,
        "links": cluster.links,
        "ping nodes": cluster.ping,
        "lease store": cluster.authority,
        "watchdogs": cluster.watchdogs,
        "fences": (cluster.fences, cluster.protection is Protection.FENCED_AND_LEASED),
        **groups,
    }
