"""What the engine gets of the cluster file, seen from one node.

One rule: a certificate class that rests on circumstances is only for groups whose every resource
tolerates a moment on two nodes; a group with storage rests on a fence.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from hafw.config.disk_options import disk_move_ns
from hafw.config.fences import confirms
from hafw.config.identity import config_hash
from hafw.config.model import CloudDisk, Protection, Vip
from hafw.config.resources import storage_of
from hafw.config.vip_options import USUAL_MOVE_NS, vip_move_ns
from hafw.core.duties import protection
from hafw.core.settings import SECOND, Classes, GroupSettings, Settings

if TYPE_CHECKING:
    from hafw.config.model import Cluster, Group, Resource

LEVEL_SLACK_NS: Final = 3 * SECOND
"""What a level may take beyond its timeout, until it is given up."""
_CLOCK_MONOTONIC_COARSE: Final = 6  # linux/time.h; it moves with the tick


def to_settings(cluster: Cluster, node_name: str, *, gate_absolute: bool = False) -> Settings:
    """The engine's view of the file on the node called `node_name`. Raises `UnknownNode`.

    `gate_absolute` says that this kernel's gate takes an absolute deadline.
    """
    groups = tuple(_group_settings(cluster, group) for group in cluster.groups)
    return Settings(
        cluster_id=cluster.id.bytes,
        node=cluster.node_number(node_name),
        names=cluster.nodes,
        links=len(cluster.links),
        pings=len(cluster.ping.addresses),
        reflect=any(group.reflected for group in groups),
        groups=groups,
        config_hash=config_hash(cluster),
        timing=cluster.timing,
        fence_delay_ns=cluster.fence_delay_ns,
        fence_budget_ns=fence_budget_ns(cluster),
        lease_ttl_ns=cluster.authority.lease_ttl_ns if cluster.authority is not None else 0,
        gate_absolute=gate_absolute,
        tick_ns=kernel_tick_ns(),
        ping_switchover=cluster.ping.switchover,
    )


def fence_budget_ns(cluster: Cluster) -> int:
    """How long it may take to switch a node off: all its levels, one after the other."""
    return max(
        sum(level.timeout_ns + LEVEL_SLACK_NS for level in levels) for levels in cluster.fences
    )


def kernel_tick_ns() -> int:
    """The tick of this machine's kernel, at which the timeouts of its gate end."""
    return int(time.clock_getres(_CLOCK_MONOTONIC_COARSE) * SECOND)


def classes_of(cluster: Cluster, group: Group) -> Classes:
    """The certificate classes that the file allows for the group."""
    if cluster.protection is Protection.FENCED_AND_LEASED:
        return Classes.FENCED | Classes.LEASED
    lease = Classes.NONE if cluster.authority is None else Classes.LEASED
    fence = Classes.NONE
    if _is_fenced(cluster):
        fence = Classes.FENCED
    if storage_of(group.resources):
        return fence or (lease if group.force else Classes.NONE)
    classes = lease | fence
    if cluster.ping.reflect is not None:
        classes |= Classes.REFLECTED
    if cluster.protection is Protection.BEST_EFFORT and any(_vips(group)):
        classes |= Classes.BEST_EFFORT
    return classes


def forced_of(cluster: Cluster, group: Group) -> str:
    """The rule that this group is without, by the name under which the file forces it; or ''."""
    if group.force is None or _is_fenced(cluster):
        return ""
    return str(group.force) if storage_of(group.resources) else ""


def _is_fenced(cluster: Cluster) -> bool:
    """Whether a node can be confirmed off."""
    return any(confirms(levels) for levels in cluster.fences)


def protection_of(cluster: Cluster, group: Group) -> str:
    """The name of a group's protection, with what is forced."""
    both = cluster.protection is Protection.FENCED_AND_LEASED
    return with_force(protection(classes_of(cluster, group), both=both), forced_of(cluster, group))


def with_force(name: str, force: str) -> str:
    """The name of a protection with what is forced, if anything is."""
    return f"{name} ({force})" if force else name


def move_ns(resource: Resource) -> int:
    """How long it may take to bring a resource, or to give it up."""
    return disk_move_ns(resource) if isinstance(resource, CloudDisk) else vip_move_ns(resource)


def _group_settings(cluster: Cluster, group: Group) -> GroupSettings:
    moves_ns = [move_ns(resource) for resource in group.resources]
    budget_ns = max(moves_ns, default=USUAL_MOVE_NS)
    return GroupSettings(
        id=group.id,
        preferred=group.preferred,
        vips=_vips(group),
        classes=classes_of(cluster, group),
        auto_failback=group.auto_failback,
        both=cluster.protection is Protection.FENCED_AND_LEASED,
        start_budget_ns=budget_ns,
        stop_budget_ns=budget_ns,
    )


def _vips(group: Group) -> tuple[bool, ...]:
    return tuple(isinstance(resource, Vip) for resource in group.resources)
