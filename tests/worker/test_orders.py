"""Orders about leases, fences and disks: what a plugin answers, what the engine is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from hafw.core.model import Outcome
from hafw.hooks.errors import Conflict, Denied, Misconfigured, ProviderError, UnknownOutcome
from hafw.hooks.hookspecs import (
    FenceReceipt,
    FenceRequest,
    LeaseReading,
    LeaseRequest,
    LeaseSwap,
    LeaseValue,
    Power,
    Sighting,
    hookimpl,
)
from hafw.hooks.registry import Registry
from hafw.hooks.resources import ResourceReceipt, ResourceRequest
from hafw.net.clock import boot_ns
from hafw.worker import fencing, leases, resources
from hafw.worker.protocol import FenceLevel, FenceOrder, LeaseOrder, Resource, ResourceOrder
from hafw.worker.protocol import LeaseReading as Told
from hafw.worker.protocol import LeaseValue as Said

if TYPE_CHECKING:
    from collections.abc import Callable

OLD: Final = Said(3, "alpha", 5, "0a" * 16, 20_000)
NEW: Final = Said(4, "beta", 2, "0b" * 16, 20_000)


class Trial:
    """A store and a fence that answer as they are told to."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[object] = []

    def _answer(self, request: object) -> object:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @hookimpl
    def hafw_lease_warm(self, request: LeaseRequest) -> None:
        self._answer(request)

    @hookimpl
    def hafw_lease_read(self, request: LeaseRequest) -> object:
        return self._answer(request)

    @hookimpl
    def hafw_lease_swap(self, request: LeaseSwap) -> object:
        return self._answer(request)

    @hookimpl
    def hafw_fence_warm(self, request: FenceRequest) -> None:
        self._answer(request)

    @hookimpl
    def hafw_fence_off(self, request: FenceRequest) -> object:
        return self._answer(request)

    @hookimpl
    def hafw_resource_warm(self, requests: tuple[ResourceRequest, ...]) -> None:
        self._answer(requests)

    @hookimpl
    def hafw_resource_start(self, request: ResourceRequest) -> object:
        return self._answer(request)


def asking(trial: Trial) -> Registry:
    registry = Registry()
    registry.manager.register(trial, name="trial")
    return registry


def lease(expected: Told | None = None, new: Said | None = None) -> LeaseOrder:
    keys = ((1, b"k" * 32),)
    return LeaseOrder(7, "trial://here", "c1", 3, 1, 20.0, boot_ns() + 10**9, keys, expected, new)


def fence() -> FenceOrder:
    level = FenceLevel("trial", (("address", "10.9.0.1"),), 50_000_000)
    return FenceOrder(7, "c1", "alpha", "beta", "0/1/2/7", boot_ns() + 10**9, (level,))


def disk(provider: str = "trial") -> ResourceOrder:
    wanted = Resource(
        type="cloud-disk",
        cluster_id="c1",
        group=3,
        epoch=7,
        deadline_ns=boot_ns() + 10**9,
        op="0/1/7/7",
        certificate="fenced",
        node=1,
        nodes=("alpha", "beta"),
        options={"disk": "data", "server": ("a", "b")},
    )
    return ResourceOrder(7, provider, "hafw_resource_start", 0, wanted)


def seen(power: Power, *, confirmed: bool) -> FenceReceipt:
    sightings = (Sighting("off", 1), Sighting("off", 2))
    return FenceReceipt(
        power=power, confirmed=confirmed, method="trial", identity="rack 4", seen=sightings
    )


def test_a_swap_says_what_stood_there_and_what_shall_and_tells_what_does() -> None:
    written = LeaseValue(epoch=4, holder="beta", incarnation=2, nonce="0b" * 16, ttl_ms=20_000)
    trial = Trial(LeaseReading(value=written, version="9"))

    reply = leases.run(lease(Told(OLD, "8"), NEW), asking(trial))

    (swap,) = trial.asked
    assert isinstance(swap, LeaseSwap)
    assert (swap.expected.version, swap.expected.value, swap.new) == ("8", said(OLD), written)
    assert (swap.group, swap.node, swap.keys[0].secret) == (3, 1, b"k" * 32)
    assert (reply.number, reply.outcome, reply.reading) == (7, Outcome.OK, Told(NEW, "9"))


def said(value: Said) -> LeaseValue:
    return LeaseValue(
        epoch=value.epoch,
        holder=value.holder,
        incarnation=value.incarnation,
        nonce=value.nonce,
        ttl_ms=value.ttl_ms,
    )


