"""Seeded bugs of a node whose worker cannot prepare what one of its groups needs.

One rule: as in `hafw_sim.mutants`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch

from hafw.core import engine, group, handover
from hafw_sim.mutants import Patch, seeded

if TYPE_CHECKING:
    from hafw.core.model import GroupBeat


@seeded(
    "nothing is taken that the worker could not prepare for",
    "the_survivor_takes_what_it_could_prepare_for",
)
def a_cold_group_is_taken() -> list[Patch]:
    original = group.Group.willing

    def willing(self: group.Group, engine_: engine.Engine) -> bool:
        cold, engine_.cold = engine_.cold, {}
        try:
            return original(self, engine_)
        finally:
            engine_.cold = cold

    return [patch.object(group.Group, "willing", willing)]


@seeded(
    "a group that runs is not moved because the worker could not prepare for it again",
    "an_owner_that_could_not_prepare_again_keeps_what_it_has",
)
def a_cold_owner_gives_away() -> list[Patch]:
    original = handover._reason_to_give

    def reason(group_: group.Group, word: GroupBeat, engine_: engine.Engine) -> str | None:
        return engine_.cold.get(group_.id) or original(group_, word, engine_)

    return [patch.object(handover, "_reason_to_give", reason)]
