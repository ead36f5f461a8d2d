"""The fence `azure`: cuts the power of the peer's virtual machine, and reads its state until off.

One rule: a machine is off when two reads in a row, after the order, say so. It is never restarted
or redeployed: neither can be confirmed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from hafw.hooks.errors import Misconfigured, ProviderError, UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, Power, Sighting
from hafw.net.clock import boot_ns
from hafw.providers.azure import metadata
from hafw.providers.azure.errors import decided

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import FenceRequest
    from hafw.providers.azure.api import Arm

METHOD: Final = "azure"
FINAL: Final = ("stopped", "deallocated")
"""Not stopping, nor deallocating: that can last for ever."""
READS: Final = 2
PAUSE_S: Final = 0.5
ORDER_S: Final = 3.0
"""How long an order that is not answered is given again; then its effect is looked for."""
NEEDED: Final = ("subscription", "resource_group", "vm", "vm_id")
OPTIONS: Final = (*NEEDED, "endpoint")
KEPT: Final = 64
"""How many of the states that were seen go into the evidence: the last ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The machine that is to be off; `id` is never given to another machine, its name may be."""

    name: str
    id: str

    @property
    def identity(self) -> str:
        """As the evidence names it."""
        return f"{self.name} (vmId {self.id})"


def target_of(request: FenceRequest) -> Target:
    """The target that the cluster file fixes. Raises Misconfigured."""
    options, where = request.options, f"the fence azure of {request.target}"
    if request.sender.casefold() == request.target.casefold():
        raise Misconfigured(f"{where}: a node never fences itself")
    for key in options:
        if key not in OPTIONS:
            raise Misconfigured(f'{where} has no option "{key}"; there are {", ".join(OPTIONS)}')
    for key in NEEDED:
        if not options.get(key):
            raise Misconfigured(f'{where} needs "{key}"')
    try:
        vm_id = str(UUID(str(options["vm_id"])))
    except ValueError:
        raise Misconfigured(
            f'{where}: vm_id "{options["vm_id"]}" is none; read it with: '
            "az vm show --resource-group GROUP --name NAME --query vmId"
        ) from None
    return Target(name=str(options["vm"]), id=vm_id)


def check_other(target: Target) -> None:
    """See that the target is not this machine. Raises Misconfigured or Retryable."""
    if metadata.identity().vm_id == target.id:
        raise Misconfigured(f"{target.identity} is this machine: a node never fences itself")


def off(arm: Arm, target: Target) -> FenceReceipt:
    """Cut its power, and see it off.

    One that is off is ordered off as well: the middle of a restart looks like that.
    """
    seen = [_look(arm, target)]
    order = arm.within(ORDER_S)
    try:
        decided(order, lambda: order.power_off(target.name))
    except UnknownOutcome as problem:
        seen.append(Sighting(f"ordered off, without an answer: {problem}", boot_ns()))
    since = len(seen)
    while not _is_off(seen[since:]):
        if arm.left_s() <= PAUSE_S:
            raise UnknownOutcome(f"{target.identity} was told to stop and is {seen[-1].state}")
        time.sleep(PAUSE_S)
        try:
            seen.append(_look(arm, target))
        except ProviderError as problem:
            seen.append(Sighting(f"unreadable: {problem}", boot_ns()))
    return _receipt(target, Power.OFF, seen)


def status(arm: Arm, target: Target) -> FenceReceipt:
    """Read its state, twice where that is final."""
    seen = [_look(arm, target)]
    if seen[0].state in FINAL and arm.left_s() > PAUSE_S:
        time.sleep(PAUSE_S)
        seen.append(_look(arm, target))
    if _is_off(seen):
        return _receipt(target, Power.OFF, seen)
    return _receipt(target, Power.ON if seen[-1].state == "running" else Power.UNKNOWN, seen)


def _look(arm: Arm, target: Target) -> Sighting:
    server = arm.server(target.name)
    if server.vm_id.lower() != target.id:
        raise Misconfigured(
            f"{target.name} has vmId {server.vm_id}, not {target.id}: it is another machine of "
            "that name; correct vm_id in the cluster file"
        )
    return Sighting(server.power, boot_ns())


def _is_off(seen: list[Sighting]) -> bool:
    return len(seen) >= READS and all(one.state in FINAL for one in seen[-READS:])


def _receipt(target: Target, power: Power, seen: list[Sighting]) -> FenceReceipt:
    return FenceReceipt(
        power=power,
        confirmed=power is Power.OFF,
        method=METHOD,
        identity=target.identity,
        seen=tuple(seen[-KEPT:]),
    )
