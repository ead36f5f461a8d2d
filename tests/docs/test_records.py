"""What the documentation says of races is on record."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

import msgspec
import pytest

from hafw_sim.clouds_race_command import _RACES
from hafw_sim.races_file import Raced, RacesFile

CAMPAIGNS: Final = Path(__file__).parents[2] / "docs/campaigns"
SEEDS: Final = 20_000


def records() -> list[RacesFile]:
    files = sorted(CAMPAIGNS.glob("races-*.json"))
    return [msgspec.json.decode(file.read_bytes(), type=RacesFile) for file in files]


@pytest.mark.parametrize("provider", _RACES)
def test_every_mover_has_run_so_many_races_without_a_finding(provider: str) -> None:
    raced: dict[str, Raced] = {}
    for record in records():
        assert record.faults
        if record.provider == provider:
            raced |= record.movers

    assert set(raced) == set(import_module(_RACES[provider]).RACES)
    assert {name: one.findings for name, one in raced.items() if one.findings} == {}
    assert min(one.seeds for one in raced.values()) >= SEEDS
