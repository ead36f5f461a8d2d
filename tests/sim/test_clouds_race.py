"""The command that lets two nodes race for a VIP, for each provider."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from hafw.cli.main import main
from hafw_sim import clouds_race_command
from hafw_sim.clouds.gce import machines
from hafw_sim.clouds_race_command import _RACES

RACE = ["sim", "clouds", "race"]


@pytest.mark.parametrize("provider", _RACES)
def test_every_mover_of_a_provider_races(provider: str) -> None:
    ended = CliRunner().invoke(main, [*RACE, provider, "--seeds", "2"])

    assert ended.exit_code == 0, ended.output
    assert re.search(r"\d+ races; 0 findings; \d+ a second", ended.stderr)


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
