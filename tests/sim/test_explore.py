"""Exhaustive searches end, say truly how, and what they find plays again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from click.testing import CliRunner

from hafw.agent.journal import engine_hash
from hafw_sim.explore import expand
from hafw_sim.explore.acts import fault
from hafw_sim.explore.canonical import _WRITERS, canonical
from hafw_sim.explore.command_models import SMALL_COMMANDS
from hafw_sim.explore.hunts import HUNTS, hunt
from hafw_sim.explore.models import MODELS, SMALL
from hafw_sim.explore.record import begin, save
from hafw_sim.explore.rules import bounds
from hafw_sim.explore.search import Search
from hafw_sim.explore_command import search_all
from hafw_sim.mutants import MUTANTS, applied
from hafw_sim.play import play
from hafw_sim.schedule_file import decode, encode, load
from hafw_sim.sim_commands import sim

if TYPE_CHECKING:
    from pathlib import Path

    from hafw_sim.explore.acts import Act
    from hafw_sim.explore.model import Model
    from hafw_sim.explore.search import Result

ENOUGH_S = 300.0
"""Each search takes a second or two: this is for a machine that has other things to do."""
TINY = {name: replace(model, faults=1, depth=12) for name, model in SMALL.items()}
ISOLATION = TINY["small-isolation"]
ACCOUNTED = {
    "": {"clockwork", "kernels", "net", "nodes", "weather", "workers"}
    | {"asked", "files", "resumed_ns", "devices", "disks", "store", "taps", "violations", "_lots"},
    "net": {"links", "to_ping", "from_ping", "ping_up", "ping_reflects", "service_lan", "doomed"}
    | {"_clockwork", "_weather", "answer", "deliver", "sent"},
    "workers": {"started", "recent", "stale_landings", "feed"}
    | {
        "_clockwork",
        "_kernels",
        "_machines",
        "_devices",
        "_network",
        "_store",
        "_violate",
        "_weather",
    },
    "kernels": {"_clockwork", "_machines", "_spans", "both_ns", "frozen_within", "overlaps"},
    "store": {"up", "readings", "shown"} | {"_clockwork", "_weather", "feed", "late_landings"},
    "devices": {"_clockwork", "_weather", "cut", "feed", "shots"},
    "disks": {"_clockwork", "_weather", "feed"},
    "clockwork": {"_heap", "_seq", "_streams", "events", "now_ns", "seed", "steady", "watch"},
}
"""Attributes of what a walk knows by name; no model changes the files, or leaves
anything to chance."""
BREACHES = {
    "a store that forgets": ("small-lease", fault("store_forgets")),
    "a device that lies": ("small-fence", fault("fence_lies", lies=True)),
}
"""What no engine withstands: each in a model that has it besides what is its own."""
SAMPLE = (
    "no_wait",
    "reflected_holder_never_lets_go",
    "released_before_the_stop",
    "nobody_yields",
    "leased_taker_waits_for_nothing",
    "unknown_fence_counts",
    "proof_is_no_evidence",
    "operator_without_name",
    "shot_in_maintenance",
)


ORDERS = {model.name: replace(model, depth=5) for model in SMALL_COMMANDS}
"""The beginning of each model of commands: long enough for a crash, its silence, and an order."""


def _seen(result: Result) -> tuple[object, ...]:
    return result.states, result.counts.transitions, result.depth, result.left, result.complete


@pytest.mark.parametrize("model", TINY.values(), ids=TINY)
def test_a_small_model_is_searched_to_its_end_and_nothing_is_found(model: object) -> None:
    result = Search(model, rest_every=2).run(ENOUGH_S)  # type: ignore[arg-type]

    assert result.complete, str(result)
    assert result.states > 10
    assert result.counts.rested > 0


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_no_model_changes_a_file_behind_its_agent(model: Model) -> None:
    """So what was written is what is on the disk, and a walk need not tell it twice."""
    assert not {act.kind for act in model.acts} & {"lose_state", "roll_back_state"}


def test_two_processes_see_what_one_sees() -> None:
    alone = Search(ISOLATION).run(ENOUGH_S, jobs=1)
    shared = Search(ISOLATION).run(ENOUGH_S, jobs=2)

    assert _seen(shared) == _seen(alone)


def test_a_search_that_is_stopped_says_so_and_how_much_is_left() -> None:
    result = Search(ISOLATION).run(0.0)

    assert not result.complete
    assert not result.wrong
    assert result.left > 0
    assert f"not complete: stopped by the budget at depth {result.depth}" in str(result)


def test_a_search_that_would_need_too_much_memory_is_stopped() -> None:
    with patch("hafw_sim.explore.search.WAITING_MAX", 3):
        result = Search(ISOLATION).run(ENOUGH_S)

    assert not result.complete
    assert "stopped by the bound on states that wait" in str(result)


def test_a_search_to_a_depth_is_complete_within_so_many_ticks() -> None:
    result = Search(replace(ISOLATION, depth=2)).run(ENOUGH_S)

    assert result.complete
    assert result.left > 0
    assert str(result).endswith("complete within the bounds (1 fault, 2 at once, 2 ticks)")


def test_what_a_model_leaves_of_the_budget_goes_to_the_next() -> None:
    results = list(search_all([replace(ISOLATION, depth=0), ISOLATION], ENOUGH_S, jobs=1))

    assert [result.complete for result in results] == [True, True]


# --- findings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLE)
def test_a_mutant_is_found_and_its_schedule_shows_the_same(name: str) -> None:
    result = hunt(name)

    assert result.finding is not None, str(result)
    schedule = decode(encode(result.finding.schedule), "finding")
    with applied(MUTANTS[name]):
        assert result.finding.problem in play(schedule).violations
    assert play(schedule).violations == []


def test_the_first_finding_is_a_shortest_one() -> None:
    result = hunt("reflected_holder_never_lets_go")

    assert result.finding is not None
    shorter = replace(SMALL[HUNTS["reflected_holder_never_lets_go"]], depth=result.depth)
    with applied(MUTANTS["reflected_holder_never_lets_go"]):
        assert Search(shorter).run(ENOUGH_S).complete


def test_every_hunt_is_for_a_mutant_in_a_model_that_there_is() -> None:
    assert set(HUNTS) <= set(MUTANTS)
    assert set(HUNTS.values()) <= set(SMALL)
    assert len(HUNTS) > 22


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_of_contract_by_what_authority_rests_on_is_found(name: str) -> None:
    model, breach = BREACHES[name]

    result = Search(replace(SMALL[model], acts=(*SMALL[model].acts, breach))).run(ENOUGH_S)

    assert result.finding is not None, str(result)
    assert "S2 " in result.finding.problem
    assert breach.kind in {each.kind for each in result.finding.schedule.decisions}


# --- commands -----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ORDERS.values(), ids=ORDERS)
def test_each_command_of_a_model_is_obeyed_in_some_run(model: Model) -> None:
    result = Search(model, rest_every=0).run(ENOUGH_S)

    assert not result.wrong, str(result)
    assert set(result.counts.obeyed) == {_command(act) for act in model.acts} - {""}


def _command(act: Act) -> str:
    """The command of an act, as it is told; "" if it is none."""
    if act.kind == "maintenance":
        return "maintenance on" if act.args["on"] else "maintenance off"
    vouched = " --peer-is-off" if act.args.get("vouches") else ""
    return f"{act.args['verb']}{vouched}" if act.kind == "operator" else ""


def test_the_commands_that_were_obeyed_are_told_with_the_result() -> None:
    acts = (fault("operator", node="alpha", verb="standby"),)

    result = Search(replace(ISOLATION, acts=acts)).run(ENOUGH_S)

    assert result.counts.obeyed["standby"] > 0
    assert f"obeyed: {result.counts.obeyed['standby']} standby; complete" in str(result)


def test_a_hand_over_by_command_that_comes_too_early_is_found_under_a_lease() -> None:
    with applied(MUTANTS["released_before_the_stop"]):
        result = Search(SMALL["small-commands-lease"]).run(ENOUGH_S)

    assert result.finding is not None, str(result)
    assert "S2 beta starts group 1 as released" in result.finding.problem
    assert result.finding.schedule.decisions[-1].kind == "operator"


@pytest.mark.parametrize(
    ("done", "true"), [("nothing", False), ("freeze", False), ("kill", False), ("crash", True)]
)
def test_a_person_says_that_the_other_node_is_off_only_when_it_is(done: str, true: object) -> None:
    world = expand._unpack(expand.Expander(TINY["small-vouched-fence"], 0).initial().world)
    if done != "nothing":
        fault(done, node="alpha").do(world)

    vouched = fault("operator", node="beta", verb="takeover", vouches=True)

    assert vouched.makes_sense(world) is true


# --- the canonical form -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["small-restart", "small-lease", "small-fence-or-lease"])
def test_worlds_of_one_form_go_on_alike(name: str) -> None:
    with patch.object(expand, "AUDIT_EVERY", 1):
        result = Search(TINY[name]).run(ENOUGH_S)

    assert result.counts.audited > 10
    assert not result.wrong, str(result)


def test_a_form_that_leaves_out_too_much_is_noticed() -> None:
    blind = patch.dict(_WRITERS, {dict: lambda *_: None})  # to the fates of operations to come
    acts = (
        fault("fate", node="alpha", operation="stop", outcome="unknown", lands=False),
        fault("operator", node="alpha", verb="standby"),
    )

    with blind, patch.object(expand, "AUDIT_EVERY", 1):
        result = Search(replace(ISOLATION, acts=acts)).run(ENOUGH_S)

    assert result.wrong
    assert "the canonical form is wrong: form " in str(result)


def test_a_form_refuses_what_it_does_not_know() -> None:
    world = expand._unpack(expand.Expander(ISOLATION, 0).initial().world)
    world.net.ping_up = object()  # type: ignore[assignment]

    with pytest.raises(KeyError, match="the canonical form knows no object"):
        canonical(world, bounds(world.nodes[0].settings))


@pytest.mark.parametrize("part", ACCOUNTED, ids=lambda part: part or "world")
def test_every_part_of_a_world_is_written_down_or_known_not_to_matter(part: str) -> None:
    world = expand._unpack(expand.Expander(ISOLATION, 0).initial().world)

    attributes = set(vars(getattr(world, part) if part else world))

    assert attributes == ACCOUNTED[part], "see hafw_sim.explore.canonical, Walk.whole"


@pytest.mark.parametrize(
    ("name", "ticks"), [("small-isolation", 1), ("small-fence", 1), ("small-lease", 3)]
)
def test_time_alone_makes_no_new_form(name: str, ticks: int) -> None:
    """Whoever holds no lease reads it once in its length, which is three ticks."""
    model = TINY[name]
    expander = expand.Expander(model, 0)
    world = expand._unpack(expander.initial().world)
    world.run_until(world.now_ns + 20 * model.tick_ns)
    settled = expander._form(world, 0)

    world.run_until(world.now_ns + ticks * model.tick_ns)

    assert expander._form(world, 0) == settled


# --- the command --------------------------------------------------------------------------------


def test_the_command_ends_with_what_was_seen() -> None:
    with patch.dict(SMALL, TINY):
        done = CliRunner().invoke(
            sim, ["explore", "small-isolation", "small-rivals", "--budget", "300s", "--jobs", "1"]
        )

    assert done.exit_code == 0
    assert done.stdout.count("complete within the bounds") == 2
    assert done.stderr.startswith("2 models; 2 complete within their bounds; 0 findings; ")


def test_the_command_writes_what_it_finds_and_ends_with_status_1(tmp_path: Path) -> None:
    words = ["explore", "small-isolation", "--budget", "300s", "--jobs", "1", "--out"]
    with applied(MUTANTS["no_wait"]):
        done = CliRunner().invoke(sim, [*words, str(tmp_path)])
        file = tmp_path / "s2-explore-small-isolation.hasim.jsonl"
        again = CliRunner().invoke(sim, ["replay", str(file)])

    assert done.exit_code == again.exit_code == 1
    assert "FOUND after" in done.stdout
    assert json.loads(file.read_text().splitlines()[0])["note"].startswith("explore small-")
    assert load(file).decisions
    assert file.with_name("s2-explore-small-isolation.html").exists()
    assert (tmp_path / "test_s2_explore_small_isolation.py").exists()


def test_an_unknown_model_is_a_usage_error_and_the_list_names_all() -> None:
    refused = CliRunner().invoke(sim, ["explore", "moon"])
    listed = CliRunner().invoke(sim, ["list"])

    assert refused.exit_code == 2
    assert "no model moon; see `hafw sim list`" in refused.stderr
    assert all(f"  {name}: " in listed.stdout for name in MODELS | SMALL)


def test_the_mutants_are_told_with_the_search_that_finds_them() -> None:
    done = CliRunner().invoke(sim, ["mutants", "no_wait"])

    assert done.exit_code == 0
    assert "explore small-isolation: " in done.stdout
    assert "FOUND after 3 ticks" in done.stdout


# --- the record ---------------------------------------------------------------------------------


def test_a_record_goes_on_with_what_it_lacks(tmp_path: Path) -> None:
    file = tmp_path / "explore.json"
    words = ["explore", "small-isolation", "--jobs", "1", "--record", str(file), "--budget"]
    short = {"small-isolation": replace(SMALL["small-isolation"], depth=4)}
    with patch.dict(SMALL, short), patch.dict(HUNTS, {"no_wait": "small-isolation"}, clear=True):
        stopped, ended, again = (
            CliRunner().invoke(sim, [*words, budget]) for budget in ("1us", "300s", "300s")
        )

    record = json.loads(file.read_text())
    assert [done.exit_code for done in (stopped, ended, again)] == [0, 0, 0]
    assert "not complete" in stopped.stdout
    assert "complete within the bounds" in ended.stdout
    assert again.stderr.startswith("0 models; ")
    assert record["models"]["small-isolation"]["complete"]
    assert record["mutants"]["no_wait"]["finding"].startswith("S2 ")


def test_a_record_is_not_continued_by_another_engine(tmp_path: Path) -> None:
    file = tmp_path / "explore.json"
    save(file, begin(file))
    file.write_text(file.read_text().replace(engine_hash(), "another"))

    done = CliRunner().invoke(sim, ["explore", "--record", str(file)])

    assert done.exit_code == 2
    assert "is of engine another" in done.stderr
