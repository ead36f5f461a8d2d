"""Mutants that an exhaustive search finds, and in which small model it does.

One rule: a rule of safety is hunted where it matters: the model knows nothing of the mutant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw_sim.explore.models import SMALL
from hafw_sim.explore.search import Search
from hafw_sim.mutants import MUTANTS, applied

if TYPE_CHECKING:
    from hafw_sim.explore.search import Result

BUDGET_S: Final = 300.0
"""Each takes some seconds; this is for a machine that has other things to do."""
REST_EVERY: Final = 8
"""One state of so many must come to rest: some rules are missed only then."""

HUNTS: Final = {
    "arming_not_needed": "small-isolation",
    "epochs_shared": "small-rivals",
    "evidence_dated_by_receipt": "small-one-way",
    "gate_without_timeout": "small-freeze",
    "granting_keeps_unarmed": "small-isolation",
    "late_opening_opens": "small-freeze",
    "no_wait": "small-isolation",
    "nobody_yields": "small-rivals",
    "reflected_holder_never_lets_go": "small-isolation",
    "reflected_taker_needs_nothing": "small-isolation",
    "released_before_the_stop": "small-operations",
    "start_before_durable": "small-restart",
    "unknown_is_ok": "small-operations",
}
"""By mutant: the model that finds it."""


def hunt(name: str) -> Result:
    """Search for the mutant of that name; in one process, since the mutant lives in this one."""
    with applied(MUTANTS[name]):
        return Search(SMALL[HUNTS[name]], rest_every=REST_EVERY).run(BUDGET_S, jobs=1)
