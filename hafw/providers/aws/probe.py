"""What `hafw precheck --live-probe` tries on EC2: the assumptions of docs/aws.md.

One rule: without a scratch address only an address is asked for that is in no subnet of anybody, so
that EC2 must refuse it; what it refuses it for shows whether it may be asked.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import Denied, ProviderError
from hafw.hooks.findings import Findings
from hafw.hooks.hookspecs import Holder, VipObservation
from hafw.probe_rounds import SHOWN_S, there_and_back
from hafw.providers.aws.calls import Use
from hafw.providers.aws.errors import NotThere, Refused, Taken
from hafw.providers.aws.metadata import Metadata, Unavailable
from hafw.providers.aws.moving import Seen, attach

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.hooks.hookspecs import VipRequest
    from hafw.providers.aws.api import Ec2
    from hafw.providers.aws.moving import Mover

NOBODYS: Final = "192.0.2.1"
NOBODYS6: Final = "2001:db8:ffff:ffff::1"
"""Addresses that no network has: RFC 5737 and RFC 3849 keep them for documentation."""
_LOOK_S: Final = 0.2


def probe(mover: Mover, vip: VipRequest, ec2: Ec2, address: str) -> Findings:
    """The mover of `vip`, on nobody's address and on the scratch `address`, where there is one."""
    notes = Findings(f"mover {vip.options['mover']}")
    if vip.options["mover"] == Use.ELASTIC_IP:
        what = "an Elastic IP is not probed: it would need a second one"
        notes.warn("probe.elastic_ip", what, "docs/aws.md has the commands to do so by hand")
        return notes
    if vip.options["mover"] == Use.PRIVATE_IP:
        _refusals(mover, vip, ec2, notes)
    if not address:
        return notes
    notes.where = f"{notes.where}, {address}"
    scratch = _Scratch(mover, replace(vip, address=address, group=0), ec2)
    if vip.options["mover"] == Use.ROUTE:  # it always leads somewhere
        there_and_back(scratch, notes, rests=frozenset({Holder.MINE, Holder.PEER}))
    else:
        there_and_back(scratch, notes, while_here=lambda: _races(scratch, notes))
    return notes


class _Scratch:
    """The scratch address on EC2."""

    def __init__(self, mover: Mover, vip: VipRequest, ec2: Ec2) -> None:
        """`vip`: the address as this node would have it."""
        self.mover, self.vip, self.ec2 = mover, vip, ec2
        self.peers = replace(vip, node=1 - vip.node)

    def seen(self) -> VipObservation:
        found = self.mover.seen(self.vip, self.ec2)
        return VipObservation(holder=found.holder, who=found.who)

    def bring(self, *, to_peer: bool) -> None:
        attach(self.mover, self.peers if to_peer else self.vip, self.ec2)

    def give_up(self) -> None:
        for vip in (self.vip, self.peers):
            with suppress(
                Refused
            ):  # what is not there, in unknown words; where it is, is seen next
                self.mover.give_up(vip, self.ec2)


def _refusals(mover: Mover, vip: VipRequest, ec2: Ec2, notes: Findings) -> None:
    """Whether the calls are allowed, and how it is refused to unassign what is not there."""
    stray = replace(vip, address=NOBODYS6 if ":" in vip.address else NOBODYS)
    try:
        mover.claim(stray, ec2, reassign=False)
    except Denied as problem:
        notes.refused("probe.assign", problem)
    except ProviderError as problem:
        notes.ok("probe.assign", f"it may be asked for: nobody's address was refused: {problem}")
    else:
        what = f"EC2 assigned {stray.address}, which is in no subnet; it is unassigned again"
        notes.error("probe.assign", what, "report this")
    try:
        gone = mover.give_up(stray, ec2)
    except Denied as problem:
        notes.refused("probe.unassign", problem)
    except ProviderError as problem:
        what = f"what is not there is refused in other words than expected: {problem}"
        notes.warn("probe.unassign", what, "report them: each costs one more look")
    else:
        told = "unassigned" if gone else "refused, in the words that are expected"
        notes.ok("probe.unassign", f"to unassign what is not there is {told}")


def _races(scratch: _Scratch, notes: Findings) -> None:
    """What a racer gets who wants it while this node has it, and when this node sees it."""
    mover, peers, ec2 = scratch.mover, scratch.peers, scratch.ec2
    _expect(notes, "probe.taken", Taken, lambda: mover.claim(peers, ec2, reassign=False))
    _expect(
        notes,
        "probe.not_there",
        NotThere,
        lambda: mover.dislodge(peers, ec2, Seen(Holder.PEER, peers.own("eni"))),
    )
    _metadata(scratch.vip, notes)


def _expect(
    notes: Findings, name: str, wanted: type[ProviderError], call: Callable[[], object]
) -> None:
    try:
        call()
    except wanted as problem:
        notes.ok(name, f"refused, in the words that are expected: {problem}")
    except ProviderError as problem:
        what = f"refused, in other words than expected: {problem}"
        notes.warn(name, what, "report them: each costs one more look at who has it")
    else:
        what = "it was not refused: two nodes that want it at once could both believe to have it"
        notes.error(name, what, "do not use this mover, and report this")


def _metadata(vip: VipRequest, notes: Findings) -> None:
    """How long this instance's metadata takes to follow."""
    metadata, began_s = Metadata(), time.monotonic()
    try:
        while not metadata.shows(vip.own("eni"), vip.address):
            if time.monotonic() - began_s > SHOWN_S:
                what = f"the metadata of this instance do not show it after {SHOWN_S:g} s"
                notes.error("probe.metadata", what, "a takeover waits for them: report this")
                return
            time.sleep(_LOOK_S)
    except Unavailable as problem:
        remedy = "run this on the instance itself"
        notes.warn("probe.metadata", f"they cannot be asked: {problem}", remedy)
    else:
        notes.ok("probe.metadata", "the metadata of this instance show it")
