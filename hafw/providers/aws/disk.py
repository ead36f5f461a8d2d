"""The resource `cloud-disk` on AWS: an EBS volume, attached to the instance of its node.

One rule: a detach names the instance that it is for, and is never forced: a forced one tears away
what a system still writes, and a stopped instance lets go without it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from hafw.disk_rounds import Seat
from hafw.hooks.errors import Conflict, Misconfigured, Retryable
from hafw.hooks.hookspecs import Holder
from hafw.providers.aws import calls
from hafw.providers.aws.errors import Allowed
from hafw.providers.aws.metadata import Metadata, Unavailable

if TYPE_CHECKING:
    from hafw.hooks.resources import ResourceRequest
    from hafw.providers.aws.api import Ec2

TYPE: Final = "cloud-disk"
USABLE: Final = ("available", "in-use")
"""States of a volume that can be attached, or is (EC2 API reference, "Volume")."""


class Volume:
    """One volume, for one request: what `hafw.disk_rounds` orders and reads."""

    def __init__(self, request: ResourceRequest, ec2: Ec2) -> None:
        """`ec2` keeps the deadline of the request. Raises Misconfigured."""
        if request.type != TYPE:
            raise Misconfigured(f'"{request.type}" is no resource of aws; there is {TYPE}')
        self._request = request
        self._ec2 = ec2
        self.name = str(request.options["volume"])
        self.again = ec2.again

    def seen(self) -> Seat:
        """Read its attachment. One that is coming or going counts as there."""
        shown = self.shown()
        there = [one for one in shown.get("Attachments", []) if one["State"] != "detached"]
        if not there:
            return Seat(Holder.FREE, settled=shown["State"] == "available")
        who, settled = there[0]["InstanceId"], there[0]["State"] == "attached"
        if who == self._request.own("instance"):
            return Seat(Holder.MINE, who, settled)
        return Seat(Holder.PEER, who, settled, stranger=who != self._request.peers("instance"))

    def shown(self) -> dict[str, Any]:
        """What EC2 says of it. Raises Misconfigured for one that cannot be moved, or be shared."""
        found: list[dict[str, Any]] = self._ec2.call(calls.VOLUMES, VolumeIds=[self.name])[
            "Volumes"
        ]
        state = found[0]["State"] if found else "nowhere to be found"
        if state not in USABLE:
            raise Misconfigured(f"{self.name} is {state}; correct volume in the cluster file")
        if found[0].get("MultiAttachEnabled"):
            raise Misconfigured(
                f"{self.name} may be attached to several instances at once, so nothing keeps two "
                f"nodes from writing to it; end that: aws ec2 modify-volume --volume-id "
                f"{self.name} --no-multi-attach-enabled"
            )
        return found[0]

    def attach(self) -> None:
        """Attach it to this node's instance; EC2 refuses if it is anywhere."""
        self._attach(dry=False)

    def detach(self, seat: Seat) -> None:
        """Detach it from the instance where it was seen; EC2 refuses if it is not there."""
        self._detach(seat.who, dry=False)

    def rehearse(self) -> None:
        """Read, and ask whether it may be attached here, and detached from either instance.

        That it is elsewhere, or nowhere, is no trouble. Raises Denied or Misconfigured.
        """
        check_identity(self._request)
        with suppress(Retryable):  # an API that is away now may be back when it is needed
            self.seen()
            with suppress(Allowed, Conflict):
                self._attach(dry=True)
            for who in self._request.options["instance"]:
                with suppress(Allowed, Conflict):
                    self._detach(who, dry=True)

    def _attach(self, *, dry: bool) -> None:
        self._ec2.call(
            calls.ATTACH_VOLUME,
            VolumeId=self.name,
            InstanceId=self._request.own("instance"),
            Device=self._request.options["device"],
            DryRun=dry,
        )

    def _detach(self, who: str, *, dry: bool) -> None:
        self._ec2.call(calls.DETACH_VOLUME, VolumeId=self.name, InstanceId=who, DryRun=dry)


def check_identity(request: ResourceRequest) -> None:
    """See that this machine is the node's instance. Raises Misconfigured.

    Where no metadata can be had, nothing is known against it.
    """
    with suppress(Unavailable):
        found = Metadata().instance()
        if found != request.own("instance"):
            raise Misconfigured(
                f"this instance is {found}; the cluster file says that "
                f"{request.nodes[request.node]} is {request.own('instance')}"
            )


def plan(request: ResourceRequest) -> tuple[str, ...]:
    """As `hafw.disk_rounds.start` does it."""
    name, own, peers = request.options["volume"], request.own("instance"), request.peers("instance")
    look = f"{calls.VOLUMES.name} {name}"
    take: tuple[str, ...] = (f"stop here if {peers} has it: nothing proves that it is off",)
    if request.old_holder_is_off:
        take = (
            f"{calls.DETACH_VOLUME.name} {name} from {peers}, if it is there, never by force",
            f"{look}, until it is available",
        )
    device = request.options["device"]
    return (
        f"{look}, to see where it is",
        *take,
        f"{calls.ATTACH_VOLUME.name} {name} to {own} as {device}, if it is nowhere",
        f"{look}, until it is attached",
    )
