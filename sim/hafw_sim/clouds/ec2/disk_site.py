"""EC2 for races about a volume.

One rule: nothing of the provider or the SDK is replaced but its transport, clock and chance.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw.hooks.resources import ResourceRequest
from hafw.providers.aws.api import Ec2 as Api
from hafw.providers.aws.api import Where
from hafw.providers.aws.disk import TYPE, Volume
from hafw_sim.clouds.disk_races import NODES, OTHER
from hafw_sim.clouds.ec2.values import pair
from hafw_sim.clouds.ec2.virtual import Wire, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from hafw_sim.clouds.ec2.faults import Faults, Kind
    from hafw_sim.clouds.ec2.model import Ec2
    from hafw_sim.clouds.ec2.values import Things
    from hafw_sim.clouds.hub import Hub

_VOLUME: Final = "vol-00000001"
_INSTANCES: Final = {"alpha": "i-00000001", "beta": "i-00000002", OTHER: "i-00000003"}
_NAMES: Final = {instance: name for name, instance in _INSTANCES.items()}


class Ec2Site:
    """Two instances, a third one, and a volume of their zone."""

    calls = ("*", "Describe*", "*tachVolume", "DetachVolume", "AttachVolume")

    def __init__(
        self,
        wire: Wire,
        kinds: tuple[tuple[Kind, float], ...],
        build: Callable[[Things], Ec2],
        seed: int,
    ) -> None:
        """`build` makes the model; `seed`: of the SDK's pauses."""
        self.kinds = kinds
        self._wire, self._seed = wire, seed
        self._ec2 = build(pair())

    @property
    def faults(self) -> Faults:
        """Those of the model."""
        return self._ec2.faults

    def running(self, hub: Hub) -> AbstractContextManager[None]:
        """As races of VIPs have it."""
        return running(self._wire, hub, self._ec2, self._seed)

    def disk(self, node: int, until_ns: int) -> Volume:
        """By the provider's own way."""
        request = ResourceRequest(
            type=TYPE,
            cluster_id="c1",
            group=3,
            epoch=1,
            deadline_ns=until_ns,
            node=node,
            nodes=NODES,
            options={
                "volume": _VOLUME,
                "instance": tuple(_INSTANCES[name] for name in NODES),
                "device": "/dev/sdf",
            },
        )
        return Volume(request, Api(Where(None, None), until_ns))

    def give(self, who: str) -> None:
        """Attached long ago."""
        one = self._ec2.state.things.volumes[_VOLUME]
        there = {"instance": _INSTANCES[who], "device": "/dev/sdf", "attachment": "attached"}
        self._ec2.state.put(0.0, replace(one, **there))  # type: ignore[arg-type]

    def owners(self) -> list[list[str]]:
        """By what the model kept of its past."""
        return [_users(things) for things in self._ec2.state.history]

    def advance(self, now_s: float) -> None:
        """Of the model."""
        self._ec2.state.advance(now_s)


def _users(things: Things) -> list[str]:
    instance = things.volumes[_VOLUME].instance
    return [_NAMES[instance]] if instance else []
