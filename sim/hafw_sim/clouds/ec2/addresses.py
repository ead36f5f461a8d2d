"""Private addresses: an interface gets one, loses one, or takes one from another interface.

One rule: an address has one owner at any time; who takes it without AllowReassignment is refused.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final

from hafw_sim.clouds.ec2.state import Ask, State, interface
from hafw_sim.clouds.ec2.wire import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hafw_sim.clouds.ec2.values import Elastic, Interface, Things
    from hafw_sim.clouds.ec2.wire import Params

_FILTERS: Final[dict[str, Callable[[Interface], tuple[str, ...]]]] = {
    "addresses.private-ip-address": lambda one: (one.primary, *one.addresses),
    "attachment.instance-id": lambda one: (one.instance,),
    "ipv6-addresses.ipv6-address": lambda one: one.ipv6,
    "network-interface-id": lambda one: (one.id,),
    "private-ip-address": lambda one: (one.primary,),
}


def assign(state: State, ask: Ask) -> Params:
    """AssignPrivateIpAddresses: an Elastic IP that is mapped to an address moves along."""
    mine = interface(state.things, ask["NetworkInterfaceId"])
    wanted: list[str] = ask.get("PrivateIpAddresses", [])
    losers: dict[str, Interface] = {}
    for address in wanted:
        if not mine.covers(address):
            message = f"Address {address} does not fall within the subnet's address range"
            raise ApiError("InvalidParameterValue", message)
        for owner in _owners(state.things, address):
            if owner.primary == address:
                raise ApiError("InvalidIPAddress.InUse", f"Address {address} is in use.")
            if not ask.get("AllowReassignment") or owner.id == mine.id:
                message = f"[{address}] assigned, but move is not allowed."
                raise ApiError("InvalidParameterValue", message)
            losers[owner.id] = losers.get(owner.id, owner)
    if len(mine.addresses) + 1 + len(wanted) > mine.limit:
        message = f"Number of private addresses will exceed limit of {mine.limit} per interface."
        raise ApiError("PrivateIpAddressLimitExceeded", message)
    changed: list[Interface | Elastic] = [
        replace(one, addresses=_without(one.addresses, wanted)) for one in losers.values()
    ]
    changed.append(replace(mine, addresses=(*mine.addresses, *wanted)))
    changed += [
        replace(one, interface=mine.id)
        for one in state.things.elastic.values()
        if one.private in wanted and one.interface in losers
    ]
    state.put(ask.now_s, *changed)
    assigned = [{"PrivateIpAddress": address} for address in wanted]
    return {"NetworkInterfaceId": mine.id, "AssignedPrivateIpAddresses": assigned}


def unassign(state: State, ask: Ask) -> Params:
    """UnassignPrivateIpAddresses: refused unless this very interface has them."""
    mine = interface(state.things, ask["NetworkInterfaceId"])
    gone: list[str] = ask.get("PrivateIpAddresses", [])
    if mine.primary in gone:
        raise ApiError("InvalidParameterValue", "The primary address cannot be unassigned")
    _check_held(mine, gone, mine.addresses)
    freed = [
        replace(one, association="", interface="", private="")
        for one in state.things.elastic.values()
        if one.interface == mine.id and one.private in gone
    ]
    state.put(ask.now_s, replace(mine, addresses=_without(mine.addresses, gone)), *freed)
    return {}


def assign6(state: State, ask: Ask) -> Params:
    """AssignIpv6Addresses: there is no reassignment; an address in use is refused."""
    mine = interface(state.things, ask["NetworkInterfaceId"])
    wanted: list[str] = ask.get("Ipv6Addresses", [])
    for address in wanted:
        if not mine.covers(address):
            message = f"Address {address} does not fall within the subnet's address range"
            raise ApiError("InvalidParameterValue", message)
        if _owners(state.things, address):
            raise ApiError("InvalidParameterValue", f"Address {address} is already assigned")
    state.put(ask.now_s, replace(mine, ipv6=(*mine.ipv6, *wanted)))
    return {"NetworkInterfaceId": mine.id, "AssignedIpv6Addresses": wanted}


def unassign6(state: State, ask: Ask) -> Params:
    """UnassignIpv6Addresses."""
    mine = interface(state.things, ask["NetworkInterfaceId"])
    gone: list[str] = ask.get("Ipv6Addresses", [])
    _check_held(mine, gone, mine.ipv6)
    state.put(ask.now_s, replace(mine, ipv6=_without(mine.ipv6, gone)))
    return {"NetworkInterfaceId": mine.id, "UnassignedIpv6Addresses": gone}


def describe(state: State, ask: Ask) -> Params:
    """DescribeNetworkInterfaces."""
    things = state.seen(ask)
    names: list[str] = ask.get("NetworkInterfaceIds", [])
    found = [interface(things, name) for name in names] or list(things.interfaces.values())
    for one in ask.get("Filters", []):
        if one["Name"] not in _FILTERS:
            message = f"The filter '{one['Name']}' is invalid"
            raise ApiError("InvalidParameterValue", message)
        values = _FILTERS[one["Name"]]
        found = [each for each in found if set(values(each)) & set(one["Values"])]
    return {"NetworkInterfaces": [_shown(each) for each in found]}


def _shown(one: Interface) -> dict[str, Any]:
    return {
        "NetworkInterfaceId": one.id,
        "MacAddress": one.mac,
        "PrivateIpAddress": one.primary,
        "SourceDestCheck": one.source_dest_check,
        "SubnetId": f"subnet-{int(ip_network(one.subnet).network_address):08x}",
        "Status": "in-use",
        "Attachment": {"InstanceId": one.instance, "Status": "attached", "DeviceIndex": 0},
        "PrivateIpAddresses": [
            {"PrivateIpAddress": address, "Primary": address == one.primary}
            for address in (one.primary, *one.addresses)
        ],
        "Ipv6Addresses": [{"Ipv6Address": address} for address in one.ipv6],
    }


def _owners(things: Things, address: str) -> list[Interface]:
    return [things.interfaces[name] for name in things.holders(address)]


def _without(held: tuple[str, ...], gone: Sequence[str]) -> tuple[str, ...]:
    return tuple(one for one in held if one not in gone)


def _check_held(one: Interface, asked: Sequence[str], held: tuple[str, ...]) -> None:
    if not set(asked) <= set(held):
        message = f"Some of the specified addresses are not assigned to interface {one.id}"
        raise ApiError("InvalidParameterValue", message)
