"""Calls about network interfaces and route tables: whole-object GET and PUT.

One rule: two interfaces of a subnet never own one address, neither in what they want nor in what
packets still follow; the ETag guards one resource only.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from hafw_sim.clouds.arm.faults import Kind
from hafw_sim.clouds.arm.values import NICS, SUBNETS, TABLES, Resource
from hafw_sim.clouds.arm.wire import ApiError, text
from hafw_sim.clouds.exchange import Reply

if TYPE_CHECKING:
    from hafw_sim.clouds.arm.state import Ask, State, Things
    from hafw_sim.clouds.exchange import Json


def get(state: State, ask: Ask) -> Reply:
    """`networkInterfaces.get`, and that of every other kind in the network."""
    return Reply(200, _find(state.seen(ask), ask).json())


def list_(state: State, ask: Ask) -> Reply:
    """`networkInterfaces.list`, of the resource group."""
    kind = _kind(ask)
    found = [one for one in state.seen(ask).resources.values() if one.kind == kind]
    return Reply(200, {"value": [one.json() for one in found]})


def put(state: State, ask: Ask) -> Reply:
    """`createOrUpdate`: what the body does not have is gone."""
    kind, name = _kind(ask), ask.names["name"]
    key = (kind.lower(), name.lower())
    old = state.things.resources.get(key)
    wanted = ask.request.headers.get("if-match", "*")
    if wanted != "*" and (old is None or old.etag != wanted):
        raise ApiError(412, "PreconditionFailed", "The etag does not match the resource's.")
    body = _body(kind, ask.request.body)
    serial = old.serial + 1 if old else 1
    applied = old.applied if old else {"tags": {}, "properties": _nothing(kind)}
    new = Resource(
        kind=kind, name=name, body=body, applied=applied, serial=serial, state="Updating"
    )
    if state.busy(new.path):
        raise ApiError(409, "AnotherOperationInProgress", f"Another operation on {name} runs.")
    if kind == NICS:
        _check_addresses(state.things, new)
    else:
        _check_routes(new)
    state.put(new, ask.now_s)
    fails = Kind.FAILED_OPERATION in ask.met

    def land(at_s: float) -> None:
        now = state.things.resources[key]
        if fails:
            state.put(replace(now, state="Failed"), at_s)
        else:
            state.put(replace(now, state="Succeeded", applied=now.body), at_s)

    return Reply(200 if old else 201, new.json(), state.begin(ask, new.path, land))


def carry(state: State, ask: Ask) -> Reply:
    """`moveIpConfigurations`, of one: assumed from its SDK, as nobody has published what it does.

    Both interfaces change at once, and show that at once; there is no ETag to ask for.
    """
    (item,) = ask.request.body["moveIpConfigurationItems"]
    source, name = _config_of(state, text(item["sourceIpConfiguration"], "id"))
    target, new_name = _config_of(state, text(item["targetIpConfiguration"], "id"))
    found = [one for one in source.body["properties"]["ipConfigurations"] if one["name"] == name]
    if not found or found[0]["properties"].get("primary"):
        raise ApiError(404, "ResourceNotFound", f"{source.name} has no secondary {name} to move.")
    for nic in (source, target):
        if state.busy(nic.path):
            raise ApiError(409, "AnotherOperationInProgress", f"Another operation on {nic.name}.")
    left = [one for one in source.body["properties"]["ipConfigurations"] if one["name"] != name]
    more = [*target.body["properties"]["ipConfigurations"], {**found[0], "name": new_name}]
    changed = [_updating(source, left), _updating(target, more)]
    fails = Kind.FAILED_OPERATION in ask.met
    for one in changed:
        state.put(one, ask.now_s)

    def land(at_s: float) -> None:
        for one in changed:
            over = {"state": "Failed"} if fails else {"state": "Succeeded", "applied": one.body}
            state.put(replace(one, **over), at_s)

    state.begin(ask, source.path, lambda _: None)
    return Reply(202, {}, state.begin(ask, target.path, land))


def _updating(nic: Resource, configs: list[Json]) -> Resource:
    properties = {**nic.body["properties"], "ipConfigurations": configs}
    body = {**nic.body, "properties": properties}
    return replace(nic, body=body, serial=nic.serial + 1, state="Updating")


def _config_of(state: State, path: str) -> tuple[Resource, str]:
    """The interface and the name in the path of an IP configuration. Raises ApiError."""
    nic, _, name = path.partition("/ipConfigurations/")
    found = state.things.resources.get((NICS.lower(), nic.rpartition("/")[2].lower()))
    if found is None or not name:
        raise ApiError(404, "ResourceNotFound", f"There is no {path}.")
    return found, name


def holders(things: Things, address: str) -> list[str]:
    """The interfaces to which packets for `address` in its subnet go: never more than one."""
    return [
        one.name
        for one in things.resources.values()
        if one.kind == NICS and address in _addresses(one.applied)
    ]


def next_hops(things: Things, prefix: str) -> list[str]:
    """Where packets to `prefix` go, in every route table that has a route to it."""
    return [
        str(found["properties"]["nextHopIpAddress"])
        for one in things.resources.values()
        if one.kind == TABLES
        for found in one.applied["properties"]["routes"]
        if found["properties"]["addressPrefix"] == prefix
    ]


def _check_addresses(things: Things, new: Resource) -> None:
    configs = new.body["properties"]["ipConfigurations"]
    if sum(bool(one["properties"].get("primary")) for one in configs) != 1:
        message = f"{new.name} must have exactly one primary IP configuration."
        raise ApiError(400, "InvalidIPConfigCount", message)
    wanted = [text(one["properties"], "privateIPAddress") for one in configs]
    for one, address in zip(configs, wanted, strict=True):
        subnet = text(one["properties"].get("subnet", {}), "id").rpartition("/")[2]
        if subnet not in SUBNETS or ip_address(address) not in ip_network(SUBNETS[subnet]):
            message = f"{address} does not belong to the range of subnet {subnet}."
            raise ApiError(400, "PrivateIPAddressNotInSubnet", message)
    others = [one for one in things.resources.values() if one.kind == NICS and one.path != new.path]
    for other in others:
        taken = _addresses(other.body) | _addresses(other.applied)
        for address in wanted:
            if address in taken or wanted.count(address) > 1:
                message = f"IP configuration with {address} is allocated to {other.path}."
                raise ApiError(400, "PrivateIPAddressIsAllocated", message)


def _check_routes(new: Resource) -> None:
    routes = new.body["properties"]["routes"]
    for key in ("name", "addressPrefix"):
        found = [one.get(key) or text(one["properties"], key) for one in routes]
        if len(set(found)) < len(found):
            message = f"Two routes of {new.name} have the same {key}."
            raise ApiError(400, "InvalidRequestFormat", message)
    for one in routes:
        if one["properties"].get("nextHopType") == "VirtualAppliance":
            text(one["properties"], "nextHopIpAddress")


def _addresses(body: Json) -> set[str]:
    return {one["properties"]["privateIPAddress"] for one in body["properties"]["ipConfigurations"]}


def _body(kind: str, given: Json) -> Json:
    """What a PUT may write: without ids, ETags and states, which are the service's."""
    children = "ipConfigurations" if kind == NICS else "routes"
    properties = {**_nothing(kind), **given.get("properties", {})}
    properties.pop("provisioningState", None)
    properties[children] = [
        {
            "name": text(one, "name"),
            "properties": {
                key: value
                for key, value in one.get("properties", {}).items()
                if key != "provisioningState"
            },
        }
        for one in properties[children]
    ]
    return {"tags": given.get("tags") or {}, "properties": properties}


def _nothing(kind: str) -> Json:
    return {"ipConfigurations": []} if kind == NICS else {"routes": []}


def _kind(ask: Ask) -> str:
    return ask.call.partition(".")[0]


def _find(things: Things, ask: Ask) -> Resource:
    kind, name = _kind(ask), ask.names["name"]
    found = things.resources.get((kind.lower(), name.lower()))
    if found is None:
        message = f"The Resource 'Microsoft.Network/{kind}/{name}' was not found."
        raise ApiError(404, "ResourceNotFound", message)
    return found
