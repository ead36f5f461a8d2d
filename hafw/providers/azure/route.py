"""The mover `route`: the VIP is outside every subnet, and a route of each table leads to it.

One rule: the next hop and the epoch are one conditional write of the table, so of two writers one
is refused, and an older epoch never takes the route back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hafw.hooks.errors import Conflict, StaleEpoch
from hafw.hooks.hookspecs import Holder, VipObservation
from hafw.providers.azure.errors import Busy, Changed
from hafw.providers.azure.values import UPDATING

if TYPE_CHECKING:
    from hafw.providers.azure.api import Arm
    from hafw.providers.azure.values import Document, Json, Move


def observe(arm: Arm, move: Move) -> VipObservation:
    """Read every table: MINE only if all lead here."""
    tables = _tables(arm, move)
    for table in tables:
        if not table.settled:
            who = f"{table.name} is {table.state}: packets may not follow what it shows"
            return VipObservation(holder=Holder.UNKNOWN, who=who)
    hops = {_hop(table, move) for table in tables}
    if hops == {move.me}:
        return VipObservation(holder=Holder.MINE)
    strangers = sorted(hops - {move.me, move.peer, ""})
    if strangers:
        return VipObservation(holder=Holder.PEER, who=strangers[0])
    if move.peer in hops:
        return VipObservation(holder=Holder.PEER, who=move.peer)
    who = "only some tables lead here" if move.me in hops else ""
    return VipObservation(holder=Holder.FREE, who=who)


def attach(arm: Arm, move: Move) -> bool:
    """Let every table lead here. Says whether that was needed."""
    tables = _tables(arm, move)
    for table in tables:  # all of them before the first is changed
        _check(table, move)
    todo = [table for table in tables if not _is_done(table, move)]
    for table in todo:
        written = arm.write_table(_with(table, move))
        if _hop(written, move) != move.me:
            raise Changed(f"{table.name} does not lead to {move.me} any more")
    return bool(todo)


def detach(arm: Arm, move: Move) -> bool:
    """Remove the routes that lead here; the epoch stays in the table. Says if there were any."""
    tables = _tables(arm, move)
    mine = [table for table in tables if _hop(table, move) == move.me]
    for table in mine:
        if table.state == UPDATING:
            raise Busy(f"{table.name} is being changed", 0.0)
        routes = [one for one in _routes(table) if not _is_ours(one, move)]
        arm.write_table(table.changed(move.tag, table.epoch(move.tag), routes=routes))
    return bool(mine)


def plan(move: Move) -> tuple[str, ...]:
    """The calls of an attach."""
    steps = [f"routeTables.get {name}" for name in move.tables]
    for name in move.tables:
        to = f"{move.cidr} to {move.me}, epoch {move.epoch}"
        steps += [
            f"routeTables.createOrUpdate {name}: {to}, if unchanged",
            f"routeTables.get {name}, until it is Succeeded and leads here",
        ]
    return tuple(steps)


def scopes(arm: Arm, move: Move) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What the calls need where: to be asked for before it is needed."""
    wanted = ("Microsoft.Network/routeTables/read", "Microsoft.Network/routeTables/write")
    return tuple((table.id, wanted) for table in _tables(arm, move))


def _tables(arm: Arm, move: Move) -> list[Document]:
    return [arm.table(name) for name in move.tables]


def _check(table: Document, move: Move) -> None:
    if table.state == UPDATING:
        raise Busy(f"{table.name} is being changed", 0.0)
    epoch, hop = table.epoch(move.tag), _hop(table, move)
    if epoch > move.epoch:
        raise StaleEpoch(f"{table.name} is of a newer epoch than {move.epoch}")
    if hop not in (move.me, move.peer, ""):
        raise Conflict(
            f"{table.name} leads {move.cidr} to {hop}, neither node's next hop; remove that route, "
            "or correct next_hop in the cluster file"
        )
    if epoch == move.epoch and hop == move.peer:
        raise Conflict(f"epoch {epoch} of {move.cidr} is already {move.peer}'s")


def _is_done(table: Document, move: Move) -> bool:
    epoch = table.epoch(move.tag)
    return table.settled and epoch == move.epoch and _hop(table, move) == move.me


def _with(table: Document, move: Move) -> Document:
    """The same with the route here, under the name that it has if it is there."""
    old = next((one for one in _routes(table) if _is_ours(one, move)), None)
    name = f"hafw-{re.sub(r'[^0-9a-f]', '-', move.address)}"
    route = {
        "name": old["name"] if old else name,
        "properties": {
            "addressPrefix": move.cidr,
            "nextHopType": "VirtualAppliance",
            "nextHopIpAddress": move.me,
        },
    }
    others = [one for one in _routes(table) if one is not old]
    return table.changed(move.tag, move.epoch, routes=[*others, route])


def _routes(table: Document) -> list[Json]:
    return list(table.body["properties"].get("routes") or [])


def _is_ours(route: Json, move: Move) -> bool:
    return bool(route["properties"].get("addressPrefix") == move.cidr)


def _hop(table: Document, move: Move) -> str:
    """Where a table leads the address; empty: nowhere of its own."""
    for route in _routes(table):
        if _is_ours(route, move):
            properties = route["properties"]
            return str(properties.get("nextHopIpAddress") or properties["nextHopType"])
    return ""
