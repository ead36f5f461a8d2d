"""A campaign has the same result whoever plays it: another Python, or a Dask cluster."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from click.testing import CliRunner
from distributed import LocalCluster

from hafw_sim import crew
from hafw_sim.campaign import campaign
from hafw_sim.crew import NoCrew
from hafw_sim.sim_commands import sim

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _another_engine() -> str:
    return "another"


NOBODY = "tcp://127.0.0.1:1"


@pytest.fixture(name="dask", scope="module")
def a_cluster_with_one_worker_process() -> Iterator[str]:
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
    ) as cluster:
        yield cluster.scheduler_address


def test_a_dask_cluster_changes_nothing_of_the_result(dask: str) -> None:
    [alone] = campaign(40, 20, jobs=1, liveness=True)

    [spread] = campaign(40, 20, dask=dask, liveness=True)

    assert spread == alone
    assert spread.seeds == 20


def test_the_command_plays_on_a_dask_cluster(dask: str) -> None:
    done = CliRunner().invoke(sim, ["swarm", "--seeds", "2", "--dask", dask])

    assert done.exit_code == 0, done.output
    assert done.stderr.startswith("2 seeds; 0 findings; ")


def test_a_worker_with_another_engine_is_refused(dask: str) -> None:
    with (
        patch.object(crew, "engine_hash", _another_engine),
        pytest.raises(NoCrew, match="install the same hafw on every worker"),
    ):
        list(campaign(0, 1, dask=dask))


def test_a_scheduler_that_is_not_there_is_a_usage_error() -> None:
    with patch.object(crew, "PATIENCE_S", 0.2):
        done = CliRunner().invoke(sim, ["swarm", "--dask", NOBODY])

    assert done.exit_code == 2
    assert f"no Dask scheduler answers at {NOBODY}" in done.stderr


def test_without_the_extra_the_command_names_it() -> None:
    with patch.dict(sys.modules, {"distributed": None}):
        done = CliRunner().invoke(sim, ["swarm", "--dask", NOBODY])

    assert done.exit_code == 2
    assert "install hafw[dask]" in done.stderr


def test_another_python_changes_nothing_of_the_result() -> None:
    [alone] = campaign(40, 20, jobs=1)
    [spread] = campaign(40, 20, jobs=2, python=sys.executable)

    assert spread == alone


@pytest.mark.parametrize(
    ("python", "why"),
    [
        ("/nowhere/python", "is no Python that can be run"),
        ("/bin/true", "does not say which one it is"),
        ("OLD", "OldPython 2.7.18; 3.11 or newer is needed"),
        ("ENDS", "a player has ended"),
    ],
)
def test_what_cannot_play_is_refused_with_the_reason(python: str, why: str, tmp_path: Path) -> None:
    for name, script in (
        ("OLD", "echo 34017520 OldPython 2.7.18"),
        ("ENDS", 'test "$1" = -m || echo 51120240 Brief 3.12.0'),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    found = str(tmp_path / python) if python.isupper() else python

    done = CliRunner().invoke(sim, ["swarm", "--seeds", "1", "--python", found])

    assert done.exit_code == 2
    assert why in done.stderr
