"""A user's own cluster file is simulated: its times, groups, links and protection."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from click.testing import CliRunner

from hafw.cli.exits import Exit
from hafw.cli.main import main
from hafw.config.engine import to_settings
from hafw.config.model import Protection
from hafw.config.render import render
from hafw_sim.clusters import as_pair
from hafw_sim.lab.pair import Design
from hafw_sim.play import play
from hafw_sim.schedule_file import decode, encode
from hafw_sim.sim_commands import sim
from hafw_sim.swarm import draw_schedule

if TYPE_CHECKING:
    from pathlib import Path

TWO_ADDRESSES = (ip_address("10.1.1.111"), ip_address("10.1.1.112"))
DESIGNS = {
    "reflected": Design(),
    "best-effort": Design(reflect=False, best_effort=True, ping=False),
    "both classes, two groups": Design(
        vips=(TWO_ADDRESSES[:1], TWO_ADDRESSES[1:]), best_effort=True, auto_failback=True
    ),
    "leased": Design(witness=True),
    "fenced or leased": Design(reflect=False, witness=True, power=True),
    "fenced and leased": Design(witness=True, power=True, protection=Protection.FENCED_AND_LEASED),
    "none, a group with two addresses": Design(vips=(TWO_ADDRESSES,), reflect=False),
}


@pytest.fixture(name="file")
def a_cluster_file(tmp_path: Path) -> Path:
    file = tmp_path / "cluster.toml"
    file.write_text(render(Design().cluster(tmp_path)))
    return file


@pytest.mark.parametrize("design", DESIGNS.values(), ids=DESIGNS)
def test_the_pair_of_a_file_is_bound_as_the_file_says(design: Design, tmp_path: Path) -> None:
    cluster = design.cluster(tmp_path)

    simulated = as_pair(cluster).settings()

    for number, settings in enumerate(simulated):
        real = to_settings(cluster, cluster.nodes[number])
        same_name = {"cluster_id": real.cluster_id, "config_hash": real.config_hash}
        assert replace(settings, **same_name) == real  # type: ignore[arg-type]


@pytest.mark.parametrize("design", DESIGNS.values(), ids=DESIGNS)
def test_the_faults_are_drawn_for_the_pair_of_the_file(design: Design, tmp_path: Path) -> None:
    pair = as_pair(design.cluster(tmp_path))

    schedule = draw_schedule(3, pair=pair)

    assert schedule.pair.settings() == pair.settings()
    assert decode(encode(schedule), "file") == schedule
    assert play(schedule).violations == []


def test_the_command_says_what_to_expect_of_the_file(file: Path) -> None:
    words = ["swarm", "--config", str(file), "--seeds", "2", "--jobs", "1", "--loss", "0.5"]

    with (  # less of both: the words are the same, and come sooner
        patch("hafw_sim.swarm_commands.QUIET_BEATS", 100),
        patch("hafw_sim.swarm_commands.CRASHES", 3),
    ):
        done = CliRunner().invoke(sim, words)

    assert done.exit_code == 0, done.output
    assert done.stderr.startswith("2 seeds; 0 findings; ")
    for said in (
        "protection: reflected",
        "At 0.5 % loss and up to 5ms of delay",
        "needless failovers",
        "detected after",
        "served again after",
        "█",
    ):
        assert said in done.stdout


def test_a_file_that_is_refused_is_refused_as_by_config_check(file: Path) -> None:
    file.write_text(file.read_text().replace('deadtime = "1s"', 'deadtime = "150ms"'))

    checked = CliRunner().invoke(main, ["config", "check", "--config", str(file)])
    simulated = CliRunner().invoke(main, ["sim", "swarm", "--config", str(file)])

    assert simulated.exit_code == checked.exit_code == Exit.CONFIG
    assert "timing.deadtime" in simulated.stderr
    assert simulated.stderr == checked.stderr


def test_a_campaign_is_of_one_file_only(file: Path, tmp_path: Path) -> None:
    record = tmp_path / "campaign.json"
    words = ["campaign", str(record), "--jobs", "1", "--seeds", "1"]
    no_mutants = patch("hafw_sim.campaign_file.kill_mutants", lambda *_: None)

    with no_mutants:
        begun = CliRunner().invoke(sim, [*words, "--config", str(file)])
        continued = CliRunner().invoke(sim, words)

    assert begun.exit_code == 0, begun.output
    assert continued.exit_code == 2
    assert "is of config" in continued.stderr


def test_loss_without_a_file_is_a_usage_error() -> None:
    done = CliRunner().invoke(sim, ["swarm", "--loss", "3"])

    assert done.exit_code == 2
    assert "add --config FILE" in done.stderr
