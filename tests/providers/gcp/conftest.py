"""Compute Engine as the model has it, served to the real SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.api_budget import Quota
from hafw.providers.gcp import api
from hafw_sim.clouds.gce import Gce, pair
from hafw_sim.clouds.gce.server import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.clouds.gce.server import Server


@pytest.fixture
def gce() -> Gce:
    return Gce("p", pair(), pending_s=0.0, running_s=0.01)


@pytest.fixture(autouse=True)
def _ample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Races by the hundred are within the budget here."""
    monkeypatch.setattr(api, "QUOTA", Quota(burst=1_000_000, per_s=1_000.0))


@pytest.fixture
def cloud(gce: Gce) -> Iterator[Server]:
    with served(gce) as server:
        yield server
