"""docs/proofs: the model holds at its bounds, and a search finds every rule that is deleted."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROOFS = Path(__file__).parents[2] / "docs" / "proofs"
MODEL = PROOFS / "authority.pml"
DEPTH = 1_000_000
"""Longest run that is searched, in transitions."""
DEADLINE_S = 300.0
"""For one step; on an idle core the longest takes nine seconds."""

BOUNDS = {
    "leased|fenced": "-DSLOW_WORKER",
    "fenced+leased": "-DBOTH=1",
    "leased": "-DFENCED=0 -DSHOTS=0 -DCRASHES=1",
    "fenced": "-DLEASED=0 -DCRASHES=1 -DSHOTS=2 -DSLOW_WORKER",
}
"""What is searched to its end: the options of each protection."""

BUGS = {
    "BUG_ANSWER_TO_ANOTHER_START_IS_EVIDENCE": ("-DFENCED=0 -DSHOTS=0 -DCRASHES=1 -DCUTS=2 -DD=2"),
    "BUG_ANSWER_TO_ANOTHER_START_IS_FRESH": "-DLEASED=0 -DSLOW_WORKER",
    "BUG_BINDS_IGNORED": "-DCUTS=2 -DROLLBACKS=1 -DD=2",
    "BUG_CLAIM_OUTLIVES_ITS_SILENCE": "-DFENCED=0 -DSHOTS=0 -DCUTS=2 -DW=5",
    "BUG_DATED_BY_RECEIPT": "-DFENCED=0 -DSHOTS=0",
    "BUG_DOUBT_COUNTS": "-DFENCED=0 -DSHOTS=0",
    "BUG_HEARD_AFTER_THE_ORDER": "-DLEASED=0 -DSLOW_WORKER",
    "BUG_NO_MARGIN_FOR_DRIFT": "-DDRIFT -DFENCED=0 -DSHOTS=0",
    "BUG_OLD_WORD_RELEASES": "-DLEASED=0",
    "BUG_ONE_READING": "-DLEASED=0",
    "BUG_PROOF_NOT_ANNOUNCED": "-DCUTS=2 -DROLLBACKS=1 -DD=2",
    "BUG_PROOF_OUTLIVES_A_BEAT": "-DLEASED=0",
    "BUG_SILENCE_NOT_NEEDED": "-DFENCED=0 -DSHOTS=0",
    "BUG_SWAP_NOT_NEEDED": "-DFENCED=0 -DSHOTS=0",
    "BUG_TAKER_DOES_NOT_WAIT_W": "-DFENCED=0 -DSHOTS=0",
    "BUG_UNADDRESSED_WORD_BINDS": "-DSLOW_WORKER -DCUTS=2 -DD=2",
    "BUG_UNHEARD_TAKES_BY_LEASE": "",
    "BUG_UNKNOWN_FENCE_COUNTS": "-DLEASED=0",
}
"""A rule that is deleted, and what must go wrong for that to matter."""

LONG = (
    "BUG_ANSWER_TO_ANOTHER_START_IS_EVIDENCE",
    "BUG_BINDS_IGNORED",
    "BUG_NO_MARGIN_FOR_DRIFT",
    "BUG_PROOF_NOT_ANNOUNCED",
    "BUG_UNADDRESSED_WORD_BINDS",
)
"""What is worth an optimising compiler; the rest is found before that would be ready."""

needs_spin = pytest.mark.skipif(
    not (shutil.which("spin") and shutil.which("gcc")),
    reason="spin or gcc is not installed: apt install spin gcc",
)


def searched(options: str, where: Path, optimise: str = "-O1") -> str:
    """What spin says of the model with these options, all states tried or a violation found."""
    commands = (
        ["spin", "-a", *options.split(), str(MODEL)],
        ["gcc", "-w", optimise, "-DSAFETY", "-DCOLLAPSE", "-o", "pan", "pan.c"],
        ["./pan", "-E", f"-m{DEPTH}"],
    )
    for command in commands:
        done = subprocess.run(
            command, cwd=where, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_spin
@pytest.mark.timeout(DEADLINE_S)
@pytest.mark.parametrize("protection", BOUNDS)
def test_nothing_that_may_go_wrong_opens_a_group_twice(protection: str, tmp_path: Path) -> None:
    said = searched(BOUNDS[protection], tmp_path)

    assert "errors: 0" in said, said
    assert "Search not completed" not in said
    assert "too small" not in said


@needs_spin
@pytest.mark.timeout(DEADLINE_S)
@pytest.mark.parametrize("bug", BUGS)
def test_a_deleted_rule_is_found(bug: str, tmp_path: Path) -> None:
    optimise = "-O1" if bug in LONG else "-O0"

    said = searched(f"-D{bug} {BUGS[bug]}", tmp_path, optimise)

    assert "assertion violated" in said, said


def test_every_rule_that_can_be_deleted_is() -> None:
    assert set(re.findall(r"\bBUG_\w+", MODEL.read_text())) == set(BUGS)


def test_every_search_is_on_the_page() -> None:
    page = (PROOFS / "README.md").read_text()
    wanted = {f"`{name}`": options for name, options in (BOUNDS | BUGS).items()}
    rows = {row.split(" | ")[0].removeprefix("| "): row for row in page.splitlines()}

    assert [name for name in wanted if wanted[name] not in rows.get(name, "")] == []
