"""Which operators' commands were obeyed: a model whose commands all are refused has tried none.

One rule: what is answered at once found nothing to do; obeyed is what was under way, and then done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.core.operator import DEGRADED, OK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw.core.model import OperatorAsked
    from hafw_sim.world import World


def under_way(world: World) -> dict[int, str]:
    """The commands that are being carried out: their names, by the numbers of their requests."""
    return {
        request.asked.request: _name(request.asked)
        for node in world.nodes
        if node.engine is not None
        for request in node.engine.requests
    }


def obeyed(world: World, commands: dict[int, str]) -> Iterator[str]:
    """The names of those that have been answered as done."""
    for node in world.nodes:
        for number, answer in node.answers.items():
            if number in commands and answer.code in (OK, DEGRADED):
                yield commands[number]


def _name(asked: OperatorAsked) -> str:
    return f"{asked.verb} --peer-is-off" if asked.peer_is_off is not None else str(asked.verb)
