"""What the hooks of Google Cloud do when this node has made as many calls as it may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw import fence_rounds
from hafw.api_budget import Use
from hafw.hooks.errors import Retryable
from hafw.hooks.hookspecs import FenceRequest
from hafw.net.clock import boot_ns
from hafw.providers import gcp as provider
from hafw.providers.gcp import api, metadata
from hafw.providers.gcp.orders import check_identity
from hafw.testing.movers import Hosts
from hafw_sim.clouds.gce import Fault, Kind
from hafw_sim.clouds.gce.machines import holders
from tests.providers.budgets import SMALL, spend
from tests.providers.gcp.test_fence import known
from tests.providers.gcp.test_hooks import VIP, request

if TYPE_CHECKING:
    from hafw_sim.clouds.gce.server import Server


@pytest.fixture
def here(cloud: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The cloud, as the instance vm-a sees it, which has the VIP."""
    hosts = Hosts()
    for name in ("observe", "attach", "detach"):
        monkeypatch.setattr(f"hafw.hostaddress.{name}", getattr(hosts, name))
    monkeypatch.setattr(fence_rounds, "PAUSE_S", 0.05)
    monkeypatch.setattr(api, "QUOTA", SMALL)
    monkeypatch.setenv(metadata.HOST_VARIABLE, cloud.metadata_hosts["vm-a"])
    check_identity.cache_clear()
    provider.hafw_vip_attach(request=request(cloud))
    return cloud


def fence(server: Server) -> FenceRequest:
    return FenceRequest(
        cluster_id="c1",
        op="0/1/7/1",
        sender="alpha",
        target="beta",
        options=known(server),
        deadline_ns=boot_ns() + 10 * 10**9,
    )


def test_an_attach_is_not_sent(here: Server) -> None:
    spend(api._budget(here.endpoint), Use.ROUTINE, boot_ns())
    here.gce.made.clear()

    with pytest.raises(Retryable, match="budget for Compute Engine"):
        provider.hafw_vip_attach(request=request(here))

    assert here.gce.made == []


def test_a_detach_has_room(here: Server) -> None:
    spend(api._budget(here.endpoint), Use.ROUTINE, boot_ns())

    provider.hafw_vip_detach(request=request(here))

    assert holders(here.gce.state.things, VIP) == []


def test_a_fence_has_room(here: Server) -> None:
    spend(api._budget(here.endpoint), Use.RELEASE, boot_ns())

    assert provider.hafw_fence_off(request=fence(here)).confirmed


def test_a_fence_does_not_wait_for_a_retry_after_and_its_evidence_says_so(here: Server) -> None:
    here.gce.faults.add(Fault(Kind.THROTTLED, 30.0, "instances.stop", 1))
    with pytest.raises(Retryable, match="429"):
        provider.hafw_fence_off(request=fence(here))

    receipt = provider.hafw_fence_off(request=fence(here))

    assert receipt.confirmed
    assert receipt.seen[0].state == "instances.stop sent before its Retry-After had passed"
