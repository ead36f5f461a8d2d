"""The command that lets two nodes race for a VIP, for each provider."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hafw.cli.main import main
from hafw_sim import clouds_race_command
from hafw_sim.clouds.gce import machines
from hafw_sim.clouds_race_command import _RACES

if TYPE_CHECKING:
    from pathlib import Path

RACE = ["sim", "clouds", "race"]


@pytest.mark.parametrize("provider", _RACES)
def test_every_mover_of_a_provider_races(provider: str) -> None:
    ended = CliRunner().invoke(main, [*RACE, provider, "--seeds", "2"])

    assert ended.exit_code == 0, ended.output
    assert re.search(r"\d+ races; 0 findings; \d+ a second", ended.stderr)


def test_what_is_recorded_is_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "races.json"
    once = [*RACE, "gcp", "--mover", "route", "--record", str(file)]

    CliRunner().invoke(main, [*once, "--seeds", "2"])
    ended = CliRunner().invoke(main, [*once, "--seeds", "3"])

    assert ended.stderr.startswith("1 races; 0 findings")
    kept = json.loads(file.read_text())
    assert kept["provider"] == "gcp"
    assert kept["movers"]["route"]["seeds"] == 3
    assert kept["movers"]["route"]["findings"] == []


def test_what_was_found_stays_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "races.json"
    once = [*RACE, "gcp", "--mover", "alias-ip", "--calm", "--seeds", "20", "--record", str(file)]
    monkeypatch.setattr(machines, "_taken", lambda *_, **__: [])

    CliRunner().invoke(main, once)
    again = CliRunner().invoke(main, once)

    assert again.exit_code == 1
    assert again.stdout == ""
    assert not again.stderr.startswith("0 races; 0 findings")
    lost = json.loads(file.read_text())["movers"]["alias-ip"]["findings"]
    assert lost[0]["wrong"] == "at once vm-a and vm-b had the VIP"


@pytest.mark.parametrize("name", ["code", "provider", "faults"])
def test_a_record_of_something_else_is_not_gone_on_with(tmp_path: Path, name: str) -> None:
    file = tmp_path / "races.json"
    once = [*RACE, "gcp", "--mover", "route", "--seeds", "1", "--record", str(file)]
    CliRunner().invoke(main, once)
    other = False if name == "faults" else "other"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: other}))

    ended = CliRunner().invoke(main, once)

    assert ended.exit_code == 2
    assert f"is of {name} {other}" in ended.stderr


def test_a_record_begins_with_the_first_seed(tmp_path: Path) -> None:
    ended = CliRunner().invoke(
        main, [*RACE, "gcp", "--start", "7", "--record", str(tmp_path / "x")]
    )

    assert ended.exit_code == 2
    assert "a record begins with seed 0" in ended.stderr


def test_without_the_sdk_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise ModuleNotFoundError("No module named 'boto3'", name="boto3")

    monkeypatch.setattr(clouds_race_command, "import_module", missing)

    ended = CliRunner().invoke(main, [*RACE, "aws"])

    assert ended.exit_code == 1
    assert "there is no boto3" in ended.stderr
    assert "pip install 'hafw[aws]'" in ended.stderr


def test_a_finding_is_told_with_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "_taken", lambda *_, **__: [])

    ended = CliRunner().invoke(main, [*RACE, "gcp", "--mover", "alias-ip", "--calm"])

    assert ended.exit_code == 1
    assert re.search(r"alias-ip, seed \d+: at once vm-a and vm-b had the VIP\n", ended.stdout)


def test_a_mover_that_there_is_not_is_refused() -> None:
    ended = CliRunner().invoke(main, [*RACE, "gcp", "--mover", "magic"])

    assert ended.exit_code == 2
    assert "there are alias-ip, route" in ended.stderr
