"""The fence `aws`: stops the peer's instance, and reads its state until that is final.

One rule: an instance is off when two reads in a row, after the order, say "stopped" or
"terminated". It is stopped without its consent, and never rebooted: no reboot can be confirmed.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import Misconfigured, ProviderError, UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, Power, Sighting
from hafw.net.clock import boot_ns
from hafw.providers.aws import calls
from hafw.providers.aws.errors import Allowed
from hafw.providers.aws.metadata import Metadata, Unavailable

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import FenceRequest
    from hafw.providers.aws.api import Ec2

METHOD: Final = "aws"
FINAL: Final = ("stopped", "terminated")
"""Neither "stopping" nor "shutting-down": an instance can stay there for as long as it likes."""
READS: Final = 2
PAUSE_S: Final = 0.5
OPTIONS: Final = ("instance_id", "region", "endpoint_url")
KEPT: Final = 64
"""How many of the states that were seen go into the evidence: the last ones."""


@dataclass(frozen=True, slots=True)
class Target:
    """The instance that is to be off. Its id is never given to another machine."""

    id: str


def target_of(request: FenceRequest) -> Target:
    """The target that the cluster file fixes. Raises Misconfigured."""
    options, where = request.options, f"the fence aws of {request.target}"
    if request.sender.casefold() == request.target.casefold():
        raise Misconfigured(f"{where}: a node never fences itself")
    for key in options:
        if key not in OPTIONS:
            raise Misconfigured(f'{where} has no option "{key}"; there are {", ".join(OPTIONS)}')
    name = str(options.get("instance_id", ""))
    if not name.startswith("i-"):
        raise Misconfigured(f'{where} needs instance_id, as in "i-0123456789abcdef0"')
    return Target(name)


def check_other(target: Target) -> None:
    """See that the target is not this instance. Raises Misconfigured.

    Where no metadata can be had, the policy's denial is what remains: see `hafw policy aws`.
    """
    with suppress(Unavailable):
        if Metadata().instance() == target.id:
            raise Misconfigured(f"{target.id} is this instance: a node never fences itself")


def rehearse(ec2: Ec2, target: Target) -> None:
    """See that the target is there, may be stopped, and that nothing protects it.

    Raises Denied or Misconfigured.
    """
    look(ec2, target)
    asked = {"InstanceId": target.id, "Attribute": "disableApiStop"}
    if ec2.call(calls.PROTECTION, **asked).get("DisableApiStop", {}).get("Value"):
        raise Misconfigured(
            f"{target.id} is protected from being stopped; end that: aws ec2 "
            f"modify-instance-attribute --instance-id {target.id} --no-disable-api-stop"
        )
    with suppress(Allowed):
        _stop(ec2, target, dry=True)


def off(ec2: Ec2, target: Target) -> FenceReceipt:
    """Stop it, and see it off."""
    seen: list[Sighting] = []
    try:
        _stop(ec2, target, dry=False)
    except UnknownOutcome as problem:
        seen.append(Sighting(f"the order was not answered: {problem}", boot_ns()))
    except Misconfigured:
        if look(ec2, target).state not in FINAL:  # one that is terminated cannot be stopped
            raise
    while not _is_off(seen):
        try:
            seen.append(look(ec2, target))
        except ProviderError as problem:
            seen.append(Sighting(f"unreadable: {problem}", boot_ns()))
        if not _is_off(seen):
            if ec2.left_s() <= PAUSE_S:
                raise UnknownOutcome(f"{target.id} was told to stop: {seen[-1].state}")
            time.sleep(PAUSE_S)
    return _receipt(target, Power.OFF, seen)


def status(ec2: Ec2, target: Target) -> FenceReceipt:
    """Read its state, twice where that is final."""
    seen = [look(ec2, target)]
    if seen[0].state in FINAL and ec2.pause(PAUSE_S):
        seen.append(look(ec2, target))
    if _is_off(seen):
        return _receipt(target, Power.OFF, seen)
    return _receipt(target, Power.ON if seen[-1].state == "running" else Power.UNKNOWN, seen)


def look(ec2: Ec2, target: Target) -> Sighting:
    """Read its state. One that EC2 does not know is not off: EC2 forgets and remembers late."""
    found = ec2.call(calls.INSTANCES, InstanceIds=[target.id]).get("Reservations", [])
    states = [one["State"]["Name"] for each in found for one in each["Instances"]]
    return Sighting(states[0] if states else "not found", boot_ns())


def _stop(ec2: Ec2, target: Target, *, dry: bool) -> None:
    ec2.call(
        calls.STOP,
        InstanceIds=[target.id],
        Force=True,
        SkipOsShutdown=True,  # Force alone asks the guest first, and one that hangs never answers
        DryRun=dry,
    )


def _is_off(seen: list[Sighting]) -> bool:
    return len(seen) >= READS and all(one.state in FINAL for one in seen[-READS:])


def _receipt(target: Target, power: Power, seen: list[Sighting]) -> FenceReceipt:
    return FenceReceipt(
        power=power,
        confirmed=power is Power.OFF,
        method=METHOD,
        identity=target.id,
        seen=tuple(seen[-KEPT:]),
    )
