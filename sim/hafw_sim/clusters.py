"""A user's own cluster file, as the pair of a run.

One rule: what a pair says of a file gives an engine the same bounds as the file does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.config.engine import to_settings
from hafw.core.duties import protection
from hafw_sim.schedule import Member, Pair

if TYPE_CHECKING:
    from hafw.config.model import Cluster


def as_pair(cluster: Cluster) -> Pair:
    """The pair of a cluster file: alpha stands for its first node, beta for its second."""
    settings = to_settings(cluster, cluster.nodes[0])
    return Pair(
        members=tuple(
            Member(
                id=group.id,
                preferred=group.preferred,
                protection=protection(group.classes, both=group.both),
                vips=group.vips,
                auto_failback=group.auto_failback,
            )
            for group in settings.groups
        ),
        links=settings.links,
        pings=settings.pings,
        keepalive_ns=settings.timing.keepalive_ns,
        warntime_ns=settings.timing.warntime_ns,
        deadtime_ns=settings.timing.deadtime_ns,
        initdead_ns=settings.timing.initdead_ns,
        lease_ttl_ns=settings.lease_ttl_ns,
        fence_delay_ns=settings.fence_delay_ns,
        fence_budget_ns=settings.fence_budget_ns,
        ping_switchover=settings.ping_switchover,
        tick_ns=settings.tick_ns,
    )
