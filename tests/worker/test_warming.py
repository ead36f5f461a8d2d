"""How plugins are asked to prepare: once if all is well, and by group if not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from hafw.hooks.errors import Denied, ProviderError
from hafw.hooks.hookspecs import VipRequest, hookimpl
from hafw.hooks.registry import Registry
from hafw.worker import warming
from hafw.worker.protocol import Hello, Order, Resource, ResourceOrder, Vip

if TYPE_CHECKING:
    from hafw.hooks.resources import ResourceRequest

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
