"""The fence aws against the model: what it takes for off, and whom it never stops."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import pytest

from hafw import fence_rounds
from hafw.hooks.errors import Denied, Misconfigured, UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, FenceRequest, Power
from hafw.net.clock import boot_ns
from hafw.providers import aws as provider
from hafw.testing.fences import Fault as Broken
from hafw.testing.fences import FenceConformance
from hafw_sim.clouds.ec2 import Ec2, Fault, Guest, Kind
from hafw_sim.clouds.ec2.faults import Faults
from tests.stores.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw_sim.clouds.ec2 import Instance
    from hafw_sim.clouds.ec2.server import Server

ALPHA: Final = "i-00000001"
BETA: Final = "i-00000002"


@pytest.fixture
def here(server: Server, ec2: Ec2, monkeypatch: pytest.MonkeyPatch) -> Ec2:
    """The cloud, as the instance alpha sees it."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.metadata["eni-00000001"])
    monkeypatch.setattr(fence_rounds, "PAUSE_S", 0.1)
    return ec2


class Flapping(Faults):
    """Every second read of an instance says that it is off."""

    def __init__(self) -> None:
        super().__init__()
        self._reads = itertools.count()

    def meet(self, call: str) -> dict[Kind, float]:
        lies = call == "DescribeInstances" and next(self._reads) % 2
        return {Kind.WRONG_STATE: 0.0} if lies else {}


@dataclass
class Machine:
    """The instance beta, for the conformance suite. Its id is its name: alpha is "another"."""

    ec2: Ec2
    options: Mapping[str, str | int | bool]

    @property
    def another(self) -> Mapping[str, str | int | bool]:
        return {**self.options, "instance_id": ALPHA}

    @property
    def absent(self) -> Mapping[str, str | int | bool]:
        return {**self.options, "endpoint_url": f"http://127.0.0.1:{free_port()}"}

    @property
    def on(self) -> bool:
        return beta(self.ec2).state not in {"stopped", "terminated"}

    @property
    def starts(self) -> int:
        return self.ec2.made.count("StartInstances") + self.ec2.made.count("RebootInstances")

    def switch(self, *, on: bool) -> None:
        put(self.ec2, state="running" if on else "stopped")

    def break_(self, fault: Broken) -> None:
        if fault in (Broken.STUCK, Broken.LIES_ONCE, Broken.FLAPS):
            put(self.ec2, guest=Guest.NEVER_STOPS)
        match fault:
            case Broken.SLOW:
                self.ec2.faults.add(Fault(Kind.LATE_LANDING, 1.0, "StopInstances"))
            case Broken.LIES_ONCE:
                self.ec2.faults.add(Fault(Kind.WRONG_STATE, calls="DescribeInstances", times=1))
            case Broken.FLAPS:
                self.ec2.faults = Flapping()
            case Broken.HANGS:
                self.ec2.faults.add(Fault(Kind.LATENCY, 3_600.0))
            case Broken.REPLY_LOST:
                self.ec2.faults.add(Fault(Kind.LOST_REPLY, calls="StopInstances"))


class TestAws(FenceConformance):
    """The whole conformance suite."""

    method = "aws"

    @pytest.fixture
    def machine(self, here: Ec2) -> Machine:
        return Machine(here, {"instance_id": BETA})


def beta(ec2: Ec2) -> Instance:
    return ec2.state.things.instances[BETA]


def put(ec2: Ec2, **changes: object) -> None:
    ec2.state.put(0.0, replace(beta(ec2), **changes))  # type: ignore[arg-type]


def order(*, lasts_s: float = 5.0, **options: str) -> FenceRequest:
    return FenceRequest(
        cluster_id="c1",
        op=f"0/1/7/{boot_ns()}",
        sender="alpha",
        target="beta",
        options={"instance_id": BETA} | options,
        deadline_ns=boot_ns() + int(lasts_s * 1e9),
    )


def states(receipt: FenceReceipt) -> list[str]:
    return [one.state for one in receipt.seen]


def test_a_guest_that_hangs_is_stopped_without_its_consent(here: Ec2) -> None:
    put(here, guest=Guest.HANGS)

    receipt = provider.hafw_fence_off(request=order())

    assert receipt.power is Power.OFF
    assert states(receipt)[-2:] == ["stopped", "stopped"]


def test_one_that_is_terminated_is_off(here: Ec2) -> None:
    put(here, state="terminated")

    receipt = provider.hafw_fence_off(request=order())

    before, refused, *after = states(receipt)
    assert receipt.power is Power.OFF
    assert (before, after) == ("terminated", ["terminated", "terminated"])
    assert refused.startswith("refused: ")


def test_one_that_is_stopping_for_ever_is_not_off(here: Ec2) -> None:
    put(here, state="stopping", guest=Guest.NEVER_STOPS)

    with pytest.raises(UnknownOutcome, match="stopping"):
        provider.hafw_fence_off(request=order(lasts_s=1.0))

    assert provider.hafw_fence_status(request=order()).power is Power.UNKNOWN


def test_one_that_ec2_does_not_know_is_not_off(here: Ec2) -> None:
    del here

    with pytest.raises(Misconfigured, match="does not exist"):
        provider.hafw_fence_off(request=order(instance_id="i-00000009"))


def test_an_instance_that_is_protected_is_found_before_it_is_needed(here: Ec2) -> None:
    put(here, stop_protection=True)

    with pytest.raises(Misconfigured, match="no-disable-api-stop"):
        provider.hafw_fence_warm(request=order())


def test_a_missing_permission_is_found_before_it_is_needed(here: Ec2) -> None:
    here.denied.add("StopInstances")

    with pytest.raises(Denied, match="ec2:StopInstances"):
        provider.hafw_fence_warm(request=order())


def test_a_warm_up_stops_nothing(here: Ec2) -> None:
    provider.hafw_fence_warm(request=order())

    assert beta(here).state == "running"
