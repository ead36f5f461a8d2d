"""Azure as the model has it, served to the real SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.api_budget import Quota
from hafw.providers.azure import api
from hafw_sim.clouds.arm import Arm, pair, vms
from hafw_sim.clouds.arm.server import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.clouds.arm.server import Server


@pytest.fixture
def arm() -> Arm:
    return Arm(pair(), vms(), running_s=0.01)


@pytest.fixture(autouse=True)
def _ample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Races by the hundred are within the budget here."""
    monkeypatch.setattr(api, "QUOTA", Quota(burst=1_000_000, per_s=1_000.0))


@pytest.fixture
def cloud(arm: Arm) -> Iterator[Server]:
    with served(arm) as server:
        yield server
