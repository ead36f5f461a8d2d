"""What plugins are asked from the command line: the VIPs of the cluster file, seen from one node.

One rule: a request says all that its plugin may need, as the agent's do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.hooks.hookspecs import VipRequest

if TYPE_CHECKING:
    from hafw.config.model import Cluster, Vip


def vip_requests(
    cluster: Cluster, number: int, certificate: str = "", deadline_ns: int = 0
) -> list[tuple[str, VipRequest]]:
    """Every VIP with the name of its provider; `number`: the node's. `deadline_ns`: BOOTTIME."""
    return [
        (vip.provider, _request(cluster, group.id, vip, number, certificate, deadline_ns))
        for group in cluster.groups
        for vip in group.vips
    ]


def _request(  # noqa: PLR0913, PLR0917 - the parts of a request
    cluster: Cluster, group: int, vip: Vip, number: int, certificate: str, deadline_ns: int
) -> VipRequest:
    return VipRequest(
        cluster_id=cluster.id.hex,
        group=group,
        epoch=0,
        address=str(vip.address.ip),
        interface=vip.interfaces[number],
        deadline_ns=deadline_ns,
        certificate=certificate,
        node=number,
        nodes=cluster.nodes,
        options=dict(vip.options),
    )
