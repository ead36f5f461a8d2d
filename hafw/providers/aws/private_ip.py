"""The mover `private-ip`: the VIP is a secondary private address, IPv4 or IPv6, of an interface.

One rule: EC2 gives an address one owner. So it is claimed without AllowReassignment unless it is
proved that its old owner cannot act; IPv6 has no such flag, and is always claimed from nobody.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from hafw.hooks.hookspecs import Holder
from hafw.providers.aws import calls
from hafw.providers.aws.errors import NotThere, Refused, Taken
from hafw.providers.aws.metadata import Metadata, Unavailable
from hafw.providers.aws.moving import Seen

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import VipRequest
    from hafw.providers.aws.api import Ec2


class PrivateIp:
    """Secondary private addresses."""

    def __init__(self) -> None:
        """One for each process: it keeps what this instance said of itself."""
        self.metadata = Metadata()

    def rehearse(self, vip: VipRequest, ec2: Ec2) -> None:
        """Read, of EC2 and of the metadata. EC2 has no dry run of an assignment."""
        self.seen(vip, ec2)
        self.confirmed(vip)  # what it asks first, it keeps: token and interfaces

    def seen(self, vip: VipRequest, ec2: Ec2) -> Seen:
        """Ask which interface has the address."""
        name = "ipv6-addresses.ipv6-address" if _is6(vip) else "addresses.private-ip-address"
        wanted = [{"Name": name, "Values": [vip.address]}]
        found = ec2.call(calls.INTERFACES, Filters=wanted).get("NetworkInterfaces", [])
        # Compared again here: a filter that is not understood must not name an owner.
        owners = [one["NetworkInterfaceId"] for one in found if vip.address in _addresses(one)]
        if not owners:
            return Seen(Holder.FREE)
        mine = vip.own("eni") in owners
        return Seen(Holder.MINE if mine else Holder.PEER, vip.own("eni") if mine else owners[0])

    def confirmed(self, vip: VipRequest) -> bool:
        """Ask this instance's metadata, which follows a move later than EC2's API."""
        try:
            return self.metadata.shows(vip.own("eni"), vip.address)
        except Unavailable:
            return True

    def claim(self, vip: VipRequest, ec2: Ec2, *, reassign: bool) -> None:
        """Assign it to this node's interface."""
        eni = vip.own("eni")
        if _is6(vip):
            ec2.call(calls.ASSIGN6, NetworkInterfaceId=eni, Ipv6Addresses=[vip.address])
            return
        ec2.call(
            calls.ASSIGN,
            NetworkInterfaceId=eni,
            PrivateIpAddresses=[vip.address],
            AllowReassignment=reassign,
        )

    def assure(self, vip: VipRequest, ec2: Ec2) -> bool:
        """Have it refused twice: the peer cannot lose it, and nobody can get it."""
        dislodged = False
        with suppress(NotThere, Refused):
            _unassign(vip, ec2, vip.peers("eni"))
            dislodged = ec2.in_doubt = True
        try:
            self.claim(vip, ec2, reassign=False)
        except (Taken, Refused):
            if dislodged:
                raise
            return False
        return True

    def dislodge(self, vip: VipRequest, ec2: Ec2, seen: Seen) -> bool:
        """Unassign it from the peer's interface: EC2 refuses if that does not have it."""
        _unassign(vip, ec2, seen.who)
        return True

    def give_up(self, vip: VipRequest, ec2: Ec2) -> bool:
        """Unassign it from this node's interface."""
        try:
            _unassign(vip, ec2, vip.own("eni"))
        except NotThere:
            return False
        return True

    def plan(self, vip: VipRequest) -> tuple[str, ...]:
        """As `attach` does it."""
        own, peers, address = vip.own("eni"), vip.peers("eni"), vip.address
        assign, unassign = ("AssignIpv6Addresses", "UnassignIpv6Addresses")
        if not _is6(vip):
            assign, unassign = (calls.ASSIGN.name, calls.UNASSIGN.name)
        look = f"{calls.INTERFACES.name} with {address}"
        confirm = f"{look}, and this instance's metadata, to confirm"
        if vip.old_holder_is_off and not _is6(vip):
            return (f"{assign} {address} to {own}, AllowReassignment=true", confirm)
        return (
            look,
            f"{unassign} {address} from {peers}, if it is there",
            f"{assign} {address} to {own}, if nobody has it",
            confirm,
        )


def _unassign(vip: VipRequest, ec2: Ec2, eni: str) -> None:
    if _is6(vip):
        ec2.call(calls.UNASSIGN6, NetworkInterfaceId=eni, Ipv6Addresses=[vip.address])
    else:
        ec2.call(calls.UNASSIGN, NetworkInterfaceId=eni, PrivateIpAddresses=[vip.address])


def _addresses(interface: dict[str, list[dict[str, str]]]) -> list[str]:
    return [
        *(one["PrivateIpAddress"] for one in interface.get("PrivateIpAddresses", [])),
        *(one["Ipv6Address"] for one in interface.get("Ipv6Addresses", [])),
    ]


def _is6(vip: VipRequest) -> bool:
    return ":" in vip.address
