"""The fence azure against the model: what it takes for off, and whom it never stops."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from hafw import fence_rounds
from hafw.hooks.errors import Denied, Misconfigured, UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, FenceRequest, Power
from hafw.net.clock import boot_ns
from hafw.providers import azure as provider
from hafw.providers.azure import fence, metadata
from hafw.testing.fences import Fault as Broken
from hafw.testing.fences import FenceConformance
from hafw_sim.clouds.arm import Fault, Guest, Kind
from hafw_sim.clouds.arm.faults import Faults
from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION
from tests.stores.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw_sim.clouds.arm import Arm, Vm
    from hafw_sim.clouds.arm.server import Server


@pytest.fixture
def here(cloud: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The cloud, as the machine vm-a sees it."""
    monkeypatch.setenv(metadata.HOST_VARIABLE, cloud.metadata_hosts["vm-a"])
    monkeypatch.setattr(fence_rounds, "PAUSE_S", 0.1)
    return cloud


class Flapping(Faults):
    """Every second read of a machine says that it is off."""

    def __init__(self) -> None:
        super().__init__()
        self._reads = itertools.count()

    def meet(self, call: str) -> dict[Kind, float]:
        lies = call == "virtualMachines.get" and next(self._reads) % 2
        return {Kind.WRONG_STATE: 0.0} if lies else {}


@dataclass
class Machine:
    """The machine vm-b, for the conformance suite."""

    server: Server

    @property
    def options(self) -> Mapping[str, str | int | bool]:
        return known(self.server)

    @property
    def another(self) -> Mapping[str, str | int | bool]:
        return {**self.options, "vm_id": "cccccccc-0000-4000-8000-00000000000c"}

    @property
    def absent(self) -> Mapping[str, str | int | bool]:
        return {**self.options, "endpoint": f"http://127.0.0.1:{free_port()}"}

    @property
    def on(self) -> bool:
        return target(self.server).power not in fence.FINAL

    @property
    def starts(self) -> int:
        return 0

    def switch(self, *, on: bool) -> None:
        put(self.server, power="running" if on else "deallocated")

    def break_(self, fault: Broken) -> None:
        arm = self.server.arm
        if fault in (Broken.STUCK, Broken.LIES_ONCE, Broken.FLAPS):
            put(self.server, guest=Guest.NEVER_STOPS)
        match fault:
            case Broken.SLOW:
                arm.state.running_s = 1.0
            case Broken.LIES_ONCE:  # before the order, and once after it
                arm.faults.add(Fault(Kind.WRONG_STATE, calls="virtualMachines.get", times=2))
            case Broken.FLAPS:
                arm.faults = Flapping()
            case Broken.HANGS:
                arm.faults.add(Fault(Kind.LATENCY, 3_600.0))
            case Broken.REPLY_LOST:
                arm.faults.add(Fault(Kind.LOST_REPLY, calls="virtualMachines.powerOff"))


class TestAzure(FenceConformance):
    """The whole conformance suite."""

    method = "azure"

    @pytest.fixture
    def machine(self, here: Server) -> Machine:
        return Machine(here)


def target(server: Server) -> Vm:
    return server.arm.state.things.vms["vm-b"]


def put(server: Server, **changes: object) -> None:
    with server.lock:
        server.arm.state.put_vm(replace(target(server), **changes), 0.0)  # type: ignore[arg-type]


def known(server: Server) -> dict[str, str | int | bool]:
    return {
        "subscription": SUBSCRIPTION,
        "resource_group": GROUP,
        "vm": "vm-b",
        "vm_id": target(server).vm_id,
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


def test_a_hung_guest_is_not_waited_for(here: Server) -> None:
    put(here, guest=Guest.HANGS)

    receipt = provider.hafw_fence_off(order(here))

    assert receipt.power is Power.OFF


def test_a_machine_that_is_stopping_is_not_off(here: Server) -> None:
    put(here, guest=Guest.NEVER_STOPS)

    with pytest.raises(UnknownOutcome, match="not seen to be off in time; last seen: stopping"):
        provider.hafw_fence_off(order(here, for_s=1.5))


def test_a_machine_that_is_deallocating_is_not_off(here: Server) -> None:
    put(here, power="deallocating")

    receipt = provider.hafw_fence_status(order(here))

    assert (receipt.power, receipt.confirmed) == (Power.UNKNOWN, False)


def test_a_deallocated_machine_is_off(here: Server) -> None:
    put(here, power="deallocated")

    receipt = provider.hafw_fence_status(order(here))

    assert (receipt.power, receipt.confirmed) == (Power.OFF, True)
    assert states(receipt) == ["deallocated", "deallocated"]


@pytest.mark.parametrize("kind", [Kind.ANOTHER_OPERATION, Kind.LOCKED, Kind.LOST_REPLY])
def test_an_order_that_was_not_taken_is_given_again(here: Server, arm: Arm, kind: Kind) -> None:
    arm.faults.add(Fault(kind, calls="virtualMachines.powerOff", times=1))

    receipt = provider.hafw_fence_off(order(here))

    assert receipt.power is Power.OFF
    assert arm.made.count("virtualMachines.powerOff") == 2


def test_a_machine_of_the_same_name_is_not_the_target(here: Server) -> None:
    wrong = order(here, vm_id="cccccccc-0000-4000-8000-00000000000c")

    with pytest.raises(Misconfigured, match="it is another machine of that name"):
        provider.hafw_fence_off(wrong)

    assert "virtualMachines.powerOff" not in here.arm.made


def test_a_machine_never_stops_itself(here: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(metadata.HOST_VARIABLE, here.metadata_hosts["vm-b"])

    with pytest.raises(Misconfigured, match="never fences itself"):
        provider.hafw_fence_off(order(here))

    assert here.arm.made == []


def test_a_missing_permission_is_found_before_it_is_needed(here: Server, arm: Arm) -> None:
    arm.denied.add("Microsoft.Compute/virtualMachines/powerOff/action")

    with pytest.raises(Denied, match=r"this node lacks .*powerOff/action on /subscriptions/"):
        provider.hafw_fence_warm(order(here))


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"vm_id": "vm-b"}, "is none; read it with: az vm show"),
        ({"vm_id": ""}, 'needs "vm_id"'),
        ({"vmm": "vm-b"}, 'has no option "vmm"'),
    ],
)
def test_a_wrong_option_is_refused(here: Server, options: dict[str, str], wrong: str) -> None:
    with pytest.raises(Misconfigured, match=wrong):
        provider.hafw_fence_warm(replace(order(here), options=dict(order(here).options) | options))
