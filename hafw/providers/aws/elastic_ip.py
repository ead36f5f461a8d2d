"""The mover `elastic-ip`: the VIP is a public address that EC2 translates to a node's own.

One rule: every association has an id of its own. What is dissolved is always the one that was seen,
so a newer one is never hit.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from hafw.hooks.errors import Misconfigured
from hafw.hooks.hookspecs import Holder
from hafw.providers.aws import calls
from hafw.providers.aws.errors import Allowed, NotThere
from hafw.providers.aws.moving import Seen

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import VipRequest
    from hafw.providers.aws.api import Ec2


class ElasticIp:
    """Associations of an Elastic IP with the primary address of an interface."""

    def rehearse(self, vip: VipRequest, ec2: Ec2) -> None:
        """Read, and ask whether the association would be allowed."""
        self.seen(vip, ec2)
        with suppress(Allowed):
            self._associate(vip, ec2, reassign=True, dry=True)

    def seen(self, vip: VipRequest, ec2: Ec2) -> Seen:
        """Read the association."""
        wanted = vip.options["allocation_id"]
        found = ec2.call(calls.ADDRESSES, AllocationIds=[wanted]).get("Addresses", [])
        if not found or found[0].get("PublicIp") != vip.address:
            other = found[0].get("PublicIp") if found else "no address"
            raise Misconfigured(
                f"{wanted} is {other}, not {vip.address}; correct allocation_id or address in the "
                "cluster file"
            )
        eni, association = found[0].get("NetworkInterfaceId", ""), found[0].get("AssociationId", "")
        if not association:
            return Seen(Holder.FREE)
        return Seen(Holder.MINE if eni == vip.own("eni") else Holder.PEER, eni, association)

    def confirmed(self, vip: VipRequest) -> bool:
        """An instance's metadata shows it too late to be of use."""
        del vip
        return True

    def claim(self, vip: VipRequest, ec2: Ec2, *, reassign: bool) -> None:
        """Associate it with this node's interface."""
        self._associate(vip, ec2, reassign=reassign, dry=False)

    def assure(self, vip: VipRequest, ec2: Ec2) -> bool:
        """Associate it again: that is refused unless it is here, or nowhere."""
        self.claim(vip, ec2, reassign=False)
        return False

    def dislodge(self, vip: VipRequest, ec2: Ec2, seen: Seen) -> bool:
        """Dissolve the association that was seen, and no newer one."""
        del vip
        ec2.call(calls.DISASSOCIATE, AssociationId=seen.token)
        return True

    def give_up(self, vip: VipRequest, ec2: Ec2) -> bool:
        """Dissolve the association with this node's interface."""
        seen = self.seen(vip, ec2)
        if seen.holder is not Holder.MINE:
            return False
        with suppress(NotThere):
            ec2.call(calls.DISASSOCIATE, AssociationId=seen.token)
        return True

    @staticmethod
    def _associate(vip: VipRequest, ec2: Ec2, *, reassign: bool, dry: bool) -> None:
        ec2.call(
            calls.ASSOCIATE,
            AllocationId=vip.options["allocation_id"],
            NetworkInterfaceId=vip.own("eni"),
            AllowReassociation=reassign,
            DryRun=dry,
        )

    def plan(self, vip: VipRequest) -> tuple[str, ...]:
        """As `attach` does it."""
        name, own = vip.options["allocation_id"], vip.own("eni")
        look = f"{calls.ADDRESSES.name} {name}, to see its association"
        if vip.old_holder_is_off:
            return (f"{calls.ASSOCIATE.name} {name} with {own}, AllowReassociation=true", look)
        return (
            look,
            f"{calls.DISASSOCIATE.name} the association with {vip.peers('eni')}, if it is there",
            f"{calls.ASSOCIATE.name} {name} with {own}, if it has no other",
            look,
        )
