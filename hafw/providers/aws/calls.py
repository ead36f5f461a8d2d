"""Every call to EC2 that this provider makes, once: what it needs, what makes it safe.

One rule: a call that is not here is not made; the policy that `hafw policy aws` writes comes from
this list.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Retry(StrEnum):
    """What may be done when no answer came, or one that leaves the effect open."""

    READ = "read"
    """Ask again: nothing changes by it."""
    OBSERVE = "observe"
    """Read what became of it, and decide anew; never send it again blindly."""


class Scope(StrEnum):
    """What a permission can be narrowed down to. EC2 narrows no Describe call."""

    ANY = "any"
    INTERFACES = "interfaces"
    TABLES = "tables"
    ELASTIC = "elastic"
    PEER = "peer"
    VOLUME = "volume"
    OWN = "own"
    BOTH = "both"


class Use(StrEnum):
    """What a call is for: a mover, a fence, a disk."""

    PRIVATE_IP = "private-ip"
    PRIVATE_IPV6 = "private-ip of IPv6"
    ROUTE = "route"
    ELASTIC_IP = "elastic-ip"
    FENCE = "fence"
    DISK = "cloud-disk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One action of EC2's API, by the name that the API and IAM have for it.

    `condition`: what makes the service refuse it when somebody else was quicker; empty: nothing
    does.
    """

    name: str
    uses: tuple[Use, ...]
    scopes: tuple[Scope, ...] = (Scope.ANY,)
    condition: str = ""
    retry: Retry = Retry.READ

    @property
    def permission(self) -> str:
        """As a policy names it."""
        return f"ec2:{self.name}"


INTERFACES: Final = Call(
    name="DescribeNetworkInterfaces",
    uses=(Use.PRIVATE_IP, Use.PRIVATE_IPV6, Use.ROUTE),
)
ASSIGN: Final = Call(
    name="AssignPrivateIpAddresses",
    uses=(Use.PRIVATE_IP,),
    scopes=(Scope.INTERFACES,),
    condition="the address has no owner, unless AllowReassignment is true",
    retry=Retry.OBSERVE,
)
UNASSIGN: Final = Call(
    name="UnassignPrivateIpAddresses",
    uses=(Use.PRIVATE_IP,),
    scopes=(Scope.INTERFACES,),
    condition="the named interface has the address",
    retry=Retry.OBSERVE,
)
ASSIGN6: Final = Call(
    name="AssignIpv6Addresses",
    uses=(Use.PRIVATE_IPV6,),
    scopes=(Scope.INTERFACES,),
    condition="the address has no owner",
    retry=Retry.OBSERVE,
)
UNASSIGN6: Final = Call(
    name="UnassignIpv6Addresses",
    uses=(Use.PRIVATE_IPV6,),
    scopes=(Scope.INTERFACES,),
    condition="the named interface has the address",
    retry=Retry.OBSERVE,
)
TABLES: Final = Call(name="DescribeRouteTables", uses=(Use.ROUTE,))
REPLACE_ROUTE: Final = Call(
    name="ReplaceRoute", uses=(Use.ROUTE,), scopes=(Scope.TABLES,), retry=Retry.OBSERVE
)
ADDRESSES: Final = Call(name="DescribeAddresses", uses=(Use.ELASTIC_IP,))
ASSOCIATE: Final = Call(
    name="AssociateAddress",
    uses=(Use.ELASTIC_IP,),
    scopes=(Scope.ELASTIC, Scope.INTERFACES),
    condition="the address has no association, unless AllowReassociation is true",
    retry=Retry.OBSERVE,
)
DISASSOCIATE: Final = Call(
    name="DisassociateAddress",
    uses=(Use.ELASTIC_IP,),
    scopes=(Scope.ELASTIC, Scope.INTERFACES),
    condition="the named association is the present one: every one has an id of its own",
    retry=Retry.OBSERVE,
)
INSTANCES: Final = Call(name="DescribeInstances", uses=(Use.FENCE, Use.DISK))
PROTECTION: Final = Call(name="DescribeInstanceAttribute", uses=(Use.FENCE,))
STOP: Final = Call(
    name="StopInstances", uses=(Use.FENCE,), scopes=(Scope.PEER,), retry=Retry.OBSERVE
)

VOLUMES: Final = Call(name="DescribeVolumes", uses=(Use.DISK,))
ATTACH_VOLUME: Final = Call(
    name="AttachVolume",
    uses=(Use.DISK,),
    scopes=(Scope.VOLUME, Scope.OWN),
    condition="the volume is attached nowhere",
    retry=Retry.OBSERVE,
)
DETACH_VOLUME: Final = Call(
    name="DetachVolume",
    uses=(Use.DISK,),
    scopes=(Scope.VOLUME, Scope.BOTH),
    condition="the named instance has the volume",
    retry=Retry.OBSERVE,
)

CALLS: Final = (
    INTERFACES,
    ASSIGN,
    UNASSIGN,
    ASSIGN6,
    UNASSIGN6,
    TABLES,
    REPLACE_ROUTE,
    ADDRESSES,
    ASSOCIATE,
    DISASSOCIATE,
    INSTANCES,
    PROTECTION,
    STOP,
    VOLUMES,
    ATTACH_VOLUME,
    DETACH_VOLUME,
)
"""All of them."""
