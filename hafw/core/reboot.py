"""What a boot of the machine does to the durable state, and how its starts are numbered.

One rule: wall time is never read, so an instant of the last boot says nothing in this one. What
restrains this node counts again from now: longer than it should, never shorter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw.core.duties import FOREVER

if TYPE_CHECKING:
    from hafw.core.effects import Durable

LOTS: Final = 1 << 16
"""How many numbers a start has to choose from."""


def next_start(last: int, lot: int) -> int:
    """The number of the start after number `last`: higher, and no number of any start before.

    A disk that was lost or set back has forgotten starts, whose number a count alone would give
    again. The other node may still answer what such a start said, and that must not pass for an
    answer to this one. `lot`: drawn at random for each start, below `LOTS`.
    """
    return (last // LOTS + 1) * LOTS + lot


def after_boot(state: Durable, now_ns: int) -> Durable:
    """The state as the first start after a boot must take it; `now_ns`: BOOTTIME."""
    kept = state.maintenance
    if kept is not None and kept.left_ns != FOREVER:
        kept = kept._replace(until_ns=now_ns + kept.left_ns)
    shots = tuple(now_ns for _ in state.shots)
    return replace(state, met=False, shots=shots, maintenance=kept)
