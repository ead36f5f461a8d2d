"""Random runs find nothing, run the same twice, and find the bugs that are there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from click.testing import CliRunner

from hafw.agent.journal import engine_hash
from hafw.core.settings import SECOND
from hafw_sim.campaign import Result, campaign, run_seeds
from hafw_sim.campaign_file import Finding, begin, save
from hafw_sim.mutants import MUTANTS, applied, corpus
from hafw_sim.play import play
from hafw_sim.schedule import Decision, Pair, Schedule
from hafw_sim.schedule_file import load
from hafw_sim.shrink import failure, shrink
from hafw_sim.sim_commands import sim
from hafw_sim.swarm import draw_schedule

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE, PORTION = 60, 10


@pytest.mark.parametrize("first", range(0, SAMPLE, PORTION))
def test_a_sample_of_seeds_finds_nothing(first: int) -> None:
    result = run_seeds(range(first, first + PORTION))

    assert result.failed == []
    assert result.seeds == PORTION


@pytest.mark.parametrize("path", corpus(), ids=lambda path: path.name)
def test_what_failed_once_does_not_fail_again(path: Path) -> None:
    assert play(load(path)).violations == []


def test_the_same_seed_runs_the_same_whatever_the_hash_seed() -> None:
    program = (
        "from hafw_sim.play import play\n"
        "from hafw_sim.swarm import draw_schedule\n"
        "print(*(play(draw_schedule(seed), traced=True).trace for seed in (1, 2, 3)))"
    )

    traces = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1", "77")
    }

    assert len(traces) == 1


def test_processes_change_nothing_of_the_result() -> None:
    [alone] = campaign(100, 20, jobs=1)
    [shared] = campaign(100, 20, jobs=2)

    assert shared == alone


@pytest.mark.parametrize("jobs", [1, 2])
def test_chunks_are_those_seeds_in_their_turn_and_the_last_may_be_short(jobs: int) -> None:
    chunks = list(campaign(100, 20, chunk=9, jobs=jobs))

    assert [each.seeds for each in chunks] == [9, 9, 2]
    assert chunks[2] == run_seeds([118, 119])


def test_merging_does_not_depend_on_the_order() -> None:
    parts = [run_seeds([seed]) for seed in (3, 1, 2)]
    forwards, backwards = Result(), Result()
    for part in parts:
        forwards.merge(part)
    for part in reversed(parts):
        backwards.merge(part)

    assert forwards == backwards


def test_a_bug_is_found_and_cut_down_to_the_two_faults_that_matter() -> None:
    with applied(MUTANTS["reflected_holder_never_lets_go"]):
        found = next(seed for seed in range(259, 262) if failure(draw_schedule(seed)) == "S2")
        smallest = shrink(draw_schedule(found))

        assert failure(smallest) == "S2"
        assert len(smallest.decisions) == 2

    assert play(smallest).violations == []


def test_the_command_writes_what_it_finds_and_ends_with_status_1(tmp_path: Path) -> None:
    with applied(MUTANTS["reflected_holder_never_lets_go"]):
        done = CliRunner().invoke(
            sim, ["swarm", "--start", "260", "--seeds", "2", "--jobs", "1", "--out", str(tmp_path)]
        )
        schedule = next(tmp_path.glob("*.hasim.jsonl"))
        again = CliRunner().invoke(sim, ["replay", str(schedule)])

    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].startswith("2 seeds; ")
    assert again.exit_code == 1
    assert "BOTH" in again.stdout
    assert schedule.with_name(schedule.name.replace(".hasim.jsonl", ".html")).exists()
    assert len(list(tmp_path.glob("test_*.py"))) == 1


def test_the_commands_end_with_status_0_when_all_is_well() -> None:
    results = [
        CliRunner().invoke(sim, words)
        for words in (
            ["swarm", "--seeds", "2", "--jobs", "1"],
            ["replay", "1"],
            ["scenario", "crash_reflected"],
            ["mutants", "unknown_is_ok"],
            ["list"],
        )
    ]

    assert [result.exit_code for result in results] == [0] * 5


@pytest.mark.parametrize("words", [["scenario", "x"], ["mutants", "x"], ["replay", "x.jsonl"]])
def test_what_is_not_there_is_a_usage_error(words: list[str]) -> None:
    assert CliRunner().invoke(sim, words).exit_code == 2


def test_a_campaign_is_continued_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "campaign.json"
    command = ["campaign", str(file), "--jobs", "1", "--chunk", "2"]
    no_mutants = patch("hafw_sim.campaign_file.kill_mutants", lambda *_: None)

    with no_mutants:
        begun = CliRunner().invoke(sim, [*command, "--seeds", "3"])
        ended = CliRunner().invoke(sim, [*command, "--seeds", "5"])

    record = json.loads(file.read_text())
    assert (begun.exit_code, ended.exit_code) == (0, 0)
    assert record["seeds"] == record["wanted"] == 5
    assert record["findings"] == []
    assert sum(record["faults"].values()) == sum(run_seeds(range(5)).faults.values())


def test_what_is_not_found_again_when_a_campaign_goes_on_is_settled(tmp_path: Path) -> None:
    quiet = Schedule(Pair(), (), 60 * SECOND)
    moves = (
        Decision(5 * SECOND, "maintenance", {"node": "alpha", "on": True}),
        Decision(10 * SECOND, "crash", {"node": "alpha"}),
    )
    record = begin(tmp_path / "campaign.json", 0, 2, liveness=False)
    record.findings = [Finding(0, "S2 once"), Finding(1, "S2 as ever")]

    with applied(MUTANTS["taken_on_silence"]):
        record.settle([quiet, replace(quiet, decisions=moves)].__getitem__)

    assert record.settled == [Finding(0, "S2 once")]
    assert record.findings == [Finding(1, "S2 as ever")]


def test_a_campaign_that_is_over_settles_what_it_found_and_keeps_that(tmp_path: Path) -> None:
    file = tmp_path / "campaign.json"
    record = begin(file, 0, 1, liveness=False)
    record.seeds, record.findings = 1, [Finding(0, "S2 once")]
    record.mutants = {"each": "killed"}
    save(file, record)

    done = CliRunner().invoke(sim, ["campaign", str(file), "--seeds", "1", "--jobs", "1"])

    assert done.exit_code == 0, done.output
    assert json.loads(file.read_text())["settled"] == [{"seed": 0, "violation": "S2 once"}]


def test_a_campaign_is_not_continued_by_another_engine(tmp_path: Path) -> None:
    file = tmp_path / "campaign.json"
    save(file, begin(file, 0, 1, liveness=False))
    file.write_text(file.read_text().replace(engine_hash(), "another"))

    done = CliRunner().invoke(sim, ["campaign", str(file)])

    assert done.exit_code == 2
    assert "is of engine another" in done.stderr
