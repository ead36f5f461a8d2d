"""`hafw fence` with the real plugins: a simulated controller, and levels of different kinds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hafw.cli.main import main
from hafw.config.render import render
from tests.config.samples import changed, read

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from tests.fences.devices import Controlled

pytestmark = pytest.mark.usefixtures("readings_follow_each_other_quickly")


def table(method: str, **options: str | int | bool) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in options.items()]
    return "\n".join(["[[nodes.beta.fence]]", f'method = "{method}"', *lines, ""])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "cluster.toml"


def run(config: Path, levels: str, *arguments: str) -> Result:
    config.write_text(render(read(changed("[nodes.beta]\n", f"[nodes.beta]\n{levels}"))))
    more = ["--node", "alpha", "--config", str(config)]
    return CliRunner().invoke(main, ["fence", *arguments, *more], catch_exceptions=False)


def test_a_node_is_switched_off_by_its_first_level(config: Path, bmc: Controlled) -> None:
    levels = table("ipmi", **bmc.options)

    before = run(config, levels, "status", "beta")
    result = run(config, levels, "off", "beta", "--yes")

    assert (before.exit_code, before.stdout.splitlines()[0]) == (0, "ipmi: on")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "ipmi: off")
    assert not bmc.on


def test_a_person_a_dead_controller_and_a_wrong_one_are_followed_by_the_right_one(
    config: Path, bmc: Controlled, tmp_path: Path
) -> None:
    levels = table("manual", directory=str(tmp_path), timeout="1s")
    levels += table("ipmi", **bmc.absent, timeout="1s")
    levels += table("ipmi", **bmc.another)
    levels += table("ipmi", **bmc.options)

    result = run(config, levels, "off", "beta", "--yes", "--json")

    attempts = json.loads(result.stdout)["attempts"]
    assert result.exit_code == 0
    assert [each["result"] for each in attempts] == ["failed", "failed", "failed", "confirmed"]
    assert "leads to another machine" in attempts[2]["detail"]
    assert not bmc.on


def test_a_node_whose_levels_all_fail_is_not_off(config: Path, bmc: Controlled) -> None:
    result = run(config, table("ipmi", **bmc.another), "off", "beta", "--yes")

    assert result.exit_code == 1
    assert "beta is not confirmed to be off: nothing was ordered" in result.stderr
    assert bmc.on
