"""The mover `route`: the VIP is outside the VPC, and a /32 or /128 route in each table leads to it.

One rule: EC2 has no condition for a route, the last writer wins. So it is read before it is
written, unless it is proved that the old holder cannot act, and read afterwards in any case; and
nobody deletes it at a release, since that could hit the next owner's.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hafw.hooks.errors import Misconfigured
from hafw.hooks.hookspecs import Holder
from hafw.providers.aws import calls
from hafw.providers.aws.errors import Allowed
from hafw.providers.aws.moving import Seen

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import VipRequest
    from hafw.providers.aws.api import Ec2


class Route:
    """Routes of a VIP, one in every table that clients use."""

    def rehearse(self, vip: VipRequest, ec2: Ec2) -> None:
        """Read, and ask whether the routes may be replaced and would lead anywhere."""
        self.seen(vip, ec2)
        own = vip.own("eni")
        shown = ec2.call(calls.INTERFACES, NetworkInterfaceIds=[own])["NetworkInterfaces"][0]
        if shown.get("SourceDestCheck", True):
            raise Misconfigured(
                f"{own} drops what is not for its own addresses, so no route brings it a VIP; end "
                "that: aws ec2 modify-network-interface-attribute --no-source-dest-check "
                f"--network-interface-id {own}"
            )
        for table in vip.options["route_tables"]:
            with suppress(Allowed):
                self._replace(vip, ec2, table, dry=True)

    def seen(self, vip: VipRequest, ec2: Ec2) -> Seen:
        """Read every table: MINE only if all lead here."""
        tables = list(vip.options["route_tables"])
        found = ec2.call(calls.TABLES, RouteTableIds=tables).get("RouteTables", [])
        hops = {table["RouteTableId"]: _hop(table, vip) for table in found}
        missing = [name for name in tables if not hops.get(name)]
        if missing:
            raise Misconfigured(
                f"{missing[0]} has no route to {_destination(vip)}; create it once: aws ec2 "
                f"create-route --route-table-id {missing[0]} {_flag(vip)} {_destination(vip)} "
                f"--network-interface-id {vip.own('eni')}"
            )
        nodes = (vip.own("eni"), vip.peers("eni"))
        strangers = sorted(set(hops.values()) - set(nodes))
        if strangers:
            return Seen(Holder.PEER, strangers[0])
        if set(hops.values()) == {vip.own("eni")}:
            return Seen(Holder.MINE, vip.own("eni"))
        return Seen(Holder.PEER, vip.peers("eni"))

    def confirmed(self, vip: VipRequest) -> bool:
        """An instance does not see routes that lead to it."""
        del vip
        return True

    def claim(self, vip: VipRequest, ec2: Ec2, *, reassign: bool) -> None:
        """Let every table lead here."""
        del reassign
        for table in vip.options["route_tables"]:
            self._replace(vip, ec2, table, dry=False)
            ec2.in_doubt = True  # from here on a failure would leave a part of it done

    def assure(self, vip: VipRequest, ec2: Ec2) -> bool:
        """Let every table lead here once more."""
        self.claim(vip, ec2, reassign=False)
        return False

    def dislodge(self, vip: VipRequest, ec2: Ec2, seen: Seen) -> bool:
        """Leave it: a route cannot be taken away without a gap, and is replaced as it is."""
        del vip, ec2, seen
        return False

    def give_up(self, vip: VipRequest, ec2: Ec2) -> bool:
        """Leave it: it leads to the next owner when that replaces it."""
        del vip, ec2
        return False

    @staticmethod
    def _replace(vip: VipRequest, ec2: Ec2, table: str, *, dry: bool) -> None:
        block = "DestinationIpv6CidrBlock" if ":" in vip.address else "DestinationCidrBlock"
        where = {block: _destination(vip), "NetworkInterfaceId": vip.own("eni")}
        ec2.call(calls.REPLACE_ROUTE, RouteTableId=table, DryRun=dry, **where)

    def plan(self, vip: VipRequest) -> tuple[str, ...]:
        """As `attach` does it."""
        tables = list(vip.options["route_tables"])
        look = f"{calls.TABLES.name} {', '.join(tables)}, to see where {_destination(vip)} leads"
        replace = tuple(
            f"{calls.REPLACE_ROUTE.name} {_destination(vip)} of {table} to {vip.own('eni')}"
            for table in tables
        )
        return (*replace, look) if vip.old_holder_is_off else (look, *replace, look)


def _destination(vip: VipRequest) -> str:
    return f"{vip.address}/{128 if ':' in vip.address else 32}"


def _flag(vip: VipRequest) -> str:
    return "--destination-ipv6-cidr-block" if ":" in vip.address else "--destination-cidr-block"


def _hop(table: dict[str, Any], vip: VipRequest) -> str:
    """The interface, or whatever else, that the table's route to the VIP leads to."""
    for route in table.get("Routes", []):
        cidr = route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock")
        if cidr == _destination(vip):
            kinds = ("NetworkInterfaceId", "GatewayId", "InstanceId", "TransitGatewayId")
            return next((str(route[kind]) for kind in kinds if kind in route), "something else")
    return ""
