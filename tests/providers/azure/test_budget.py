"""What the hooks of Azure do when this node has made as many calls as it may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw import fence_rounds
from hafw.api_budget import Use
from hafw.hooks.errors import Retryable
from hafw.hooks.hookspecs import FenceRequest, VipRequest
from hafw.net.clock import boot_ns
from hafw.providers import azure as provider
from hafw.providers.azure import api, metadata
from hafw.testing.movers import Hosts
from hafw_sim.clouds.arm import Fault, Kind
from hafw_sim.clouds.arm.networks import holders
from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION
from tests.providers.azure.test_fence import known
from tests.providers.budgets import SMALL, spend

if TYPE_CHECKING:
    from hafw.api_budget import Budget
    from hafw_sim.clouds.arm.server import Server


@pytest.fixture
def here(cloud: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The cloud, as the machine vm-a sees it, which has the VIP."""
    hosts = Hosts()
    for name in ("observe", "attach", "detach"):
        monkeypatch.setattr(f"hafw.hostaddress.{name}", getattr(hosts, name))
    monkeypatch.setattr(fence_rounds, "PAUSE_S", 0.05)
    monkeypatch.setattr(api, "QUOTA", SMALL)
    monkeypatch.setenv(metadata.HOST_VARIABLE, cloud.metadata_hosts["vm-a"])
    provider.hafw_vip_attach(request=vip(cloud))
    return cloud


def vip(server: Server) -> VipRequest:
    return VipRequest(
        cluster_id="c1",
        group=3,
        epoch=7,
        address="10.0.0.50",
        interface="eth0",
        deadline_ns=boot_ns() + 10 * 10**9,
        node=0,
        nodes=("alpha", "beta"),
        options={
            "mover": "nic",
            "nic": ("nic-a", "nic-b"),
            "vm": ("vm-a", "vm-b"),
            "subscription": SUBSCRIPTION,
            "resource_group": GROUP,
            "endpoint": server.endpoint,
        },
    )


def fence(server: Server) -> FenceRequest:
    return FenceRequest(
        cluster_id="c1",
        op="0/1/7/1",
        sender="alpha",
        target="beta",
        options=known(server),
        deadline_ns=boot_ns() + 10 * 10**9,
    )


def budget(server: Server) -> Budget:
    return api._budget(SUBSCRIPTION, server.endpoint)


def test_an_attach_is_not_sent(here: Server) -> None:
    spend(budget(here), Use.ROUTINE, boot_ns())
    here.arm.made.clear()

    with pytest.raises(Retryable, match="budget for Azure"):
        provider.hafw_vip_attach(request=vip(here))

    assert here.arm.made == []


def test_a_detach_has_room(here: Server) -> None:
    spend(budget(here), Use.ROUTINE, boot_ns())

    provider.hafw_vip_detach(request=vip(here))

    assert holders(here.arm.state.things, "10.0.0.50") == []


def test_a_fence_has_room(here: Server) -> None:
    spend(budget(here), Use.RELEASE, boot_ns())

    assert provider.hafw_fence_off(request=fence(here)).confirmed


def test_a_fence_does_not_wait_for_a_retry_after_and_its_evidence_says_so(here: Server) -> None:
    here.arm.faults.add(Fault(Kind.THROTTLED, 30.0, "virtualMachines.powerOff", 1))
    with pytest.raises(Retryable, match="429"):
        provider.hafw_fence_off(request=fence(here))

    receipt = provider.hafw_fence_off(request=fence(here))

    assert receipt.confirmed
    assert (
        receipt.seen[0].state == "virtualMachines.powerOff sent before its Retry-After had passed"
    )