def test_only_a_conflict_that_the_store_proved_is_one() -> None:
    conflict = leases.run(lease(Told(OLD, "8"), NEW), asking(Trial(Conflict("it had changed"))))

    assert (conflict.outcome, conflict.conflict) == (Outcome.FAILED_NO_EFFECT, True)
    with pytest.raises(UnknownOutcome):
        leases.run(lease(Told(OLD, "8"), NEW), asking(Trial(UnknownOutcome("no answer came"))))


def test_an_answer_of_another_kind_leaves_a_swap_open() -> None:
    with pytest.raises(UnknownOutcome, match="the store answered a str"):
        leases.run(lease(Told(OLD, "8"), NEW), asking(Trial("done")))


def test_a_target_that_is_confirmed_off_is_off_with_the_evidence() -> None:
    reply = fencing.run(fence(), asking(Trial(seen(Power.OFF, confirmed=True))))

    assert reply.outcome is Outcome.OK
    assert reply.detail == "trial: rack 4: confirmed: off, off"


@pytest.mark.parametrize(
    "answer",
    [seen(Power.OFF, confirmed=False), seen(Power.ON, confirmed=True), UnknownOutcome("silence")],
)
def test_a_target_that_is_not_confirmed_off_may_be_running(answer: object) -> None:
    with pytest.raises(UnknownOutcome):
        fencing.run(fence(), asking(Trial(answer)))


def test_an_order_that_nobody_took_had_no_effect() -> None:
    reply = fencing.run(fence(), asking(Trial(Denied("the password is wrong"))))

    assert reply.outcome is Outcome.FAILED_NO_EFFECT
    assert "the password is wrong" in reply.detail


@pytest.mark.parametrize("problem", [Misconfigured("no such bucket"), ZeroDivisionError("a bug")])
@pytest.mark.parametrize("warm", [
    lambda registry: leases.warm(lease(), registry),
    lambda registry: fencing.warm(fence(), registry),
])  # fmt: skip
def test_a_store_or_fence_that_is_not_ready_keeps_no_node_from_serving(
    warm: Callable[[Registry], None], problem: Exception
) -> None:
    trial = Trial(problem)

    warm(asking(trial))

    assert len(trial.asked) == 1


def test_a_fence_that_cannot_be_prepared_keeps_no_other_from_being_so() -> None:
    first = FenceLevel("trial", (("address", "10.9.0.1"),), 50_000_000)
    second = FenceLevel("trial", (("address", "10.9.0.2"),), 50_000_000)
    order = FenceOrder(7, "c1", "alpha", "beta", "0/1/2/7", boot_ns() + 10**9, (first, second))
    trial = Trial(Misconfigured("no such device"))

    fencing.warm(order, asking(trial))

    addresses = [
        asked.options["address"] for asked in trial.asked if isinstance(asked, FenceRequest)
    ]
    assert addresses == ["10.9.0.1", "10.9.0.2"]


def test_a_node_is_never_its_own_target() -> None:
    order = FenceOrder(7, "c1", "beta", "beta", "0/1/2/7", boot_ns() + 10**9, fence().levels)
    trial = Trial(seen(Power.OFF, confirmed=True))

    with pytest.raises(ProviderError, match="a node never switches itself off"):
        fencing.run(order, asking(trial))

    assert trial.asked == []


def test_a_disk_that_is_here_is_started_with_the_receipt() -> None:
    trial = Trial(ResourceReceipt(changed=True, detail="AttachDisk 4711"))

    reply = resources.run(disk(), asking(trial))

    (request,) = trial.asked
    assert isinstance(request, ResourceRequest)
    assert (request.type, request.certificate, request.own("server")) == (
        "cloud-disk",
        "fenced",
        "b",
    )
    assert (reply.number, reply.outcome, reply.detail) == (7, Outcome.OK, "AttachDisk 4711")


def test_an_answer_of_another_kind_leaves_it_open_where_a_disk_is() -> None:
    with pytest.raises(UnknownOutcome, match="hafw_resource_start of trial answered a bool"):
        resources.run(disk(), asking(Trial(answer=True)))


def test_a_provider_is_warmed_with_its_own_disks_alone() -> None:
    trial = Trial(None)

    resources.warm((disk(), disk("other")), "trial", asking(trial))
    resources.warm((disk("other"),), "trial", asking(trial))

    assert [[each.options["disk"] for each in asked] for asked in trial.asked] == [["data"]]  # type: ignore[attr-defined]
