"""The mover `route`: the VIP is the destination of a static route to the holder's instance.

One rule: the route of a newer epoch has the better priority, so inserting it moves the traffic at
once and without a gap, and an older epoch never takes it back; the old route is removed afterwards.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import Conflict, ProviderError, StaleEpoch, UnknownOutcome
from hafw.hooks.hookspecs import Holder, VipObservation
from hafw.providers.gcp.errors import decided, landed
from hafw.providers.gcp.values import Route

if TYPE_CHECKING:
    from hafw.providers.gcp.api import Compute
    from hafw.providers.gcp.values import Move

WORST: Final = 60_000
SPAN: Final = 50_000
"""Priorities from 60,000 down, one for each epoch; after so many moves they begin anew."""
READS: Final = 3
"""How often the list is read for a route that must be in it."""


def observe(compute: Compute, move: Move) -> VipObservation:
    """Say where traffic for the address goes."""
    routes = _routes(compute, move)
    best = min((route.priority for route in routes), default=0)
    hops = {route.next_hop for route in routes if route.priority == best}
    match sorted(hops):
        case []:
            return VipObservation(holder=Holder.FREE)
        case [hop] if hop == str(move.me):
            return VipObservation(holder=Holder.MINE)
        case [hop]:
            return VipObservation(holder=Holder.PEER, who=hop.rpartition("/")[2] or "another route")
    who = f"equally good routes to {move.cidr} lead to {' and '.join(sorted(hops))}"
    return VipObservation(holder=Holder.UNKNOWN, who=who)


def attach(compute: Compute, move: Move) -> tuple[str, ...]:
    """Insert the route of this epoch, see that it counts, remove older ones: by which operations.

    Empty: there was nothing to do.
    """
    inserted = _insert(compute, move)
    with landed(f"route {_name(move)}"):
        routes = _routes_with_own(compute, move)
    _check_own(routes, move)
    obstacle = _obstacle(routes, move)
    if obstacle is not None:
        with landed(f"route {_name(move)}"):
            compute.delete_route(move.me.project, _name(move), move.deadline_ns)
        raise obstacle
    done = [inserted]
    older = [route for route in routes if (_epoch(route, move) or move.epoch) < move.epoch]
    for route in older:
        with landed(f"route {_name(move)}"):
            done.append(_remove(compute, route, move))
    return tuple(filter(None, done))


def detach(compute: Compute, move: Move) -> tuple[str, ...]:
    """Remove the routes of this cluster that lead here, if there are any: by which operations."""
    mine = [
        route
        for route in _routes(compute, move)
        if _epoch(route, move) is not None and route.next_hop == str(move.me)
    ]
    return tuple(filter(None, [_remove(compute, route, move) for route in mine]))


def plan(move: Move) -> tuple[str, ...]:
    """The calls of an attach."""
    return (
        f"routes.insert {_name(move)}: {move.cidr} to {move.me}, priority {_priority(move)}",
        "globalOperations.wait, until it is DONE: from then on traffic comes here",
        f"routes.list of {move.cidr}, to see that no newer epoch and no foreign route is there",
        "routes.delete of the route of the older epoch, if there is one, and its wait",
    )


def _insert(compute: Compute, move: Move) -> str:
    route = Route(
        name=_name(move),
        network=move.network,
        dest_range=move.cidr,
        priority=_priority(move),
        next_hop=str(move.me),
        description=f"hafw {move.owner} epoch {move.epoch}",
    )
    try:
        return compute.insert_route(move.me.project, route, move.deadline_ns)
    except Conflict:
        return ""  # the name is taken: by an earlier try of ours, or not; the list will tell


def _routes_with_own(compute: Compute, move: Move) -> tuple[Route, ...]:
    """Read the routes until the one of this epoch is there: a list may be out of date."""
    for _ in range(READS):
        routes = _routes(compute, move)
        if any(route.name == _name(move) for route in routes):
            return routes
    raise UnknownOutcome(f"route {_name(move)} is not in the list after it was inserted")


def _check_own(routes: tuple[Route, ...], move: Move) -> None:
    """Raise Conflict if the route of this epoch is the other node's."""
    for route in routes:
        if route.name == _name(move) and route.next_hop != str(move.me):
            raise Conflict(f"epoch {move.epoch} of {move.cidr} is already {route.next_hop}'s")


def _obstacle(routes: tuple[Route, ...], move: Move) -> ProviderError | None:
    """Why this node cannot be the holder: a newer epoch, or a route that hafw may not remove."""
    for route in routes:
        epoch = _epoch(route, move)
        if epoch is None and route.priority <= _priority(move):
            return Conflict(
                f"route {route.name} to {move.cidr} is not of this cluster and has priority "
                f"{route.priority}; remove it, or give it one above {WORST}"
            )
        if epoch is not None and epoch > move.epoch:
            return StaleEpoch(f"route {route.name} is of a newer epoch than {move.epoch}")
    return None


def _remove(compute: Compute, route: Route, move: Move) -> str:
    """Delete a route, which somebody else may be doing as well."""
    return decided(
        lambda: compute.delete_route(move.me.project, route.name, move.deadline_ns),
        move.deadline_ns,
    )


def _routes(compute: Compute, move: Move) -> tuple[Route, ...]:
    return compute.routes(move.me.project, move.network, move.cidr, move.deadline_ns)


def _epoch(route: Route, move: Move) -> int | None:
    """The epoch of a route of this cluster and group; None: it is somebody else's."""
    found = re.fullmatch(rf"hafw {re.escape(move.owner)} epoch (\d+)", route.description)
    return int(found[1]) if found else None


def _name(move: Move) -> str:
    """A name that one cluster, address and epoch have to themselves: 63 characters at most."""
    cluster = re.sub(r"[^0-9a-z]", "", move.owner.lower())[:8]
    return f"hafw-{cluster}-{re.sub(r'[^0-9a-f]', '-', move.address)}-{move.epoch}"


def _priority(move: Move) -> int:
    return WORST - move.epoch % SPAN
