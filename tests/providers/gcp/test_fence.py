"""The fence gcp against the model: what it takes for off, and whom it never stops."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import pytest

from hafw import fence_rounds
from hafw.hooks.errors import Misconfigured, UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, FenceRequest, Power
from hafw.net.clock import boot_ns
from hafw.providers import gcp as provider
from hafw.providers.gcp import metadata
from hafw.testing.fences import Fault as Broken
from hafw.testing.fences import FenceConformance
from hafw_sim.clouds.gce import Fault, Guest, Kind
from hafw_sim.clouds.gce.faults import Faults
from tests.stores.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw_sim.clouds.gce import Gce, Instance
    from hafw_sim.clouds.gce.server import Server

B: Final = ("europe-west1-c", "vm-b")


@pytest.fixture
def here(cloud: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The cloud, as the instance vm-a sees it."""
    monkeypatch.setenv(metadata.HOST_VARIABLE, cloud.metadata_hosts["vm-a"])
    monkeypatch.setattr(fence_rounds, "PAUSE_S", 0.1)
    return cloud


class Flapping(Faults):
    """Every second read of an instance says that it is off."""

    def __init__(self) -> None:
        super().__init__()
        self._reads = itertools.count()

    def meet(self, call: str) -> dict[Kind, float]:
        lies = call == "instances.get" and next(self._reads) % 2
        return {Kind.WRONG_STATE: 0.0} if lies else {}


@dataclass
class Machine:
    """The instance vm-b, for the conformance suite."""

    server: Server

    @property
    def options(self) -> Mapping[str, str | int | bool]:
        return known(self.server)

    @property
    def another(self) -> Mapping[str, str | int | bool]:
        return {**self.options, "instance_id": "4711"}

    @property
    def absent(self) -> Mapping[str, str | int | bool]:
        return {**self.options, "endpoint": f"http://127.0.0.1:{free_port()}"}

    @property
    def on(self) -> bool:
        return target(self.server).status != "TERMINATED"

    @property
    def starts(self) -> int:
        return target(self.server).resets

    def switch(self, *, on: bool) -> None:
        put(self.server, status="RUNNING" if on else "TERMINATED")

    def break_(self, fault: Broken) -> None:
        gce = self.server.gce
        if fault in (Broken.STUCK, Broken.LIES_ONCE, Broken.FLAPS):
            put(self.server, guest=Guest.NEVER_STOPS)
        match fault:
            case Broken.SLOW:
                gce.state.running_s = 1.0
            case Broken.LIES_ONCE:  # before the order, and once after it
                gce.faults.add(Fault(Kind.WRONG_STATE, calls="instances.get", times=2))
            case Broken.FLAPS:
                gce.faults = Flapping()
            case Broken.HANGS:
                gce.faults.add(Fault(Kind.LATENCY, 3_600.0))
            case Broken.REPLY_LOST:
                gce.faults.add(Fault(Kind.LOST_REPLY, calls="instances.stop"))


class TestGcp(FenceConformance):
    """The whole conformance suite."""

    method = "gcp"

    @pytest.fixture
    def machine(self, here: Server) -> Machine:
        return Machine(here)


def target(server: Server) -> Instance:
    return server.gce.state.things.instances[B]


def put(server: Server, **changes: object) -> None:
    with server.lock:
        server.gce.state.put(replace(target(server), **changes), 0.0)  # type: ignore[arg-type]


def known(server: Server) -> dict[str, str | int | bool]:
    return {
        "project": "p",
        "zone": "europe-west1-c",
        "instance": "vm-b",
        "instance_id": str(target(server).id),
        "endpoint": server.endpoint,
    }


def order(server: Server, *, for_s: float = 5.0, **options: str | bool) -> FenceRequest:
    return FenceRequest(
        cluster_id="c1",
        op=f"0/1/7/{boot_ns()}",
        sender="alpha",
        target="beta",
        options=known(server) | options,
        deadline_ns=boot_ns() + int(for_s * 1e9),
    )


def states(receipt: FenceReceipt) -> list[str]:
    return [one.state for one in receipt.seen]


def test_one_that_is_off_already_is_stopped_all_the_same(here: Server) -> None:
    provider.hafw_fence_off(order(here))
    here.gce.made.clear()

    receipt = provider.hafw_fence_off(order(here))

    assert receipt.power is Power.OFF
    assert here.gce.made.count("instances.stop") == 1


def test_a_hung_guest_is_not_waited_for(here: Server) -> None:
    put(here, guest=Guest.HANGS)

    receipt = provider.hafw_fence_off(order(here))

    assert receipt.power is Power.OFF


def test_an_instance_that_is_stopping_is_not_off(here: Server) -> None:
    put(here, guest=Guest.NEVER_STOPS)

    with pytest.raises(UnknownOutcome, match="not seen to be off in time; last seen: STOPPING"):
        provider.hafw_fence_off(order(here, for_s=1.5))


def test_a_suspended_instance_is_not_off(here: Server) -> None:
    put(here, status="SUSPENDED")

    receipt = provider.hafw_fence_status(order(here))

    assert (receipt.power, receipt.confirmed) == (Power.UNKNOWN, False)


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
