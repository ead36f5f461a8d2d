"""The fence `azure`: cuts the power of the peer's virtual machine, and reads its state until off.

One rule: it is never restarted or redeployed: neither can be confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from hafw.fence_options import Options
from hafw.hooks.errors import Misconfigured
from hafw.hooks.hookspecs import Power
from hafw.providers.azure import metadata
from hafw.providers.azure.errors import decided

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import FenceRequest
    from hafw.providers.azure.api import Arm

METHOD: Final = "azure"
FINAL: Final = ("stopped", "deallocated")
"""Not stopping, nor deallocating: that can last for ever."""
ORDER_S: Final = 3.0
"""How long an order that is not answered is given again; then its effect is looked for."""
NEEDED: Final = ("subscription", "resource_group", "vm", "vm_id")
OPTIONS: Final = (*NEEDED, "endpoint")


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
    Options(request, OPTIONS)
    options, where = request.options, f"the fence azure of {request.target}"
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


class Machine:
    """The target, for one request: what `hafw.fence_rounds` orders and reads."""

    method = METHOD

    def __init__(self, arm: Arm, target: Target) -> None:
        """`arm` keeps the deadline of the request."""
        self._arm = arm
        self._target = target

    def identity(self) -> str:
        """The machine, with the id that no other ever has."""
        return self._target.identity

    def read(self) -> tuple[Power, str]:
        """Its state. Raises Misconfigured for another machine of that name."""
        server, target = self._arm.server(self._target.name), self._target
        if server.vm_id.lower() != target.id:
            raise Misconfigured(
                f"{target.name} has vmId {server.vm_id}, not {target.id}: it is another machine of "
                "that name; correct vm_id in the cluster file"
            )
        if server.power in FINAL:
            return Power.OFF, server.power
        return Power.ON if server.power == "running" else Power.UNKNOWN, server.power

    def order_off(self) -> None:
        """Cut its power."""
        order = self._arm.within(ORDER_S)
        decided(order, lambda: order.power_off(self._target.name))
