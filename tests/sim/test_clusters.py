"""A user's own cluster file is simulated: its times, groups, links and protection."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from hafw.config.engine import to_settings
from hafw_sim.campaign import campaign
from hafw_sim.clusters import as_pair
from hafw_sim.lab.pair import Design
from hafw_sim.play import play
from hafw_sim.schedule import decode
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
    "none, a group with two addresses": Design(vips=(TWO_ADDRESSES,), reflect=False),
}


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
    assert decode(schedule.encode(), "file") == schedule
    assert play(schedule).violations == []


def test_processes_change_nothing_of_a_files_result(tmp_path: Path) -> None:
    pair = as_pair(Design().cluster(tmp_path))

    alone = campaign(0, 10, jobs=1, pair=pair)
    shared = campaign(0, 10, jobs=2, pair=pair)

    assert alone.failed == []
    assert shared == alone
