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
    "conflict_counts_as_renewal": "small-lease",
    "epochs_shared": "small-rivals",
    "evidence_dated_by_receipt": "small-one-way",
    "fenced_taker_shoots_nobody": "small-fence",
    "gate_without_timeout": "small-freeze",
    "granting_keeps_unarmed": "small-isolation",
    "late_opening_opens": "small-freeze",
    "leased_holder_ignores_the_peer": "small-lease",
    "leased_holder_never_lets_go": "small-lease",
    "leased_taker_waits_for_nothing": "small-lease",
    "leased_taker_without_the_lease": "small-lease",
    "no_wait": "small-isolation",
    "nobody_yields": "small-rivals",
    "operator_without_name": "small-commands-fence",
    "proof_is_no_evidence": "small-fence-or-lease",
    "reflected_holder_never_lets_go": "small-isolation",
    "reflected_taker_needs_nothing": "small-isolation",
    "released_before_the_stop": "small-operations",
    "shot_in_maintenance": "small-maintenance-fence",
    "start_before_durable": "small-restart",
    "unknown_fence_counts": "small-fence",
    "unknown_is_ok": "small-operations",
    "unknown_renewal_counts": "small-lease",
    "unmet_taker_trusts_the_lease": "small-fence-or-lease",
    "wait_is_too_short": "small-lease",
}
"""By mutant: the model that finds it."""


def hunt(name: str) -> Result:
    """Search for the mutant of that name; in one process, since the mutant lives in this one."""
    with applied(MUTANTS[name]):
        return Search(SMALL[HUNTS[name]], rest_every=REST_EVERY).run(BUDGET_S, jobs=1)
