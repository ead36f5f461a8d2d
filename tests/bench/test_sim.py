"""The bench of the simulator measures, and what it found is shown; how fast it is is not asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import hafw
import hafw_sim
from bench import report
from bench.sim import part_of, speed

CORE = str(Path(hafw.__file__).parent / "core")
SIM = str(Path(hafw_sim.__file__).parent)


@pytest.fixture(name="result", scope="module")
def a_result() -> dict[str, Any]:
    found = speed(1, "python -m bench sim", lambda _said: None)
    whole: dict[str, Any] = json.loads(json.dumps(found))
    return whole


def test_every_figure_is_there_and_the_shares_are_all_of_the_time(result: dict[str, Any]) -> None:
    figures = [figures for pair in result["rates"].values() for figures in pair.values()]

    assert set(result["rates"]) == {"usual pair", "plain pair"}
    assert all(value > 0 for each in figures for value in each.values())
    assert {"engine", "codec and HMAC", "world"} <= set(result["shares"])
    assert sum(result["shares"].values()) == pytest.approx(100, abs=1)


def test_the_page_has_its_section(result: dict[str, Any]) -> None:
    page = report.page([result])

    assert "## The simulator" in page
    assert ": seeds of ten minutes per second | ≥ 20 per core |" in page
    assert "| plain pair, " in page
    assert "| engine |" in page


@pytest.mark.parametrize(
    ("file", "function", "part"),
    [
        (f"{CORE}/engine.py", "step", "engine"),
        (f"{CORE}/wire.py", "encode", "codec and HMAC"),
        (f"{SIM}/world/workers.py", "_check_start", "checkers"),
        (f"{SIM}/world/clockwork.py", "run_until", "network and clocks"),
        (f"{SIM}/world/world.py", "_apply", "world"),
        ("/usr/lib/python3/hmac.py", "digest", ""),
    ],
)
def test_a_function_belongs_to_one_part(file: str, function: str, part: str) -> None:
    assert part_of(file, function) == part
