"""docs/settings.md promises outages: each row of its table is a pair that keeps its promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from hafw.config import parse
from hafw.config.durations import parse_duration
from hafw.config.model import Fence
from hafw.config.render import render
from hafw.core.settings import SECOND, Timing
from hafw_sim.lab.pair import Design
from hafw_sim.predict import Network, predict

PAGE: Final = Path(__file__).parents[2] / "docs" / "settings.md"
FENCES: Final = ((Fence("aws", (("instance_id", "i-0fedcba9876543210"),), 60 * SECOND),),) * 2
TIMES: Final = ("keepalive", "warntime", "deadtime", "initdead")
CRASHES: Final = 2
NETWORK: Final = Network(loss=0.0, jitter_ns=5_000_000)


def _rows() -> list[dict[str, str]]:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.mark.parametrize("row", _rows(), ids=lambda row: f"{row['at most']} {row['authority']}")
def test_a_crash_costs_no_more_than_the_page_says(row: dict[str, str], tmp_path: Path) -> None:
    times = {f"{name}_ns": parse_duration(row[name]) for name in TIMES}
    design: dict[str, Any] = {"timing": Timing(**times)}
    if row["lease_ttl"]:
        design |= {"witness": True, "lease_ttl_ns": parse_duration(row["lease_ttl"])}
    if row["fence_delay"]:
        design |= {"fences": FENCES, "fence_delay_ns": parse_duration(row["fence_delay"])}
    design["reflect"] = row["authority"] == "reflected"
    cluster = parse(render(Design(**design).cluster(tmp_path)), "cluster.toml")

    seen = predict(cluster, NETWORK, quiet_s=0, crashes=CRASHES)

    assert seen.unserved == 0
    assert max(seen.outages_ns) <= parse_duration(row["at most"])
