"""Every mover of Google Cloud passes the conformance class, with the real SDK against the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw import answering
from hafw.providers import gcp as provider
from hafw.testing.host_movers import HostMoverConformance
from hafw.testing.movers import ConditionalMoverConformance
from hafw_sim.clouds.gce import Gce, Instance, Nic, Route, pair
from tests.providers.gcp.clouds import AliasRange, StaticRoute

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hafw.hooks.hookspecs import VipOption
    from hafw_sim.clouds.gce.server import Server

FOREIGN = Route(
    name="foreign", dest_range="192.0.2.0/24", next_hop="zones/europe-west1-b/instances/vm-a"
)


@pytest.fixture
def gce() -> Gce:
    """With a third machine, and a route that is not hafw's."""
    third = Instance(name="vm-c", nics=(Nic("10.0.0.4"),))
    gce = Gce("p", (*pair(), third), pending_s=0.0, running_s=0.01)
    gce.state.put_route(FOREIGN.name, FOREIGN, 0.0)
    return gce


@pytest.fixture(autouse=True)
def both_nodes_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "check_identity", lambda _: None)


def common(server: Server) -> dict[str, VipOption]:
    return {
        "project": "p",
        "zone": ("europe-west1-b", "europe-west1-c"),
        "instance": ("vm-a", "vm-b"),
        "endpoint": server.endpoint,
    }


class TestAliasIp(ConditionalMoverConformance):
    plugin = "hafw.providers.gcp"
    sdk = "google.cloud.compute_v1"
    address = "10.0.0.50"

    @pytest.fixture
    def cloud(self, cloud: Server) -> AliasRange:
        return AliasRange(cloud, self.address)

    @pytest.fixture
    def options(self, cloud: AliasRange) -> Mapping[str, VipOption]:
        return {"mover": "alias-ip", **common(cloud.server)}


class TestRoute(ConditionalMoverConformance):
    plugin = "hafw.providers.gcp"
    sdk = "google.cloud.compute_v1"
    address = "192.168.50.50"

    @pytest.fixture
    def cloud(self, cloud: Server) -> StaticRoute:
        return StaticRoute(cloud, self.address)

    @pytest.fixture
    def options(self, cloud: StaticRoute) -> Mapping[str, VipOption]:
        return {"mover": "route", **common(cloud.server)}


class TestHealthCheck(HostMoverConformance):
    plugin = "hafw.providers.gcp"
    sdk = "google.cloud.compute_v1"
    address = "10.0.0.60"

    @pytest.fixture
    def cloud(self, cloud: Server) -> Iterator[AliasRange]:
        yield AliasRange(cloud, self.address)
        answering.end_all()

    @pytest.fixture
    def options(self) -> Mapping[str, VipOption]:
        return {"mover": "health-check", "port": "7450"}
