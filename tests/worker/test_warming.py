"""How plugins are asked to prepare: once if all is well, and by group if not."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import pytest

from hafw.hooks.errors import Denied, ProviderError
from hafw.hooks.hookspecs import FenceRequest, LeaseRequest, VipRequest, hookimpl
from hafw.hooks.registry import Registry
from hafw.worker import warming
from hafw.worker.protocol import (
    FenceLevel,
    FenceOrder,
    Hello,
    LeaseOrder,
    Order,
    Resource,
    ResourceOrder,
    Vip,
)

if TYPE_CHECKING:
    from hafw.hooks.resources import ResourceRequest

PATIENCE_S: Final = 30.0
DENIED: Final = Denied("a permission is missing")


class Trial:
    """A provider that does not like some groups."""

    def __init__(self, disliked: dict[int, BaseException]) -> None:
        self.disliked = disliked
        self.asked: list[list[int]] = []

    @hookimpl
    def hafw_warm(self, requests: tuple[VipRequest, ...]) -> None:
        self.asked.append([request.group for request in requests])
        self._judge(requests)

    @hookimpl
    def hafw_resource_warm(self, requests: tuple[ResourceRequest, ...]) -> None:
        self._judge(requests)

    def _judge(self, requests: tuple[VipRequest | ResourceRequest, ...]) -> None:
        for request in requests:
            if request.group in self.disliked:
                raise self.disliked[request.group]


def prepare(trial: Trial, *, vips: tuple[int, ...] = (), disks: tuple[int, ...] = ()) -> object:
    """What groups with a VIP, or with a disk, are cold."""
    registry = Registry()
    registry.manager.register(trial, "trial")
    hello = Hello(
        ("trial",),
        tuple(Order(0, "trial", "hafw_warm", Vip("c1", each, 0, "", "", 0)) for each in vips),
        tuple(
            ResourceOrder(0, "trial", "hafw_resource_warm", 0, Resource("ebs", "c1", each, 0, 0))
            for each in disks
        ),
    )
    return warming.prepare(hello, registry)


def test_where_all_is_well_a_plugin_is_asked_once() -> None:
    trial = Trial({})

    assert prepare(trial, vips=(1, 2)) == {}
    assert trial.asked == [[1, 2]]


def test_a_group_that_cannot_be_prepared_for_is_found_by_asking_for_each() -> None:
    trial = Trial({2: DENIED})

    assert prepare(trial, vips=(1, 2, 3)) == {2: "a permission is missing"}
    assert trial.asked == [[1, 2, 3], [1], [2], [3]]


def test_a_group_that_is_alone_is_not_asked_for_twice() -> None:
    trial = Trial({2: DENIED})

    assert prepare(trial, vips=(2,)) == {2: "a permission is missing"}
    assert trial.asked == [[2]]


def test_a_disk_keeps_its_group_from_being_taken_as_a_vip_does() -> None:
    assert prepare(Trial({2: DENIED}), vips=(1, 2), disks=(2,)) == {2: "a permission is missing"}
    assert prepare(Trial({3: DENIED}), vips=(1,), disks=(3,)) == {3: "a permission is missing"}


@pytest.mark.parametrize(
    ("problem", "why"),
    [
        (ProviderError(), "ProviderError"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (SystemExit(3), "SystemExit: 3"),
    ],
)
def test_whatever_a_plugin_raises_is_why(problem: BaseException, why: str) -> None:
    assert prepare(Trial({1: problem}), vips=(1, 2)) == {1: why}


class Silent:
    """A store and a fence that say nothing before they are let go."""

    def __init__(self) -> None:
        self.lets_go = threading.Event()
        self.ended = {"store": threading.Event(), "fence": threading.Event()}

    @hookimpl
    def hafw_fence_warm(self, request: FenceRequest) -> None:
        del request
        self._wait("fence")

    @hookimpl
    def hafw_lease_warm(self, request: LeaseRequest) -> None:
        del request
        self._wait("store")

    def _wait(self, who: str) -> None:
        self.lets_go.wait(PATIENCE_S)
        self.ended[who].set()


def authorities(silent: Silent) -> None:
    """Prepare a store and a fence that are this one."""
    registry = Registry()
    registry.manager.register(silent, "silent")
    level = FenceLevel("silent", (), int(PATIENCE_S * 1e9))
    warming.authorities(
        Hello(
            ("silent",),
            (),
            leases=(LeaseOrder(0, "silent://here", "c1", 1, 0, 20.0, 0, ((1, b"k" * 32),)),),
            fence=FenceOrder(0, "c1", "alpha", "beta", "0/1/0/1", 0, (level,)),
        ),
        registry,
    )


def test_a_store_and_a_fence_that_are_silent_are_left_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(warming, "AUTHORITY_S", 0.0)
    silent = Silent()

    authorities(silent)

    assert not any(each.is_set() for each in silent.ended.values())
    silent.lets_go.set()
    assert all(each.wait(PATIENCE_S) for each in silent.ended.values())


def test_a_store_and_a_fence_that_answer_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "AUTHORITY_S", PATIENCE_S)
    silent = Silent()
    threading.Timer(0.1, silent.lets_go.set).start()

    authorities(silent)

    assert all(each.is_set() for each in silent.ended.values())
