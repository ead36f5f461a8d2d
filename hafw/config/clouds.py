"""What the file means in a cloud: where ARP says nothing, moves take long, and VIPs share a node.

One rule: these are warnings, but for what cannot be meant. How long a move really takes, only the
operator's cloud can tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.config.durations import format_duration
from hafw.config.engine import classes_of, move_ns
from hafw.config.vip_options import MOVER, USUAL_MOVE_NS, VIP_KEYS, checked_port
from hafw.core.settings import Classes

if TYPE_CHECKING:
    from hafw.config.model import Cluster, Group, Resource
    from hafw.config.problems import Place

WITHOUT_ARP: Final = frozenset(VIP_KEYS)
"""Providers whose networks answer every ARP request themselves (docs/aws.md, gcp.md, azure.md)."""


def check_clouds(root: Place, cluster: Cluster) -> None:
    """Warn of what lets no takeover happen, or finish, in a cloud."""
    _check_best_effort(root, cluster)
    _check_lease(root, cluster)


def check_ports(root: Place, groups: tuple[Group, ...]) -> None:
    """Refuse a port of two VIPs: it is open while the gate of one is, and so answers for one."""
    seen: dict[int, str] = {}
    for vip in (vip for group in groups for vip in group.vips):
        port, address = checked_port(vip), str(vip.address.ip)
        if port is None:
            continue
        if port in seen:
            root.at("groups").error(
                f"the health checks of {seen[port]} and {address} have the same port {port}, "
                "and a node can answer for one of them only",
                f"give {address} a port of its own, in the load balancer's probe as well",
            )
        seen[port] = address


def _check_best_effort(root: Place, cluster: Cluster) -> None:
    """It asks who answers for a VIP, which cannot be asked there."""
    for group in cluster.groups:
        clouds = sorted({vip.provider for vip in group.vips} & WITHOUT_ARP)
        if clouds and classes_of(cluster, group) == Classes.BEST_EFFORT:
            root.at("cluster").at("protection").warning(
                f"best-effort is all that group {group.id} has, and gives no takeover on "
                f"{' and '.join(clouds)}, where nothing tells whether anybody answers for a VIP",
                "add a lease store (authority.lease) or a fence (nodes.NAME.fence)",
            )


def _check_lease(root: Place, cluster: Cluster) -> None:
    """No start outlives its lease."""
    slow = [
        resource
        for group in cluster.groups
        if Classes.LEASED in classes_of(cluster, group)
        for resource in group.resources
        if move_ns(resource) > USUAL_MOVE_NS
    ]
    longest = max(slow, key=move_ns, default=None)
    if longest is None or cluster.authority is None:
        return
    ttl_ns, needed_ns = cluster.authority.lease_ttl_ns, move_ns(longest)
    if ttl_ns < needed_ns:
        root.at("authority").at("lease_ttl").warning(
            f"{format_duration(ttl_ns)} is shorter than {format_duration(needed_ns)}, which a move "
            f"{_by(longest)} of {longest.provider} may take, and no start "
            "outlives its lease: a takeover that takes longer never finishes",
            f"use {format_duration(needed_ns)}, or what a move of yours takes (hafw precheck "
            "--live-probe measures it)",
        )


def _by(resource: Resource) -> str:
    mover = dict(resource.options).get(MOVER)
    return f"by {mover}" if mover else f"of {resource.name}, a disk"
