"""What docs/simulator.md shows can be copied, and does what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from hafw_sim.scenarios import parse, rehearse

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()


def block(language: str) -> str:
    """The first block of the page in that language."""
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found.group(1)


def test_the_scenario_of_the_page_holds() -> None:
    scenario = parse(block("toml"), "my.toml", "my")

    run = rehearse(scenario)

    assert run.problems == ()


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(block("toml"))
    (tmp_path / "test_page.py").write_text(block("python").replace("seeds(20)", "seeds(2)"))

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "5 passed" in done.stdout, done.stdout
