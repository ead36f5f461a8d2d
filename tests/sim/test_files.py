"""Operators change cluster files; an agent takes what it reads as the real one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.agent.reload import refusal
from hafw.config.model import Protection
from hafw_sim.campaign import Result, run_seeds
from hafw_sim.draw import Draw
from hafw_sim.episodes import WITHIN
from hafw_sim.lab.pair import Design
from hafw_sim.play import play
from hafw_sim.schedule import Decision, Pair, Schedule
from hafw_sim.schedule_file import decode, encode
from hafw_sim.trial import Trial

if TYPE_CHECKING:
    from pathlib import Path

S = 1_000_000_000
SLOWER = {"keepalive_s": 2.0, "warntime_s": 10.0, "deadtime_s": 20.0, "initdead_s": 60.0}


def test_a_changed_file_is_in_force_when_both_nodes_have_it() -> None:
    trial = Trial(Pair())
    engine = trial.world.engine(0)

    trial.do("edit", node="alpha", **SLOWER)
    trial.do("reload", node="alpha")
    trial.run("5s")
    alone_ns = engine.settings.timing.deadtime_ns
    trial.do("edit", node="beta", **SLOWER)
    trial.do("reload", node="beta")
    trial.run("5s")

    assert (alone_ns, engine.settings.timing.deadtime_ns) == (10 * S, 20 * S)


def test_an_agent_knows_nothing_of_a_file_that_it_has_not_read() -> None:
    trial = Trial(Pair())

    trial.do("edit", node="alpha", best_effort="yes")
    trial.run("5s")

    engine = trial.world.engine(0)
    assert not engine.settings.groups[0].best_effort


def test_a_file_that_would_be_refused_is_never_written() -> None:
    trial = Trial(Pair())
    before = trial.world.files.read(0)

    trial.do("edit", node="alpha", keepalive_s=9.0)

    assert trial.world.files.read(0) == before


def test_an_added_group_comes_with_a_restart_and_not_with_a_reload(tmp_path: Path) -> None:
    trial = Trial(Pair())
    with_one, with_two = (
        Design(vips=vips).cluster(tmp_path) for vips in (Design().vips, (*Design().vips, ()))
    )

    for node in ("alpha", "beta"):
        trial.do("edit", node=node, add_group=True)
        trial.do("reload", node=node)
    reloaded = [list(node.engine.groups) for node in trial.world.nodes if node.engine]
    for node in ("alpha", "beta"):
        trial.do("operator", node=node, verb="stop")
        trial.run("3s")
        trial.do("boot", node=node)
        trial.run("20s")

    assert "resources of group 2" in refusal(with_one, with_two)
    assert reloaded == [[1], [1]]
    assert trial.owner(2) in ("alpha", "beta")


def test_an_agent_takes_a_changed_protection_without_a_restart(tmp_path: Path) -> None:
    strict = Design().cluster(tmp_path)
    loose = Design(best_effort=True).cluster(tmp_path)

    assert loose.protection is Protection.BEST_EFFORT
    assert "protection" not in refusal(strict, loose)


def test_what_an_operator_left_half_done_is_finished_when_everything_is_made_whole() -> None:
    trial = Trial(Pair())

    trial.do("edit", node="beta", add_group=True, **SLOWER)
    trial.run("5s")
    trial.heal()

    for node in trial.world.nodes:
        assert node.engine is not None
        assert list(node.engine.groups) == [1, 2]
        assert node.engine.settings.timing.deadtime_ns == 20 * S


def test_a_run_with_a_changed_file_comes_back_from_its_schedule() -> None:
    changes = (
        Decision(5 * S, "edit", {"node": "alpha", **SLOWER}),
        Decision(6 * S, "reload", {"node": "alpha"}),
        Decision(7 * S, "crash", {"node": "beta"}),
    )
    schedule = Schedule(Pair(), changes, 60 * S)

    again = decode(encode(schedule), "file")

    assert again == schedule
    assert play(again, traced=True).trace == play(schedule, traced=True).trace != ""


@pytest.mark.parametrize("seed", range(3))
def test_a_file_is_never_changed_on_both_nodes_at_once(seed: int) -> None:
    changing = [kind for kind in WITHIN if kind.__name__ in ("new_file", "new_group")]

    for kind in changing:
        drawn = list(kind(Draw(seed, Pair())))
        edits = {after_s: args["node"] for what, args, after_s in drawn if what == "edit"}

        assert len(edits) == sum(what == "edit" for what, _, _ in drawn)


def test_the_swarm_sees_files_that_only_one_node_has() -> None:
    wanted, result = {"new file on one node only", "new file in force"}, Result()

    for seed in range(30):  # as many as it takes: which seed draws a new file is of no interest
        result.merge(run_seeds([seed]))
        if wanted <= set(result.seen):
            break

    assert result.failed == []
    assert wanted <= set(result.seen)
