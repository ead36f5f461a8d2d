"""Every mover of Azure passes the conformance class, with the real SDK against the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.providers import azure as provider
from hafw.testing.movers import ConditionalMoverConformance
from hafw_sim.clouds.arm import Arm, nic, pair, table, vms
from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION, config
from tests.providers.azure.clouds import IpConfiguration, UserRoute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw.hooks.hookspecs import VipOption
    from hafw_sim.clouds.arm.server import Server


@pytest.fixture
def arm() -> Arm:
    """With a third machine's interface, and a second table."""
    third = nic("nic-c", config("primary", "10.0.0.6", primary=True))
    return Arm((*pair(), third, table("offices")), vms(), running_s=0.01)


@pytest.fixture(autouse=True)
def both_nodes_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "check_identity", lambda _: None)


def common(server: Server) -> dict[str, VipOption]:
    return {
        "subscription": SUBSCRIPTION,
        "resource_group": GROUP,
        "vm": ("vm-a", "vm-b"),
        "endpoint": server.endpoint,
    }


class TestNic(ConditionalMoverConformance):
    plugin = "hafw.providers.azure"
    sdk = "azure.mgmt.network"
    address = "10.0.0.50"

    @pytest.fixture
    def cloud(self, cloud: Server) -> IpConfiguration:
        return IpConfiguration(cloud, self.address)

    @pytest.fixture
    def options(self, cloud: IpConfiguration) -> Mapping[str, VipOption]:
        return {"mover": "nic", "nic": ("nic-a", "nic-b"), **common(cloud.server)}


class TestRoute(ConditionalMoverConformance):
    plugin = "hafw.providers.azure"
    sdk = "azure.mgmt.network"
    address = "192.168.50.50"

    @pytest.fixture
    def cloud(self, cloud: Server) -> UserRoute:
        return UserRoute(cloud, self.address)

    @pytest.fixture
    def options(self, cloud: UserRoute) -> Mapping[str, VipOption]:
        return {
            "mover": "route",
            "next_hop": ("10.0.0.4", "10.0.0.5"),
            "route_tables": ("clients", "offices"),
            **common(cloud.server),
        }
