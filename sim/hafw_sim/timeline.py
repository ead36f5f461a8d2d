"""Tells a played run as a person reads it: one line per thing that happened, in lanes.

One rule: the lanes are always the same: what was done, each node, and who has each address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.play import Player

_LANES: Final = ("done", "alpha", "beta", "address")


def tell(player: Player) -> Iterator[str]:
    """The lines of a run that has been played."""
    yield f"{'time':>12}  {'lane':<8}"
    for at_ns, lane, text in sorted(_rows(player), key=lambda row: (row[0], _LANES.index(row[1]))):
        yield f"{at_ns / 1e9:12.6f}  {lane:<8} {text}"


def _rows(player: Player) -> Iterator[tuple[int, str, str]]:
    for decision in player.schedule.decisions:
        words = " ".join(f"{name}={value}" for name, value in decision.args.items())
        yield decision.at_ns, "done", f"{decision.kind} {words}".rstrip()
    for node in player.world.nodes:
        for at_ns, note in node.notes:
            group = f"group {note.group}: " if note.group else ""
            yield at_ns, node.name, f"{note.name:<20} {group}{note.text}"
    for group_id, begin_ns, end_ns in player.world.kernels.overlaps:
        lasted_ms = (end_ns - begin_ns) / 1e6
        yield begin_ns, "address", f"BOTH serve group {group_id}, for {lasted_ms:.3f} ms"
