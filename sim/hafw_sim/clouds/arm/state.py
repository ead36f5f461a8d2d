"""The state of the model: what exists, what it was before, and the operations under way.

One rule: what a PUT wants shows at once in reads; packets follow it when its operation ends.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hafw_sim.clouds.arm.faults import Kind
from hafw_sim.clouds.arm.values import LOCATION, SUBSCRIPTION, Disk, Resource, Vm

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hafw_sim.clouds.exchange import Request

Effect = Callable[[float], None]
PAST: Final = 256
"""How many earlier states are kept for stale reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One call that got through to the service."""

    call: str
    names: Mapping[str, str]
    request: Request
    met: Mapping[Kind, float]
    now_s: float


@dataclass(frozen=True, slots=True)
class Things:
    """What exists at one instant; names in small letters."""

    resources: Mapping[tuple[str, str], Resource]
    vms: Mapping[str, Vm]
    disks: Mapping[str, Disk]


@dataclass(slots=True, kw_only=True)
class Operation:
    """A change under way; `status` as its own address shows it."""

    id: int
    thing: str
    ends_s: float
    effect: Effect
    status: str = "InProgress"
    fails: bool = False

    @property
    def running(self) -> bool:
        """It has not ended."""
        return self.status == "InProgress"


class State:
    """Everything in one resource group."""

    def __init__(
        self,
        resources: Iterable[Resource],
        vms: Iterable[Vm],
        disks: Iterable[Disk],
        *,
        running_s: float,
    ) -> None:
        """An operation runs for `running_s`."""
        self.running_s = running_s
        self.operations: dict[str, Operation] = {}
        self.things = Things(
            {(one.kind.lower(), one.name.lower()): one for one in resources},
            {one.name.lower(): one for one in vms},
            {one.name.lower(): one for one in disks},
        )
        self.past: deque[tuple[float, Things]] = deque(maxlen=PAST)

    def put(self, resource: Resource, now_s: float) -> None:
        """Replace a resource, or add it."""
        key = (resource.kind.lower(), resource.name.lower())
        resources = {**self.things.resources, key: resource}
        self._become(replace(self.things, resources=resources), now_s)

    def put_vm(self, vm: Vm, now_s: float) -> None:
        """Replace a virtual machine."""
        vms = {**self.things.vms, vm.name.lower(): vm}
        self._become(replace(self.things, vms=vms), now_s)

    def put_disk(self, disk: Disk, now_s: float) -> None:
        """Replace a disk, or add it."""
        disks = {**self.things.disks, disk.name.lower(): disk}
        self._become(replace(self.things, disks=disks), now_s)

    def change(self, resource: Resource, now_s: float) -> None:
        """Replace a resource by what somebody else made of it, at once and with a new ETag."""
        changed = replace(resource, applied=resource.body, serial=resource.serial + 1)
        self.put(changed, now_s)

    def seen(self, ask: Ask) -> Things:
        """What a read shows: what is, or what was."""
        if Kind.STALE_READ not in ask.met:
            return self.things
        since_s = ask.now_s - ask.met[Kind.STALE_READ]
        return next((old for until_s, old in self.past if until_s > since_s), self.things)

    def advance(self, now_s: float) -> None:
        """End what has to end by now."""
        due = [one for one in self.operations.values() if one.running and one.ends_s <= now_s]
        for operation in sorted(due, key=lambda one: (one.ends_s, one.id)):
            operation.status = "Failed" if operation.fails else "Succeeded"
            operation.effect(operation.ends_s)

    def busy(self, thing: str) -> bool:
        """Is an operation under way on `thing`?"""
        return any(one.thing == thing for one in self.operations.values() if one.running)

    def begin(
        self, ask: Ask, thing: str, effect: Effect, *, lasts_s: float | None = None
    ) -> dict[str, str]:
        """Begin an operation that ends in `effect`; the headers by which a client follows it."""
        ends_s = ask.now_s + (self.running_s if lasts_s is None else lasts_s)
        operation = Operation(
            id=len(self.operations) + 1,
            thing=thing,
            ends_s=math.inf if Kind.STUCK_OPERATION in ask.met else ends_s,
            effect=effect,
            fails=Kind.FAILED_OPERATION in ask.met,
        )
        self.operations[str(operation.id)] = operation
        provider = "Microsoft.Compute" if "Microsoft.Compute" in thing else "Microsoft.Network"
        host = ask.request.headers.get("host", "management.azure.com")
        path = f"/subscriptions/{SUBSCRIPTION}/providers/{provider}/locations/{LOCATION}"
        scheme = "http" if ":" in host else "https"  # only a model that is served has a port
        url = f"{scheme}://{host}{path}/operations/{operation.id}?api-version=2024-05-01"
        return {"Azure-AsyncOperation": url, "Retry-After": "1"}

    def _become(self, things: Things, now_s: float) -> None:
        self.past.append((now_s, self.things))
        self.things = things
