"""The fence gcp against the model: what it takes for off, and whom it never stops."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from hafw.hooks.errors import Misconfigured, UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, FenceRequest, Power
from hafw.net.clock import boot_ns
from hafw.providers import gcp as provider
from hafw.providers.gcp import metadata
from hafw_sim.clouds.gce import Fault, Guest, Kind

if TYPE_CHECKING:
    from hafw_sim.clouds.gce import Gce, Instance
    from hafw_sim.clouds.gce.server import Server

B: Final = ("europe-west1-c", "vm-b")


@pytest.fixture
def here(cloud: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The cloud, as the instance vm-a sees it."""
    monkeypatch.setenv(metadata.HOST_VARIABLE, cloud.metadata_hosts["vm-a"])
    return cloud


def target(server: Server) -> Instance:
    return server.gce.state.things.instances[B]


def order(server: Server, *, for_s: float = 5.0, **options: str | bool) -> FenceRequest:
    known: dict[str, str | bool] = {
        "project": "p",
        "zone": "europe-west1-c",
        "instance": "vm-b",
        "instance_id": str(target(server).id),
        "endpoint": server.endpoint,
    }
    return FenceRequest(
        cluster_id="c1",
        op=f"0/1/7/{boot_ns()}",
        sender="alpha",
        target="beta",
        options=known | options,
        deadline_ns=boot_ns() + int(for_s * 1e9),
    )


def states(receipt: FenceReceipt) -> list[str]:
    return [one.state for one in receipt.seen]


def test_a_stopped_instance_is_off_when_two_reads_say_so(here: Server) -> None:
    receipt = provider.hafw_fence_off(order(here))

    assert (receipt.power, receipt.confirmed) == (Power.OFF, True)
    assert states(receipt)[-2:] == ["TERMINATED", "TERMINATED"]
    assert receipt.identity.startswith("projects/p/zones/europe-west1-c/instances/vm-b (id ")


def test_one_that_is_off_already_is_stopped_all_the_same(here: Server) -> None:
    provider.hafw_fence_off(order(here))
    here.gce.made.clear()

    receipt = provider.hafw_fence_off(order(here))

    assert receipt.power is Power.OFF
    assert here.gce.made.count("instances.stop") == 1


def test_a_hung_guest_is_not_waited_for(here: Server) -> None:
    here.gce.state.put(replace(target(here), guest=Guest.HANGS), 0.0)

    receipt = provider.hafw_fence_off(order(here))

    assert receipt.power is Power.OFF


def test_an_instance_that_is_stopping_is_not_off(here: Server) -> None:
    here.gce.state.put(replace(target(here), guest=Guest.NEVER_STOPS), 0.0)

    with pytest.raises(UnknownOutcome, match="was told to stop and is STOPPING"):
        provider.hafw_fence_off(order(here, for_s=1.5))


def test_a_suspended_instance_is_not_off(here: Server) -> None:
    here.gce.state.put(replace(target(here), status="SUSPENDED"), 0.0)

    receipt = provider.hafw_fence_status(order(here))

    assert (receipt.power, receipt.confirmed) == (Power.UNKNOWN, False)


def test_a_running_instance_is_on_and_stays_so(here: Server) -> None:
    receipt = provider.hafw_fence_status(order(here))

    assert receipt.power is Power.ON
    assert here.gce.made == ["instances.get"]


def test_an_order_whose_reply_was_lost_is_given_once(here: Server, gce: Gce) -> None:
    gce.faults.add(Fault(Kind.LOST_REPLY, calls="instances.stop", times=1))

    receipt = provider.hafw_fence_off(order(here))

    assert receipt.power is Power.OFF


def test_a_state_that_cannot_be_read_begins_the_count_anew(here: Server, gce: Gce) -> None:
    gce.faults.add(Fault(Kind.STALE_READ, 3_600.0, calls="instances.get", times=2))

    receipt = provider.hafw_fence_off(order(here))

    assert states(receipt)[-2:] == ["TERMINATED", "TERMINATED"]


def test_an_instance_of_the_same_name_is_not_the_target(here: Server) -> None:
    wrong = order(here, instance_id="4711")

    with pytest.raises(Misconfigured, match="it is another machine of that name"):
        provider.hafw_fence_off(wrong)

    assert "instances.stop" not in here.gce.made


def test_an_instance_never_stops_itself(here: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(metadata.HOST_VARIABLE, here.metadata_hosts["vm-b"])

    with pytest.raises(Misconfigured, match="never fences itself"):
        provider.hafw_fence_off(order(here))

    assert here.gce.made == []


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"instance_id": "vm-b"}, "is no number; read it with: gcloud"),
        ({"instance_id": ""}, 'needs "instance_id"'),
        ({"instnce": "vm-b"}, 'has no option "instnce"'),
    ],
)
def test_a_wrong_option_is_refused(here: Server, options: dict[str, str], wrong: str) -> None:
    with pytest.raises(Misconfigured, match=wrong):
        provider.hafw_fence_warm(replace(order(here), options=dict(order(here).options) | options))
