"""Ways to an instance from outside its subnet: routes and Elastic IPs.

One rule: the last writer of a route wins, as on EC2; an Elastic IP has one association at a time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hafw_sim.clouds.ec2.state import Ask, State, dry, interface
from hafw_sim.clouds.ec2.wire import ApiError

if TYPE_CHECKING:
    from hafw_sim.clouds.ec2.values import Elastic, Interface, Things
    from hafw_sim.clouds.ec2.wire import Params


def describe_tables(state: State, ask: Ask) -> Params:
    """DescribeRouteTables."""
    things = state.seen(ask)
    shown = []
    for name in ask.get("RouteTableIds") or sorted(things.routes):
        _check_table(things, name)
        routes = [_route(things, *route) for route in things.routes[name].items()]
        shown.append({"RouteTableId": name, "Routes": routes})
    return {"RouteTables": shown}


def replace_route(state: State, ask: Ask) -> Params:
    """ReplaceRoute: unconditional, but only of a route that is there."""
    table, hop = ask["RouteTableId"], ask.get("NetworkInterfaceId", "")
    destination = ask.get("DestinationCidrBlock") or ask.get("DestinationIpv6CidrBlock", "")
    _check_table(state.things, table)
    if destination not in state.things.routes[table]:
        message = f"There is no route defined for '{destination}' in the route table."
        raise ApiError("InvalidRoute.NotFound", message)
    interface(state.things, hop)
    dry(ask)
    state.put_route(table, destination, hop, ask.now_s)
    return {}


def describe_addresses(state: State, ask: Ask) -> Params:
    """DescribeAddresses."""
    things = state.seen(ask)
    names = ask.get("AllocationIds") or sorted(things.elastic)
    return {"Addresses": [_shown(things, _elastic(things, name)) for name in names]}


def associate(state: State, ask: Ask) -> Params:
    """AssociateAddress, to the primary address of an interface, or of an instance's only one.

    One that is associated elsewhere moves, unless AllowReassociation is false (EC2 API reference,
    "AssociateAddress").
    """
    found = _elastic(state.things, ask["AllocationId"])
    target = _target(state.things, ask)
    private = ask.get("PrivateIpAddress", target.primary)
    if private not in target.holds:
        message = f"{private} is not an address of {target.id}"
        raise ApiError("InvalidParameterValue", message)
    here = found.interface == target.id and found.private == private
    if found.association and not here and not ask.get("AllowReassociation", True):
        message = f"resource {found.allocation} is already associated with {found.association}"
        raise ApiError("Resource.AlreadyAssociated", message)
    for other in state.things.elastic.values():
        if other.allocation != found.allocation and (other.interface, other.private) == (
            target.id,
            private,
        ):
            message = f"resource {target.id} is already associated with {other.association}"
            raise ApiError("Resource.AlreadyAssociated", message)
    dry(ask)
    if not here:
        number = f"eipassoc-{state.number():08x}"
        found = replace(found, association=number, interface=target.id, private=private)
        state.put(ask.now_s, found)
    return {"AssociationId": found.association}


def disassociate(state: State, ask: Ask) -> Params:
    """DisassociateAddress: an id that is not the present association's is refused."""
    for one in state.things.elastic.values():
        if one.association == ask.get("AssociationId"):
            dry(ask)
            state.put(ask.now_s, replace(one, association="", interface="", private=""))
            return {}
    message = f"The association ID '{ask.get('AssociationId')}' does not exist"
    raise ApiError("InvalidAssociationID.NotFound", message)


def _route(things: Things, destination: str, hop: str) -> Params:
    block = "DestinationIpv6CidrBlock" if ":" in destination else "DestinationCidrBlock"
    if hop not in things.interfaces:
        return {block: destination, "GatewayId": hop, "State": "active"}
    runs = things.instances[things.interfaces[hop].instance].state == "running"
    return {
        block: destination,
        "NetworkInterfaceId": hop,
        "InstanceId": things.interfaces[hop].instance,
        "State": "active" if runs else "blackhole",
    }


def _target(things: Things, ask: Ask) -> Interface:
    """The interface that is named, or the first of the instance that is."""
    for one in things.interfaces.values():
        if one.instance == ask.get("InstanceId"):
            return one
    return interface(things, ask.get("NetworkInterfaceId", ""))


def _check_table(things: Things, name: str) -> None:
    if name not in things.routes:
        message = f"The routeTable ID '{name}' does not exist"
        raise ApiError("InvalidRouteTableID.NotFound", message)


def _elastic(things: Things, name: str) -> Elastic:
    if name not in things.elastic:
        message = f"The allocation ID '{name}' does not exist"
        raise ApiError("InvalidAllocationID.NotFound", message)
    return things.elastic[name]


def _shown(things: Things, one: Elastic) -> Params:
    shown: Params = {"AllocationId": one.allocation, "PublicIp": one.address, "Domain": "vpc"}
    if one.association:
        shown |= {
            "AssociationId": one.association,
            "NetworkInterfaceId": one.interface,
            "PrivateIpAddress": one.private,
            "InstanceId": things.interfaces[one.interface].instance,
        }
    return shown
