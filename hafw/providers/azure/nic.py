"""The mover `nic`: the VIP is an IP configuration of the holder's network interface.

One rule: an address has one owner, and Azure sees to that; so it is first taken from the peer, on
the ETag under which it was seen there, and then claimed, which fails if somebody else was quicker.
The epoch stands in a tag of the same interface, in the same write; an older one changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import Conflict, Misconfigured, StaleEpoch
from hafw.hooks.hookspecs import Holder, VipObservation
from hafw.providers.azure.calls import CONFIGS_MOVE
from hafw.providers.azure.errors import Busy, Changed, Missing
from hafw.providers.azure.values import UPDATING, Document

if TYPE_CHECKING:
    from hafw.providers.azure.api import Arm
    from hafw.providers.azure.values import Json, Move

_CONFIGS: Final = "ipConfigurations"


def observe(arm: Arm, move: Move) -> VipObservation:
    """Look at both interfaces, and if neither has it, at every one of the resource group."""
    mine, theirs = arm.nic(move.me), _peers(arm, move)
    unsettled = [
        nic
        for nic in (mine, theirs)
        if nic is not None and not nic.settled and (nic is mine or _has(nic, move.address))
    ]
    if unsettled:
        who = f"{unsettled[0].name} is {unsettled[0].state}: packets may not follow what it shows"
        return VipObservation(holder=Holder.UNKNOWN, who=who)
    at_peer = theirs is not None and _has(theirs, move.address)
    if _has(mine, move.address):
        if at_peer:
            who = f"both interfaces show {move.address}: one answer is out of date"
            return VipObservation(holder=Holder.UNKNOWN, who=who)
        return VipObservation(holder=Holder.MINE)
    if at_peer:
        return VipObservation(holder=Holder.PEER, who=move.peer)
    for other in arm.nics():
        if other.name not in (move.me, move.peer) and _has(other, move.address):
            return VipObservation(holder=Holder.PEER, who=other.name)
    return VipObservation(holder=Holder.FREE)


def attach(arm: Arm, move: Move) -> bool:
    """Take the address from the peer, if it has it, and claim it. Says whether that was needed."""
    mine, theirs = arm.nic(move.me), _peers(arm, move)
    for nic in (mine, theirs):
        if nic is not None:
            _check(nic, move)
    at_peer = theirs is not None and _has(theirs, move.address)
    if _has(mine, move.address):
        if at_peer:
            raise Changed(f"both interfaces show {move.address}: one answer is out of date")
        if mine.settled and mine.epoch(move.tag) == move.epoch:
            return False
    if theirs is not None and (at_peer or not theirs.settled):
        if theirs.epoch(move.tag) == move.epoch and at_peer:
            raise Conflict(f"epoch {move.epoch} of {move.address} is already {move.peer}'s")
        one_step = at_peer and theirs.settled and not _has(mine, move.address)
        if one_step and move.one_call and move.alone:
            return _carry(arm, mine, theirs, move)
        arm.write_nic(_without(theirs, move))
    claimed = _claim(arm, mine, move)
    if not _has(claimed, move.address):
        raise Changed(f"{move.address} is not on {move.me} any more")
    return True


def _carry(arm: Arm, mine: Document, theirs: Document, move: Move) -> bool:
    """Leave the epoch on this node's interface, and let Azure move the address, in one call.

    That call depends on no ETag and no epoch, so it is for a move that nobody else can make. Where
    Azure refuses it, the address is taken and claimed.
    """
    marked = arm.write_nic(mine.changed(move.tag, move.epoch))
    (path,) = (one["id"] for one in _configs(theirs) if _address(one) == move.address)
    try:
        carried = arm.carry(str(path), _network(_subnet(mine)), marked)
    except Misconfigured:
        return attach(arm, replace(move, one_call=False))
    if not _has(carried, move.address):
        raise Changed(f"{move.address} is not on {move.me} any more")
    return True


def _claim(arm: Arm, mine: Document, move: Move) -> Document:
    """Add the address. An older claim of the peer that has landed meanwhile is looked at again."""
    try:
        return arm.write_nic(_with(mine, move))
    except Conflict as problem:
        theirs = _peers(arm, move)
        if theirs is None or not _has(theirs, move.address):
            raise
        raise Changed(f"{move.address} has come to {move.peer} meanwhile") from problem


def detach(arm: Arm, move: Move) -> bool:
    """Give the address up. Says whether it was here."""
    mine = arm.nic(move.me)
    if mine.state == UPDATING:
        raise Busy(f"{mine.name} is being changed", 0.0)
    if not _has(mine, move.address):
        return False
    left = arm.write_nic(_without(mine, move, epoch=mine.epoch(move.tag)))
    if _has(left, move.address):
        raise Changed(f"{move.address} is on {move.me} again")
    return True


def plan(move: Move) -> tuple[str, ...]:
    """The calls of an attach."""
    return (
        f"networkInterfaces.get {move.me}",
        f"networkInterfaces.get {move.peer}",
        f"networkInterfaces.createOrUpdate {move.peer}: without {move.address}, if unchanged",
        f"networkInterfaces.get {move.peer}, until it is Succeeded",
        f"networkInterfaces.createOrUpdate {move.me}: with {move.address}, if unchanged",
        f"networkInterfaces.get {move.me}, until it is Succeeded and has it",
    )


def scopes(arm: Arm, move: Move) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What the calls need where: to be asked for before it is needed."""
    mine, theirs = arm.nic(move.me), _peers(arm, move)
    both = (
        "Microsoft.Network/networkInterfaces/read",
        "Microsoft.Network/networkInterfaces/write",
    )
    join = ("Microsoft.Network/virtualNetworks/subnets/join/action",)
    nics = [nic for nic in (mine, theirs) if nic is not None]
    carry = [(_network(_subnet(mine)), CONFIGS_MOVE.permissions)] if move.one_call else []
    return (*((nic.id, both) for nic in nics), (_subnet(mine), join), *carry)


