"""Calls about static routes. They can be inserted and deleted, and are never changed.

One rule: a name is taken from the moment an insert is accepted, so two inserts of one name cannot
both succeed.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import TYPE_CHECKING

from hafw_sim.clouds.exchange import Reply
from hafw_sim.clouds.gce.values import Route
from hafw_sim.clouds.gce.wire import ApiError, text

if TYPE_CHECKING:
    from hafw_sim.clouds.gce.state import Ask, State, Things


def get(state: State, ask: Ask) -> Reply:
    """`routes.get`."""
    found = state.seen(ask).routes.get(ask.names["name"])
    if found is None:
        raise _missing(ask.names["name"])
    return Reply(200, found.json(state.project))


def list_(state: State, ask: Ask) -> Reply:
    """`routes.list`; of filters it knows `field = "value"`, joined by AND, as hafw writes them."""
    wanted = re.findall(r'(\w+) = "([^"]*)"', ask.request.query.get("filter", ""))
    shown = [route.json(state.project) for route in state.seen(ask).routes.values()]
    items = [one for one in shown if all(str(one.get(key)) == value for key, value in wanted)]
    return Reply(200, {"kind": "compute#routeList", "items": items})


def insert(state: State, ask: Ask) -> Reply:
    """`routes.insert`."""
    body = ask.request.body
    name, hop = text(body, "name"), text(body, "nextHopInstance")
    if name in state.things.routes or state.busy(_path(name)):
        raise ApiError(409, "alreadyExists", f"The resource '{_path(name)}' already exists")
    wanted = rf"(?:^|projects/{re.escape(state.project)}/)(zones/([^/]+)/instances/([^/]+))$"
    found = re.search(wanted, hop)
    instance = state.things.instances.get((found[2], found[3])) if found else None
    if found is None or instance is None:
        raise ApiError(400, "invalid", f"Invalid value for field 'nextHopInstance': '{hop}'")
    try:
        dest_range = str(ip_network(text(body, "destRange")))
    except ValueError as problem:
        raise ApiError(400, "invalid", f"Invalid value for field 'destRange': {problem}") from None
    if not instance.can_ip_forward:
        raise ApiError(400, "invalid", f"Instance '{instance.name}' must have canIpForward set")
    route = Route(
        id=state.next_id(),
        name=name,
        dest_range=dest_range,
        next_hop=found[1],
        priority=int(body.get("priority", 1000)),
        network=text(body, "network").rpartition("/")[2],
        description=str(body.get("description", "")),
    )

    def land(at_s: float) -> None:
        state.put_route(name, route, at_s)

    return state.begin(ask, _path(name), land, touches=[_path(name)])


def delete(state: State, ask: Ask) -> Reply:
    """`routes.delete`."""
    name = ask.names["name"]
    if name not in state.things.routes:
        raise _missing(name)
    if state.busy(_path(name)):
        raise ApiError(400, "resourceNotReady", f"The resource '{_path(name)}' is not ready")

    def land(at_s: float) -> None:
        state.put_route(name, None, at_s)

    return state.begin(ask, _path(name), land, touches=[_path(name)])


def next_hops(things: Things, dest_range: str) -> list[str]:
    """The instances to which traffic for `dest_range` goes: one, unless routes are equally good."""
    found = [route for route in things.routes.values() if route.dest_range == dest_range]
    best = min((route.priority for route in found), default=0)
    return [route.next_hop.rpartition("/")[2] for route in found if route.priority == best]


def _missing(name: str) -> ApiError:
    return ApiError(404, "notFound", f"The resource '{_path(name)}' was not found")


def _path(name: str) -> str:
    return f"global/routes/{name}"
