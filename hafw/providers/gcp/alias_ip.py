"""The mover `alias-ip`: the VIP is an alias IP range of the holder's network interface.

One rule: a range has one owner, and Google sees to that; so an address is first taken from the
peer, on the fingerprint under which it was seen there, and then claimed, which fails if somebody
else was quicker. Ranges that are not the VIP's stay as they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.hooks.errors import Misconfigured, UnknownOutcome
from hafw.hooks.hookspecs import Holder, VipObservation
from hafw.providers.gcp.errors import Missing, landed
from hafw.providers.gcp.values import Alias, Interface

if TYPE_CHECKING:
    from hafw.providers.gcp.api import Compute
    from hafw.providers.gcp.values import Machine, Move


def observe(compute: Compute, move: Move) -> VipObservation:
    """Look at both interfaces, and if neither has it, at every instance in the two zones."""
    mine = _interface(compute, move.me, move).has(move.cidr)
    theirs = _interface_of_peer(compute, move).has(move.cidr)
    if mine and theirs:
        who = f"both instances show {move.cidr}: one answer is out of date"
        return VipObservation(holder=Holder.UNKNOWN, who=who)
    if mine:
        return VipObservation(holder=Holder.MINE)
    if theirs:
        return VipObservation(holder=Holder.PEER, who=move.peer.name)
    for zone in sorted({move.me.zone, move.peer.zone}):
        found = compute.holders(move.me.project, zone, move.cidr, move.deadline_ns)
        if found:
            return VipObservation(holder=Holder.PEER, who=found[0])
    return VipObservation(holder=Holder.FREE)


def attach(compute: Compute, move: Move) -> tuple[str, ...]:
    """Take the address from the peer, if it has it, and claim it: by which operations.

    Where a read says that it is here already, an unchanged write makes sure of that.
    """
    mine = _interface(compute, move.me, move)
    if mine.has(move.cidr):
        # Written as it was read: what was out of date is refused for its fingerprint.
        compute.set_aliases(move.me, mine, mine.aliases, move.deadline_ns)
        return ()
    theirs = _interface_of_peer(compute, move)
    done: tuple[str, ...] = ()
    if theirs.has(move.cidr):
        without = theirs.without(move.cidr)
        done += (compute.set_aliases(move.peer, theirs, without, move.deadline_ns),)
    claimed = (*mine.aliases, Alias(move.cidr, move.secondary))
    done += (compute.set_aliases(move.me, mine, claimed, move.deadline_ns),)
    with landed(f"the claim of {move.cidr}"):
        if not _interface(compute, move.me, move).has(move.cidr):
            raise UnknownOutcome(f"{move.cidr} is not on {move.me} after the change was DONE")
    return done


def detach(compute: Compute, move: Move) -> tuple[str, ...]:
    """Give the address up, if it is here: by which operations."""
    mine = _interface(compute, move.me, move)
    if not mine.has(move.cidr):
        return ()
    without = mine.without(move.cidr)
    done = compute.set_aliases(move.me, mine, without, move.deadline_ns)
    with landed(f"the removal of {move.cidr}"):
        if _interface(compute, move.me, move).has(move.cidr):
            raise UnknownOutcome(f"{move.cidr} is still on {move.me} after the change was DONE")
    return (done,)


def plan(move: Move) -> tuple[str, ...]:
    """The calls of an attach."""
    return (
        f"instances.get {move.me}",
        f"instances.get {move.peer}",
        f"instances.updateNetworkInterface {move.peer} {move.peer.nic}: without {move.cidr}",
        "zoneOperations.wait, until it is DONE",
        f"instances.updateNetworkInterface {move.me} {move.me.nic}: with {move.cidr}",
        "zoneOperations.wait, until it is DONE",
        f"instances.get {move.me}, to see it there",
    )


def _interface(compute: Compute, machine: Machine, move: Move) -> Interface:
    found = compute.server(machine, move.deadline_ns).interfaces.get(machine.nic)
    if found is None:
        raise Misconfigured(f"{machine} has no network interface {machine.nic}")
    return found


def _interface_of_peer(compute: Compute, move: Move) -> Interface:
    """What the peer has; a peer that was deleted has nothing."""
    try:
        return _interface(compute, move.peer, move)
    except Missing:
        return Interface("", ())
