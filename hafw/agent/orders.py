"""What the worker is told: the orders about resources and to switch the other node off, in full.

One rule: an order says all that its plugin may need; the worker knows nothing of the cluster file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.agent.leases import Leases
from hafw.config.model import CloudDisk
from hafw.core.model import Op, OpId, OpKind
from hafw.worker.protocol import (
    FenceLevel,
    FenceOrder,
    Hello,
    Order,
    Resource,
    ResourceOrder,
    Vip,
)

if TYPE_CHECKING:
    from hafw.agent.vips import Vips
    from hafw.config import Cluster
    from hafw.core.wire import Key

HOOKS: Final = {
    OpKind.START: "hafw_vip_attach",
    OpKind.STOP: "hafw_vip_detach",
    OpKind.CLEAN: "hafw_vip_detach",
    OpKind.ANNOUNCE: "hafw_vip_announce",
    OpKind.PROBE: "hafw_vip_probe",
}
RESOURCE_HOOKS: Final = {
    OpKind.START: "hafw_resource_start",
    OpKind.STOP: "hafw_resource_stop",
    OpKind.CLEAN: "hafw_resource_stop",
}


class Orders:
    """The orders of one node."""

    def __init__(self, cluster: Cluster, node: int, vips: Vips, keys: tuple[Key, ...]) -> None:
        """`keys` authenticate to a witness."""
        self._cluster = cluster
        self._node = node
        self._vips = vips
        self._disks = {
            (group.id, index): resource
            for group in cluster.groups
            for index, resource in enumerate(group.resources)
            if isinstance(resource, CloudDisk)
        }
        self.leases = Leases(cluster, node, keys)

    def hello(self) -> Hello:
        """What a worker that begins is to load and to prepare."""
        nothing = OpId(self._node, 0, 0, 0)
        vips = tuple(
            self._vip("hafw_warm", place, nothing, 0, "", ends=False)
            for place in self._vips.by_place
        )
        disks = tuple(
            self._resource("hafw_resource_warm", place, nothing, 0, "") for place in self._disks
        )
        fence = self.fence(Op(nothing, OpKind.FENCE, 0, 0, 0))
        providers = {order.provider for order in vips} | {order.provider for order in disks}
        methods = {level.method for level in fence.levels}
        plugins = tuple(sorted(providers | self.leases.plugins() | methods))
        return Hello(plugins, vips, disks, self.leases.warm(), fence if methods else None)

    def of(self, op: Op, certificate: str, *, ends: bool) -> Order | ResourceOrder:
        """The order for an operation on a resource. `ends`: a VIP goes unless it is renewed."""
        place = (op.group, op.index)
        if place in self._disks:
            return self._resource(
                RESOURCE_HOOKS[op.kind], place, op.id, op.deadline_ns, certificate
            )
        return self._vip(HOOKS[op.kind], place, op.id, op.deadline_ns, certificate, ends=ends)

    def _vip(  # noqa: PLR0913 - the parts of an order
        self,
        hook: str,
        place: tuple[int, int],
        op: OpId,
        deadline_ns: int,
        certificate: str,
        *,
        ends: bool,
    ) -> Order:
        vip = self._vips.by_place[place]
        wanted = Vip(
            cluster_id=self._cluster.id.hex,
            group=place[0],
            epoch=op.epoch,
            address=str(vip.address.ip),
            interface=self._vips.interface(vip),
            deadline_ns=deadline_ns,
            lifetime_s=self._vips.lifetime_s() if ends else None,
            op=_name(op),
            certificate=certificate,
            node=self._node,
            nodes=self._cluster.nodes,
            options=dict(vip.options),
        )
        return Order(op.n, vip.provider, hook, wanted)

    def _resource(
        self, hook: str, place: tuple[int, int], op: OpId, deadline_ns: int, certificate: str
    ) -> ResourceOrder:
        disk = self._disks[place]
        wanted = Resource(
            type=disk.type,
            cluster_id=self._cluster.id.hex,
            group=place[0],
            epoch=op.epoch,
            deadline_ns=deadline_ns,
            op=_name(op),
            certificate=certificate,
            node=self._node,
            nodes=self._cluster.nodes,
            options=dict(disk.options),
        )
        return ResourceOrder(op.n, disk.provider, hook, place[1], wanted)

    def fence(self, op: Op) -> FenceOrder:
        """The order to switch the other node off."""
        peer = 1 - self._node
        return FenceOrder(
            number=op.id.n,
            cluster_id=self._cluster.id.hex,
            sender=self._cluster.nodes[self._node],
            target=self._cluster.nodes[peer],
            op=_name(op.id),
            deadline_ns=op.deadline_ns,
            levels=tuple(
                FenceLevel(level.method, level.options, level.timeout_ns)
                for level in self._cluster.fences[peer]
            ),
        )


def _name(op: OpId) -> str:
    return "/".join(str(part) for part in op)
