"""What `hafw precheck --live-probe` tries on Compute Engine: the assumptions of docs/gcp.md.

One rule: without a scratch address the only change that is asked for carries a wrong fingerprint,
so that it must be refused, and writes what is there already.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import Denied, Misconfigured, ProviderError
from hafw.hooks.findings import Findings
from hafw.probe_rounds import there_and_back
from hafw.providers.gcp.errors import Changed, decided
from hafw.providers.gcp.orders import check_identity, move_of, mover_of

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import VipObservation, VipRequest
    from hafw.providers.gcp.api import Compute
    from hafw.providers.gcp.values import Move

WRONG: Final = "aGFmdw=="
"""No fingerprint of anything: "hafw" in the form of one."""


def probe(vip: VipRequest, compute: Compute, address: str) -> Findings:
    """The mover of `vip`, by a wrong fingerprint, and with the scratch `address` if any."""
    notes = Findings(f"mover {vip.options['mover']}")
    try:
        check_identity(move_of(vip).me)
        if vip.options["mover"] == "alias-ip":
            _fingerprint(move_of(vip), compute, notes)
    except ProviderError as problem:
        notes.refused("probe.fingerprint", problem)
        return notes
    if address:
        notes.where = f"{notes.where}, {address}"
        there_and_back(_Scratch(replace(vip, address=address, group=0), compute), notes)
    return notes


class _Scratch:
    """The scratch address on Compute Engine. Epochs rise with the clock, from probe to probe."""

    def __init__(self, vip: VipRequest, compute: Compute) -> None:
        """`vip`: the address as this node would have it."""
        self._mover, self._compute = mover_of(vip), compute
        self._move = replace(move_of(vip), epoch=int(time.time()))

    def seen(self) -> VipObservation:
        found: VipObservation = self._mover.observe(self._compute, self._move)
        return found

    def bring(self, *, to_peer: bool) -> None:
        move = self._peers() if to_peer else self._move
        decided(lambda: self._mover.attach(self._compute, move), move.deadline_ns)

    def give_up(self) -> None:
        for move in (self._move, self._peers()):
            decided(
                lambda move=move: self._mover.detach(self._compute, move),  # type: ignore[misc]
                move.deadline_ns,
            )

    def _peers(self) -> Move:
        move = self._move
        return replace(move, me=move.peer, peer=move.me, epoch=move.epoch + 1)


def _fingerprint(move: Move, compute: Compute, notes: Findings) -> None:
    """Whether a change of what has changed is refused, and whether it may be asked for."""
    server = compute.server(move.me, move.deadline_ns)
    seen = server.interfaces.get(move.me.nic)
    if seen is None:
        raise Misconfigured(f"{move.me} has no network interface {move.me.nic}; correct nic")
    try:
        compute.set_aliases(
            move.me, replace(seen, fingerprint=WRONG), seen.aliases, move.deadline_ns
        )
    except Changed:
        notes.ok("probe.fingerprint", "a change with a wrong fingerprint is refused, and allowed")
    except Denied as problem:
        notes.refused("probe.fingerprint", problem)
    except ProviderError as problem:
        what = f"a change with a wrong fingerprint is refused in other words: {problem}"
        notes.warn("probe.fingerprint", what, "report them")
    else:
        what = "a change with a wrong fingerprint was made: two nodes could both win"
        notes.error("probe.fingerprint", what, "do not use this mover, and report this")
