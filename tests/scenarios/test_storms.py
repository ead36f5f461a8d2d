"""A service on a shared file, as a judge of whether two nodes ever ran it at a time."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.pair import Design
from hafw_sim.lab.topology import VIP
from hafw_sim.lab.writer import PROVIDER, interleaving, records
from hafw_sim.sim_commands import sim
from hafw_sim.storm import Weather, begin
from tests.scenarios.scene import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenarios.conftest import Stage


def test_a_storm_never_makes_two_nodes_write_and_the_service_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "storms.json"

    done = CliRunner().invoke(sim, ["storm", str(file), "--storms", "2"])

    record = begin(file)
    assert (done.exit_code, record.interleavings, record.unserved) == (0, [], [])
    assert record.storms == 2
    assert record.records > 100
    assert sum(record.faults.values()) >= 4


def test_a_record_of_another_engine_is_not_continued(tmp_path: Path) -> None:
    file = tmp_path / "storms.json"
    file.write_text('{"engine": "another"}')

    done = CliRunner().invoke(sim, ["storm", str(file), "--storms", "1"])

    assert done.exit_code == 2
    assert "is of engine another" in done.stderr


def test_the_results_of_storms_add_up() -> None:
    total = Weather(storms=1, faults={"kill": 1}, both_own_ms=0.5, interleavings=["a"])

    total.add(Weather(storms=2, faults={"kill": 1, "cut": 2}, records=7, interleavings=["b"]))

    assert (total.storms, total.records, total.both_own_ms) == (3, 7, 0.5)
    assert total.faults == {"cut": 2, "kill": 2}
    assert total.interleavings == ["a", "b"]


@pytest.mark.parametrize(
    ("written", "first"),
    [
        ([(1, 0), (2, 1), (2, 1), (3, 0)], ""),
        ([(1, 0), (2, 1), (1, 0), (2, 1)], "record 2: Record(epoch=1, node=0) after"),
        ([(2, 1), (2, 0)], "record 1: Record(epoch=2, node=0) and"),
    ],
)
def test_an_older_epoch_after_a_newer_one_is_two_at_a_time(
    written: list[tuple[int, int]], first: str, tmp_path: Path
) -> None:
    file = tmp_path / "shared"
    file.write_bytes(b"".join(struct.pack("!QI", *each) for each in written))

    found = interleaving(file)

    assert found.startswith(first)
    assert bool(found) == bool(first)


def test_the_judge_notices_a_protection_that_ends_no_service(stage: Stage, tmp_path: Path) -> None:
    """A lease lets an address go, but a frozen machine's service writes on when it thaws."""
    shared = tmp_path / "shared"
    design = Design(
        reflect=False, witness=True, provider=PROVIDER, options=(("file", str(shared)),)
    )
    scene = stage(design)
    scene.pair.until(shared.exists, "alpha to write")
    frozen_ns = scene.alpha.freeze()
    scene.watch.await_answer(VIP, frozen_ns, PATIENCE_S, "beta")
    scene.pair.until(lambda: len({r.node for r in records(shared)}) == 2, "beta to write")

    scene.alpha.thaw()

    scene.watch.await_answer(VIP, now_ns(), PATIENCE_S, "beta")
    scene.pair.until(lambda: interleaving(shared) != "", "alpha to write once more", PATIENCE_S)
