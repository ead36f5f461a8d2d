"""Every mover of Azure passes the conformance class, with the real SDK against the model."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from hafw import answering
from hafw.providers import azure as provider
from hafw.testing.host_movers import HostMoverConformance
from hafw.testing.mover_bench import ALPHA, BETA, Pair
from hafw.testing.movers import ConditionalMoverConformance
from hafw_sim.clouds.arm import Arm, model, nic, pair, table, vms
from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION, config
from hafw_sim.clouds.arm.wire import ApiError
from tests.providers.azure.clouds import InOneCall, IpConfiguration, UserRoute

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hafw.hooks.hookspecs import VipOption
    from hafw_sim.clouds.arm.server import Server
    from hafw_sim.clouds.exchange import Reply

MOVE = "virtualNetworks.moveIpConfigurations"


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


class TestNicInOneCall(TestNic):
    @pytest.fixture
    def cloud(self, cloud: Server) -> IpConfiguration:
        return InOneCall(cloud, self.address)

    @pytest.fixture
    def options(self, cloud: IpConfiguration) -> Mapping[str, VipOption]:
        nics = ("nic-a", "nic-b")
        return {"mover": "nic", "nic": nics, "one_call": "untested", **common(cloud.server)}

    def test_it_is_asked_for_where_the_old_holder_is_off_and_not_otherwise(
        self, pair: Pair, cloud: IpConfiguration
    ) -> None:
        made = cloud.server.arm.made
        pair.attach(ALPHA, "reflected")
        pair.attach(BETA, "reflected")
        by_silence = MOVE in made

        pair.attach(ALPHA, "fenced")

        assert (by_silence, made.count(MOVE)) == (False, 1)
        assert pair.cloud.leads_to() == {"alpha"}

    def test_where_azure_will_not_it_is_taken_and_claimed(
        self, pair: Pair, cloud: IpConfiguration, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(model._HANDLERS, MOVE, _has_no_such_call)
        pair.cloud.give_to("beta")

        pair.attach(ALPHA, "fenced")

        assert MOVE in cloud.server.arm.made
        assert pair.cloud.leads_to() == {"alpha"}


def _has_no_such_call(*_: object) -> Reply:
    raise ApiError(400, "OperationNotAllowed", "The subscription is not registered for this.")


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


class TestLoadBalancer(HostMoverConformance):
    plugin = "hafw.providers.azure"
    sdk = "azure.mgmt.network"
    address = "10.0.0.60"

    @pytest.fixture
    def cloud(self, cloud: Server) -> Iterator[IpConfiguration]:
        yield IpConfiguration(cloud, self.address)
        answering.end_all()

    @pytest.fixture
    def options(self, cloud: IpConfiguration) -> Mapping[str, VipOption]:
        with socket.socket() as unused:
            unused.bind(("0.0.0.0", 0))
            port = str(unused.getsockname()[1])
        behind = {"load_balancer": "store-vip", "port": port, "mover": "load-balancer"}
        return {"nic": ("nic-a", "nic-b"), **behind, **common(cloud.server)}
