"""What plugins are asked from the command line: the resources of the cluster file, from one node.

One rule: a request says all that its plugin may need, as the agent's do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hafw.config.model import CloudDisk, Vip
from hafw.hooks.hookspecs import VipRequest
from hafw.hooks.resources import ResourceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw.config.model import Cluster, Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """The node with this `number`, which asks until `deadline_ns` (BOOTTIME)."""

    cluster: Cluster
    number: int
    certificate: str = ""
    deadline_ns: int = 0

    def every(self) -> Iterator[tuple[str, str, VipRequest | ResourceRequest]]:
        """Every resource in the order of its start: provider, name, request."""
        for group in self.cluster.groups:
            for each in group.resources:
                match each:
                    case Vip():
                        yield each.provider, each.name, self._vip(group, each)
                    case CloudDisk():
                        yield each.provider, each.name, self._disk(group, each)

    def vips(self) -> list[tuple[str, VipRequest]]:
        """Every VIP with the name of its provider."""
        found = ((provider, request) for provider, _, request in self.every())
        return [(name, request) for name, request in found if isinstance(request, VipRequest)]

    def others(self) -> list[tuple[str, str, ResourceRequest]]:
        """Every other resource: provider, name, request."""
        return [
            (provider, name, request)
            for provider, name, request in self.every()
            if isinstance(request, ResourceRequest)
        ]

    def _vip(self, group: Group, vip: Vip) -> VipRequest:
        return VipRequest(
            cluster_id=self.cluster.id.hex,
            group=group.id,
            epoch=0,
            address=str(vip.address.ip),
            interface=vip.interfaces[self.number],
            deadline_ns=self.deadline_ns,
            certificate=self.certificate,
            node=self.number,
            nodes=self.cluster.nodes,
            options=dict(vip.options),
        )

    def _disk(self, group: Group, disk: CloudDisk) -> ResourceRequest:
        return ResourceRequest(
            type=disk.type,
            cluster_id=self.cluster.id.hex,
            group=group.id,
            epoch=0,
            deadline_ns=self.deadline_ns,
            certificate=self.certificate,
            node=self.number,
            nodes=self.cluster.nodes,
            options=dict(disk.options),
        )
