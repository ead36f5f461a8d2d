"""Google Cloud for races about a disk.

One rule: nothing of the provider or the SDK is replaced but its transport and its clock.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw.api_budget import Use
from hafw.providers.gcp.disk import PersistentDisk
from hafw.providers.gcp.disk_api import Disks
from hafw.providers.gcp.values import Disk as Named
from hafw.providers.gcp.values import Holding, Machine
from hafw_sim.clouds.disk_races import NODES, OTHER
from hafw_sim.clouds.gce.values import Disk, Instance, Nic, pair
from hafw_sim.clouds.gce.virtual import Wire, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from hafw.providers.gcp.api import Compute
    from hafw_sim.clouds.gce.faults import Faults, Kind
    from hafw_sim.clouds.gce.model import Gce
    from hafw_sim.clouds.gce.state import Things
    from hafw_sim.clouds.hub import Hub

_DISK: Final = Disk(name="data")
_THIRD: Final = Instance(name="vm-c", nics=(Nic("10.0.0.4"),))
_INSTANCES: Final = (*pair(), _THIRD)
_NAMES: Final = dict(zip((one.path for one in _INSTANCES), (*NODES, OTHER), strict=True))


class GceSite:
    """Two instances of a region, a third one, and a regional disk."""

    calls = ("*", "*.get", "*.wait", "instances.*tachDisk", "instances.attachDisk")

    def __init__(
        self,
        wire: Wire,
        compute: Compute,
        kinds: tuple[tuple[Kind, float], ...],
        build: Callable[..., Gce],
        **lasts_s: float,
    ) -> None:
        """`build` makes the model; `lasts_s`: of its operations."""
        self.kinds = kinds
        self._wire, self._compute = wire, compute
        self._gce = build("p", _INSTANCES, disks=[_DISK], **lasts_s)

    @property
    def faults(self) -> Faults:
        """Those of the model."""
        return self._gce.faults

    def running(self, hub: Hub) -> AbstractContextManager[None]:
        """As races of VIPs have it."""
        return running(self._wire, hub, self._gce)

    def disk(self, node: int, until_ns: int) -> PersistentDisk:
        """By the provider's own way, but for who this instance is."""
        me, peer = (
            Machine(project="p", zone=one.zone, name=one.name)
            for one in (_INSTANCES[node], _INSTANCES[1 - node])
        )
        named = Named(project="p", name=_DISK.name, region="europe-west1")
        order = Holding(disk=named, me=me, peer=peer, deadline_ns=until_ns)
        return PersistentDisk(Disks(self._compute.spent_on(Use.ROUTINE)), order)

    def give(self, who: str) -> None:
        """Attached long ago."""
        path = next(path for path, name in _NAMES.items() if name == who)
        self._gce.state.put_disk(replace(_DISK, users={path: "data"}), 0.0)

    def owners(self) -> list[list[str]]:
        """By what the model kept of its past."""
        state = self._gce.state
        return [*(_users(things) for _, things in state.past), _users(state.things)]

    def advance(self, now_s: float) -> None:
        """Of the model."""
        self._gce.advance(now_s)


def _users(things: Things) -> list[str]:
    return [_NAMES[path] for path in things.disks[_DISK.path].users]
