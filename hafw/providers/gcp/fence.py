"""The fence `gcp`: stops the peer's instance, and reads its state until that is final.

One rule: it is stopped, never reset: a machine that was reset is up again before the reset is
called done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hafw.fence_options import Options
from hafw.hooks.errors import Misconfigured
from hafw.hooks.hookspecs import Power
from hafw.net.clock import boot_ns
from hafw.providers.gcp import metadata
from hafw.providers.gcp.values import Machine

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import FenceRequest
    from hafw.providers.gcp.api import Compute

METHOD: Final = "gcp"
FINAL: Final = ("TERMINATED", "STOPPED")
"""Not SUSPENDED: what is resumed goes on where it was. Not STOPPING: that can last for ever."""
ORDER_S: Final = 3.0
"""How long an order that is not answered is given again; then its effect is looked for."""
NEEDED: Final = ("project", "zone", "instance", "instance_id")
OPTIONS: Final = (*NEEDED, "discard_local_ssd", "endpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The instance that is to be off; `id` is never given to another machine, its name may be."""

    machine: Machine
    id: int
    discard_local_ssd: bool

    @property
    def identity(self) -> str:
        """As the evidence names it."""
        return f"{self.machine.link} (id {self.id})"


def target_of(request: FenceRequest) -> Target:
    """The target that the cluster file fixes. Raises Misconfigured."""
    Options(request, OPTIONS)
    options, where = request.options, f"the fence gcp of {request.target}"
    for key in NEEDED:
        if not options.get(key):
            raise Misconfigured(f'{where} needs "{key}"')
    if not str(options["instance_id"]).isdecimal():
        raise Misconfigured(
            f'{where}: instance_id "{options["instance_id"]}" is no number; read it with: '
            "gcloud compute instances describe NAME --format='value(id)'"
        )
    machine = Machine(
        project=str(options["project"]), zone=str(options["zone"]), name=str(options["instance"])
    )
    return Target(
        machine=machine,
        id=int(options["instance_id"]),
        discard_local_ssd=options.get("discard_local_ssd") is True,
    )


def check_other(target: Target) -> None:
    """See that the target is not this instance. Raises Misconfigured or Retryable."""
    if metadata.identity().id == target.id:
        raise Misconfigured(f"{target.identity} is this instance: a node never fences itself")


class Instance:
    """The target, for one request: what `hafw.fence_rounds` orders and reads."""

    method = METHOD

    def __init__(self, compute: Compute, target: Target, until_ns: int) -> None:
        """`until_ns`: the deadline of the request."""
        self._compute = compute
        self._target = target
        self._until_ns = until_ns

    def identity(self) -> str:
        """The instance, with the id that no other ever has."""
        return self._target.identity

    def read(self) -> tuple[Power, str]:
        """Its state. Raises Misconfigured for another machine of that name."""
        target = self._target
        server = self._compute.server(target.machine, self._until_ns)
        if server.id != target.id:
            raise Misconfigured(
                f"{target.machine.link} has id {server.id}, not {target.id}: it is another machine "
                "of that name; correct instance_id in the cluster file"
            )
        if server.status in FINAL:
            return Power.OFF, server.status
        return Power.ON if server.status == "RUNNING" else Power.UNKNOWN, server.status

    def order_off(self) -> None:
        """Stop it."""
        until_ns = min(self._until_ns, boot_ns() + int(ORDER_S * 1e9))
        self._compute.stop(
            self._target.machine, until_ns, discard_local_ssd=self._target.discard_local_ssd
        )
