"""Compute Engine as the model has it, served to the real SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw_sim.clouds.gce import Alias, Gce, Instance, Nic
from hafw_sim.clouds.gce.server import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.clouds.gce.server import Server


@pytest.fixture
def gce() -> Gce:
    foreign = (Alias("10.0.0.90/32"), Alias("10.8.0.7/32", "pods"))
    return Gce(
        "p",
        [
            Instance(name="vm-a", nics=(Nic("10.0.0.2", foreign[:1]),)),
            Instance(name="vm-b", nics=(Nic("10.0.0.3", foreign[1:]),), zone="europe-west1-c"),
        ],
        pending_s=0.0,
        running_s=0.01,
    )


@pytest.fixture
def cloud(gce: Gce) -> Iterator[Server]:
    with served(gce) as server:
        yield server
