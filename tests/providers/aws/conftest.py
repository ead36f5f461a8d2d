"""EC2 as the model has it, served to the real SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from hafw.api_budget import Quota
from hafw.providers.aws import api
from hafw_sim.clouds.ec2 import Ec2, pair
from hafw_sim.clouds.ec2.server import Server, served

if TYPE_CHECKING:
    from collections.abc import Iterator

AMPLE: Final = Quota(burst=1_000_000, per_s=1_000.0)


@pytest.fixture(scope="package")
def server() -> Iterator[Server]:
    """One for all: clients of the SDK are dear."""
    with served(Ec2(pair())) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment("eni-00000001").items():
            patch.setenv(name, value)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        api.forget()
        yield running
        api.forget()


@pytest.fixture
def ec2(server: Server, monkeypatch: pytest.MonkeyPatch) -> Ec2:
    """The model behind the server, as new. Races by the hundred are within the budget here."""
    server.ec2 = Ec2(pair())
    monkeypatch.setattr(api, "QUOTA", AMPLE)
    api._budget.cache_clear()
    return server.ec2