def _peers(arm: Arm, move: Move) -> Document | None:
    """The peer's interface; one that was deleted has nothing."""
    try:
        return arm.nic(move.peer)
    except Missing:
        return None


def _check(nic: Document, move: Move) -> None:
    if nic.state == UPDATING:
        raise Busy(f"{nic.name} is being changed", 0.0)
    if nic.epoch(move.tag) > move.epoch:
        raise StaleEpoch(f"{nic.name} was changed by a newer epoch than {move.epoch}")
    if _primary(nic)["properties"].get("privateIPAddress") == move.address:
        raise Misconfigured(
            f"{move.address} is the primary address of {nic.name}, and does not move; take another"
        )


def _configs(nic: Document) -> list[Json]:
    return list(nic.body["properties"][_CONFIGS])


def _address(config: Json) -> str:
    return str(config["properties"].get("privateIPAddress", ""))


def _has(nic: Document, address: str) -> bool:
    return any(_address(one) == address for one in _configs(nic))


def _primary(nic: Document) -> Json:
    return next(
        (one for one in _configs(nic) if one["properties"].get("primary")), _configs(nic)[0]
    )


def _subnet(nic: Document) -> str:
    """The path of the subnet that it is in."""
    return str(_primary(nic)["properties"]["subnet"]["id"])


def _network(subnet: str) -> str:
    return subnet.partition("/subnets/")[0]


def _without(nic: Document, move: Move, epoch: int | None = None) -> Document:
    left = [one for one in _configs(nic) if _address(one) != move.address]
    return nic.changed(move.tag, move.epoch if epoch is None else epoch, **{_CONFIGS: left})


def _with(nic: Document, move: Move) -> Document:
    """The same with the address, in the subnet of its primary configuration."""
    if _has(nic, move.address):
        return nic.changed(move.tag, move.epoch)
    added = {
        "name": f"hafw-{move.address}",
        "properties": {
            "privateIPAddress": move.address,
            "privateIPAllocationMethod": "Static",
            "privateIPAddressVersion": "IPv4",
            "primary": False,
            "subnet": {"id": _subnet(nic)},
        },
    }
    return nic.changed(move.tag, move.epoch, **{_CONFIGS: [*_configs(nic), added]})
