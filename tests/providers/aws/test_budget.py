"""What the hooks of AWS do when this node has made as many calls as it may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw import fence_rounds
from hafw.api_budget import Use as Spent
from hafw.hooks.errors import Retryable
from hafw.net.clock import boot_ns
from hafw.providers import aws as provider
from hafw.providers.aws import api
from hafw.providers.aws.calls import Use
from hafw.testing.movers import Hosts
from tests.providers.aws.test_calls import use_fence, vip
from tests.providers.budgets import SMALL, spend

if TYPE_CHECKING:
    from hafw_sim.clouds.ec2 import Ec2


@pytest.fixture(autouse=True)
def _hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = Hosts()
    for name in ("observe", "attach", "detach"):
        monkeypatch.setattr(f"hafw.hostaddress.{name}", getattr(hosts, name))
    monkeypatch.setattr(fence_rounds, "PAUSE_S", 0.05)


@pytest.fixture
def cloud(ec2: Ec2, monkeypatch: pytest.MonkeyPatch) -> Ec2:
    """Reached by a node that holds a VIP, and has used up what routine may have."""
    provider.hafw_vip_attach(request=vip(Use.PRIVATE_IP))
    monkeypatch.setattr(api, "QUOTA", SMALL)
    api._budget.cache_clear()
    spend(api._budget(api.Where(None, None)), Spent.ROUTINE, boot_ns())
    ec2.made.clear()
    return ec2


def test_an_attach_is_not_sent(cloud: Ec2) -> None:
    with pytest.raises(Retryable, match="budget for EC2"):
        provider.hafw_vip_attach(request=vip(Use.PRIVATE_IP))

    assert cloud.made == []


def test_a_detach_has_room(cloud: Ec2) -> None:
    provider.hafw_vip_detach(request=vip(Use.PRIVATE_IP))

    assert cloud.state.things.holders("10.0.1.50") == []


def test_a_fence_has_room(cloud: Ec2) -> None:
    spend(api._budget(api.Where(None, None)), Spent.RELEASE, boot_ns())

    use_fence()

    assert "StopInstances" in cloud.made
