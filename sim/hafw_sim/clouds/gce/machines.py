"""Calls about instances: reads, stop and reset, alias IP ranges.

One rule: two interfaces of a network never own one address. That is judged when the change lands;
the fingerprint, which guards one interface only, when it is asked for.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from ipaddress import IPv4Network, ip_network
from typing import TYPE_CHECKING, Final

from hafw_sim.clouds.exchange import Reply
from hafw_sim.clouds.gce.faults import Kind
from hafw_sim.clouds.gce.state import OperationFailed
from hafw_sim.clouds.gce.values import Alias, Guest, Instance, Nic
from hafw_sim.clouds.gce.wire import ApiError, text

if TYPE_CHECKING:
    from hafw_sim.clouds.exchange import Json
    from hafw_sim.clouds.gce.state import Ask, State, Things

STOP_S: Final = 0.3
"""How long an obedient guest takes to shut down; real ones take up to 90 s, and then are cut."""
_OFF: Final = ("TERMINATED", "STOPPED")


def get(state: State, ask: Ask) -> Reply:
    """`instances.get`."""
    seen = state.seen(ask)
    found = find(seen, ask)
    if Kind.WRONG_STATE in ask.met:
        found = replace(found, status="TERMINATED")
    return Reply(200, found.json(state.project, seen.disks.values()))


def list_(state: State, ask: Ask) -> Reply:
    """`instances.list`, of one zone."""
    zone = ask.names["zone"]
    found = [one for one in state.seen(ask).instances.values() if one.zone == zone]
    items = [one.json(state.project) for one in found]
    return Reply(200, {"kind": "compute#instanceList", "items": items})


def aggregated_list(state: State, ask: Ask) -> Reply:
    """`instances.aggregatedList`, by zone; of filters it knows `name="value"`."""
    wanted = re.fullmatch(r'name="([^"]*)"', ask.request.query.get("filter", ""))
    items: dict[str, Json] = {}
    for one in state.seen(ask).instances.values():
        if wanted is None or one.name == wanted[1]:
            found = items.setdefault(f"zones/{one.zone}", {"instances": []})
            found["instances"].append(one.json(state.project))
    return Reply(200, {"kind": "compute#instanceAggregatedList", "items": items})


def stop(state: State, ask: Ask) -> Reply:
    """`instances.stop`: waits for the guest, for ever if that hangs, unless told not to."""
    instance = find(state.things, ask)
    hard = ask.request.query.get("noGracefulShutdown") == "true"
    if instance.status in _OFF:
        return state.begin(ask, path_of(ask), lambda _: None)
    state.put(replace(instance, status="STOPPING"), ask.now_s)

    def land(at_s: float) -> None:
        now = find(state.things, ask)
        state.put(replace(now, status="TERMINATED"), at_s)

    hangs = instance.guest is Guest.NEVER_STOPS or (instance.guest is Guest.HANGS and not hard)
    lasts_s = math.inf if hangs else None if hard else STOP_S
    return state.begin(ask, path_of(ask), land, lasts_s=lasts_s)


def reset(state: State, ask: Ask) -> Reply:
    """`instances.reset`: hard, and the machine is booting again before the operation ends."""
    instance = find(state.things, ask)
    if instance.status != "RUNNING":
        raise ApiError(400, "resourceNotReady", f"The resource '{path_of(ask)}' is not ready")
    state.put(replace(instance, resets=instance.resets + 1, guest=Guest.OBEYS), ask.now_s)
    return state.begin(ask, path_of(ask), lambda _: None)


def update_network_interface(state: State, ask: Ask) -> Reply:
    """`instances.updateNetworkInterface`: replaces the whole list of alias IP ranges."""
    body, instance = ask.request.body, find(state.things, ask)
    nic = _nic(instance, ask.request.query.get("networkInterface", ""))
    if text(body, "fingerprint") != nic.fingerprint:
        raise ApiError(412, "conditionNotMet", "Supplied fingerprint does not match current one.")
    touched = f"{path_of(ask)}/{nic.name}"
    if state.busy(touched):
        raise ApiError(400, "resourceNotReady", f"The resource '{touched}' is not ready")
    wanted = nic.aliases  # as PATCH has it: what is not in the body stays
    if "aliasIpRanges" in body:
        wanted = tuple(
            Alias(text(one, "ipCidrRange"), str(one.get("subnetworkRangeName", "")))
            for one in body["aliasIpRanges"]
        )
    for alias in wanted:
        _check_range(nic, alias)

    def land(at_s: float) -> None:
        now = find(state.things, ask)
        taken = _taken(state.things, nic.network, but=(now.zone, now.name, nic.name))
        for alias in wanted:
            if any(ip_network(alias.cidr).overlaps(other) for other in taken):
                address = alias.cidr.removesuffix("/32")
                raise OperationFailed(
                    "IP_IN_USE_BY_ANOTHER_RESOURCE",
                    f"IP '{address}' is already being used by another resource.",
                )
        changed = replace(_nic(now, nic.name), aliases=wanted, serial=nic.serial + 1)
        nics = tuple(changed if one.name == nic.name else one for one in now.nics)
        state.put(replace(now, nics=nics), at_s)

    return state.begin(ask, path_of(ask), land, touches=[touched])


def test_iam_permissions(state: State, ask: Ask, denied: set[str]) -> Reply:
    """`instances.testIamPermissions`: those of the asked that the caller has."""
    find(state.things, ask)
    asked = ask.request.body.get("permissions", [])
    return Reply(200, {"permissions": [one for one in asked if one not in denied]})


def holders(things: Things, address: str) -> list[str]:
    """The instances that have `address` as an alias: never more than one."""
    return [
        instance.name
        for instance in things.instances.values()
        for nic in instance.nics
        if any(ip_network(address).overlaps(ip_network(alias.cidr)) for alias in nic.aliases)
    ]


def _taken(things: Things, network: str, but: tuple[str, str, str]) -> list[IPv4Network]:
    return [
        IPv4Network(taken)
        for (zone, name), instance in things.instances.items()
        for nic in instance.nics
        if nic.network == network
        for taken in (
            nic.address,
            *(alias.cidr for alias in nic.aliases if (zone, name, nic.name) != but),
        )
    ]


def _check_range(nic: Nic, alias: Alias) -> None:
    whole = dict(nic.ranges).get(alias.secondary)
    if whole is None:
        raise ApiError(400, "invalid", f"Subnetwork range '{alias.secondary}' does not exist")
    try:
        inside = IPv4Network(alias.cidr).subnet_of(IPv4Network(whole))
    except ValueError as problem:
        message = f"Invalid value for field 'ipCidrRange': {problem}"
        raise ApiError(400, "invalid", message) from None
    if not inside:
        raise ApiError(400, "invalid", f"Alias IP range '{alias.cidr}' is not in {whole}")


def _nic(instance: Instance, name: str) -> Nic:
    for nic in instance.nics:
        if nic.name == name:
            return nic
    raise ApiError(400, "invalid", f"Invalid value for field 'networkInterface': '{name}'")


def find(things: Things, ask: Ask) -> Instance:
    """The instance that the call names. Raises ApiError."""
    found = things.instances.get((ask.names["zone"], ask.names["name"]))
    if found is None:
        raise ApiError(404, "notFound", f"The resource '{path_of(ask)}' was not found")
    return found


def path_of(ask: Ask) -> str:
    """Its path within the project."""
    return f"zones/{ask.names['zone']}/instances/{ask.names['name']}"
