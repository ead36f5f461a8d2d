"""A cluster file's own times are tried before the cluster is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hafw.config.engine import to_settings
from hafw.config.render import render
from hafw_sim.lab.pair import Design
from hafw_sim.lab.topology import Lan
from hafw_sim.predict import (
    Network,
    a_year,
    advise,
    predict,
    reckoned_moves_a_year,
    split_risk,
)
from hafw_sim.sim_commands import sim

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000
QUIET = Network(loss=0.0, jitter_ns=1 * MS)


def test_a_quiet_network_moves_nothing_and_a_crash_costs_deadtime(tmp_path: Path) -> None:
    cluster = Design().cluster(tmp_path)

    seen = predict(cluster, QUIET, quiet_s=600, crashes=5)

    assert (seen.moves, seen.closures, seen.unserved) == (0, 0, 0)
    assert len(seen.outages_ns) == 5
    for outage_ns in seen.outages_ns:
        assert cluster.timing.deadtime_ns <= outage_ns + 100 * MS <= 1_300 * MS


def test_a_dreadful_network_is_called_so(tmp_path: Path) -> None:
    cluster = Design(reflect=False, best_effort=True).cluster(tmp_path)

    seen = predict(cluster, Network(loss=0.9, jitter_ns=5 * MS), quiet_s=120, crashes=0)

    assert seen.closures + seen.moves > 0


def test_without_protection_nobody_takes_over(tmp_path: Path) -> None:
    cluster = Design(reflect=False).cluster(tmp_path)

    seen = predict(cluster, QUIET, quiet_s=10, crashes=2)

    assert seen.unserved == 2


@pytest.mark.parametrize(
    ("count", "hours", "rate"), [(0, 10.0, "< 2.6e+03"), (1, 8_766.0, "1"), (3, 1.0, "2.63e+04")]
)
def test_a_rate_is_a_bound_where_nothing_was_seen(count: int, hours: float, rate: str) -> None:
    assert a_year(count, hours) == rate


def test_the_risk_of_a_split_rises_with_the_loss_and_is_nil_without(tmp_path: Path) -> None:
    settings = to_settings(Design().cluster(tmp_path), "alpha")

    risks = [split_risk(settings, loss) for loss in (0.0, 0.01, 0.1)]
    worst = split_risk(settings, 0.1, only_owners_uplink=True)

    assert risks[0] == 0.0 < risks[1] < risks[2] < 1e-8
    assert worst < 1e-8


def test_reckoned_failovers_rise_with_the_loss_and_fall_with_the_paths(tmp_path: Path) -> None:
    one_link = Design(reflect=False, lans=(Lan.HEARTBEAT,)).cluster(tmp_path)
    reflected = Design().cluster(tmp_path)
    alone, several = (to_settings(each, "alpha") for each in (one_link, reflected))

    rates = [reckoned_moves_a_year(alone, loss) for loss in (0.0, 0.1, 0.5)]

    assert rates[0] == 0.0 < rates[1] < rates[2]
    assert reckoned_moves_a_year(several, 0.5) < 1e-3 * rates[2]


def test_advice_grows_with_the_worst_gap_and_beats_with_the_loss() -> None:
    calm = advise(0.001, 100 * MS, 2)
    slow = advise(0.001, 2_000 * MS, 2)
    lossy = advise(0.5, 100 * MS, 1)

    assert calm.deadtime_ns == 200 * MS < slow.deadtime_ns == 4_000 * MS
    assert calm.deadtime_ns // calm.keepalive_ns < lossy.deadtime_ns // lossy.keepalive_ns
    for advice in (calm, slow, lossy):
        assert advice.keepalive_ns < advice.warntime_ns < advice.deadtime_ns < advice.initdead_ns
        assert advice.moves_a_year <= 0.01


def test_the_commands_print_what_a_person_can_paste(tmp_path: Path) -> None:
    file = tmp_path / "cluster.toml"
    file.write_text(render(Design().cluster(tmp_path)))

    predicted = CliRunner().invoke(sim, ["predict", str(file), "--hours", "0.05", "--crashes", "3"])
    tuned = CliRunner().invoke(sim, ["tune", "--worst-gap", "180ms"])

    assert predicted.exit_code == 0, predicted.output
    assert "needless failovers    0 (< " in predicted.stdout
    assert "served again after" in predicted.stdout
    assert tuned.stdout.splitlines()[:2] == ["[timing]", 'keepalive = "36ms"']
