"""Moves a VIP that nobody uses to this node, to the other, and away again: how long it takes.

One rule: it begins only with an address that nobody has, and ends with one that nobody has; if that
cannot be seen, the finding says so.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

from hafw.hooks.errors import ProviderError
from hafw.hooks.hookspecs import Holder

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.hooks.findings import Findings
    from hafw.hooks.hookspecs import VipObservation

SHOWN_S: Final = 30.0
"""How long it is looked for whether a read shows what was done."""
_PAUSE_S: Final = 0.2


class Scratch(Protocol):
    """An address that may be moved about. Every method raises the errors of the contract."""

    def seen(self) -> VipObservation:
        """Who has it, as this node sees it."""

    def bring(self, *, to_peer: bool) -> None:
        """Bring it to a node, as a takeover does."""

    def give_up(self) -> None:
        """Take it from both nodes."""


def there_and_back(
    scratch: Scratch,
    notes: Findings,
    *,
    rests: frozenset[Holder] = frozenset({Holder.FREE}),
    while_here: Callable[[], None] = lambda: None,
) -> None:
    """Move it. `rests`: what it may be before; `while_here`: what else is tried on this node."""
    try:
        before = scratch.seen()
        if before.holder not in rests:
            what = f"{before.who or before.holder} has it, so it is not moved"
            notes.error("probe.scratch", what, "name an address that nobody uses")
            return
        try:
            _bring(scratch, notes, Holder.MINE)
            while_here()
            _bring(scratch, notes, Holder.PEER)
        finally:
            _leave(scratch, notes, before.holder)
    except ProviderError as problem:
        notes.refused("probe.move", problem)


def _bring(scratch: Scratch, notes: Findings, wanted: Holder) -> None:
    where = "this node" if wanted is Holder.MINE else "the other node"
    began_s = time.monotonic()
    scratch.bring(to_peer=wanted is Holder.PEER)
    moved_s = time.monotonic() - began_s
    if _shown(scratch, wanted):
        shown_s = time.monotonic() - began_s
        told = f"it came to {where} in {moved_s:.1f} s, and was shown there after {shown_s:.1f} s"
        notes.ok("probe.move", told)
    else:
        what = f"it came to {where} in {moved_s:.1f} s, and is not shown there after {SHOWN_S:g} s"
        notes.error("probe.move", what, "look where it is, and report this")


def _leave(scratch: Scratch, notes: Findings, before: Holder) -> None:
    """As it was, whatever went wrong."""
    scratch.give_up()
    if before is not Holder.FREE and scratch.seen().holder is not before:
        scratch.bring(to_peer=before is Holder.PEER)
    if _shown(scratch, before):
        notes.ok("probe.scratch", "it is left as it was")
    else:
        what = f"it was given up, and is shown as {scratch.seen().holder}"
        notes.error("probe.scratch", what, "look where it is, and remove it there by hand")


def _shown(scratch: Scratch, wanted: Holder) -> bool:
    until_s = time.monotonic() + SHOWN_S
    while scratch.seen().holder is not wanted:
        if time.monotonic() >= until_s:
            return False
        time.sleep(_PAUSE_S)
    return True
