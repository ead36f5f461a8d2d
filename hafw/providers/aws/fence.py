"""The fence `aws`: stops the peer's instance, and reads its state until that is final.

One rule: it is stopped without its consent, and never rebooted: no reboot can be confirmed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hafw.fence_options import Options
from hafw.hooks.errors import Misconfigured
from hafw.hooks.hookspecs import Power
from hafw.providers.aws import calls
from hafw.providers.aws.errors import Allowed
from hafw.providers.aws.metadata import Metadata, Unavailable

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import FenceRequest
    from hafw.providers.aws.api import Ec2

METHOD: Final = "aws"
FINAL: Final = ("stopped", "terminated")
"""Neither "stopping" nor "shutting-down": an instance can stay there for as long as it likes."""
OPTIONS: Final = ("instance_id", "region", "endpoint_url")


@dataclass(frozen=True, slots=True)
class Target:
    """The instance that is to be off. Its id is never given to another machine."""

    id: str


def target_of(request: FenceRequest) -> Target:
    """The target that the cluster file fixes. Raises Misconfigured."""
    Options(request, OPTIONS)
    options, where = request.options, f"the fence aws of {request.target}"
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
    Instance(ec2, target).read()
    asked = {"InstanceId": target.id, "Attribute": "disableApiStop"}
    if ec2.call(calls.PROTECTION, **asked).get("DisableApiStop", {}).get("Value"):
        raise Misconfigured(
            f"{target.id} is protected from being stopped; end that: aws ec2 "
            f"modify-instance-attribute --instance-id {target.id} --no-disable-api-stop"
        )
    with suppress(Allowed):
        Instance(ec2, target).stop(dry=True)


class Instance:
    """The target, for one request: what `hafw.fence_rounds` orders and reads."""

    method = METHOD

    def __init__(self, ec2: Ec2, target: Target) -> None:
        """`ec2` keeps the deadline of the request."""
        self._ec2 = ec2
        self._target = target

    def identity(self) -> str:
        """The instance's id, which no other ever has."""
        return self._target.id

    def read(self) -> tuple[Power, str]:
        """Its state. One that EC2 does not know is not off: EC2 forgets and remembers late."""
        answer = self._ec2.call(calls.INSTANCES, InstanceIds=[self._target.id])
        found = answer.get("Reservations", [])
        states = [one["State"]["Name"] for each in found for one in each["Instances"]]
        state = states[0] if states else "not found"
        if state in FINAL:
            return Power.OFF, state
        return Power.ON if state == "running" else Power.UNKNOWN, state

    def order_off(self) -> None:
        """Stop it."""
        self.stop(dry=False)

    def stop(self, *, dry: bool) -> None:
        """Stop it, or ask whether this node may."""
        self._ec2.call(
            calls.STOP,
            InstanceIds=[self._target.id],
            Force=True,
            SkipOsShutdown=True,  # Force alone asks the guest first; one that hangs never answers
            DryRun=dry,
        )
