"""The fence `gcp`: stops the peer's instance, and reads its state until that is final.

One rule: an instance is off when two reads in a row, after the order, say so. It is stopped, never
reset: a machine that was reset is up again before the reset is called done.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import Misconfigured, ProviderError, UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, Power, Sighting
from hafw.net.clock import boot_ns
from hafw.providers.gcp import metadata
from hafw.providers.gcp.values import Machine

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import FenceRequest
    from hafw.providers.gcp.api import Compute

METHOD: Final = "gcp"
FINAL: Final = ("TERMINATED", "STOPPED")
"""Not SUSPENDED: what is resumed goes on where it was. Not STOPPING: that can last for ever."""
READS: Final = 2
PAUSE_S: Final = 0.5
ORDER_S: Final = 3.0
"""How long an order that is not answered is given again; then its effect is looked for."""
NEEDED: Final = ("project", "zone", "instance", "instance_id")
OPTIONS: Final = (*NEEDED, "discard_local_ssd", "endpoint")
KEPT: Final = 64
"""How many of the states that were seen go into the evidence: the last ones."""


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
    options, where = request.options, f"the fence gcp of {request.target}"
    if request.sender.casefold() == request.target.casefold():
        raise Misconfigured(f"{where}: a node never fences itself")
    for key in options:
        if key not in OPTIONS:
            raise Misconfigured(f'{where} has no option "{key}"; there are {", ".join(OPTIONS)}')
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


def off(compute: Compute, target: Target, until_ns: int) -> FenceReceipt:
    """Stop it, and see it off.

    One that is off is stopped as well: the middle of a restart looks like that.
    """
    seen = [_look(compute, target, until_ns)]
    order_until_ns = min(until_ns, boot_ns() + int(ORDER_S * 1e9))
    try:
        compute.stop(target.machine, order_until_ns, discard_local_ssd=target.discard_local_ssd)
    except UnknownOutcome as problem:
        seen.append(Sighting(f"ordered off, without an answer: {problem}", boot_ns()))
    since, state = len(seen), seen[0].state
    while not _is_off(seen[since:]):
        if (until_ns - boot_ns()) / 1e9 <= PAUSE_S:
            raise UnknownOutcome(f"{target.identity} was told to stop; last seen: {state}")
        time.sleep(PAUSE_S)
        try:
            seen.append(_look(compute, target, until_ns))
            state = seen[-1].state
        except ProviderError as problem:
            seen.append(Sighting(f"unreadable: {problem}", boot_ns()))
    return _receipt(target, Power.OFF, seen)


def status(compute: Compute, target: Target, until_ns: int) -> FenceReceipt:
    """Read its state, twice where that is final."""
    seen = [_look(compute, target, until_ns)]
    if seen[0].state in FINAL and (until_ns - boot_ns()) / 1e9 > PAUSE_S:
        time.sleep(PAUSE_S)
        seen.append(_look(compute, target, until_ns))
    if _is_off(seen):
        return _receipt(target, Power.OFF, seen)
    return _receipt(target, Power.ON if seen[-1].state == "RUNNING" else Power.UNKNOWN, seen)


def _look(compute: Compute, target: Target, until_ns: int) -> Sighting:
    server = compute.server(target.machine, until_ns)
    if server.id != target.id:
        raise Misconfigured(
            f"{target.machine.link} has id {server.id}, not {target.id}: it is another machine of "
            "that name; correct instance_id in the cluster file"
        )
    return Sighting(server.status, boot_ns())


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
