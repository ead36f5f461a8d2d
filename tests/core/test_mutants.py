"""A safety rule whose deletion turns no story red is not tested: each seeded bug must be killed."""

from __future__ import annotations

import pytest

from hafw.core.duties import DUTIES, Certificate
from hafw_sim.mutants import MUTANTS, killer


@pytest.mark.parametrize("name", MUTANTS)
def test_seeded_bug_turns_its_story_red(name: str) -> None:
    killed_by = killer(MUTANTS[name])

    assert killed_by is not None, f"nobody noticed: {MUTANTS[name].rule}"
    assert killed_by.startswith(MUTANTS[name].story)


@pytest.mark.parametrize("half", ["holder", "taker"])
@pytest.mark.parametrize("certificate", [Certificate.RELEASED, *DUTIES][1:])
def test_each_half_of_each_certificate_has_a_mutant(certificate: Certificate, half: str) -> None:
    has_an_own_mutant = any(
        mutant.rule.startswith(f"{certificate}, {half}:") for mutant in MUTANTS.values()
    )
    answered_by_the_worker_only = certificate is Certificate.FENCED
    of_a_person = (certificate, half) == (Certificate.OPERATOR, "holder")

    assert has_an_own_mutant or answered_by_the_worker_only or of_a_person
