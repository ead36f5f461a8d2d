"""The levels of a node: which is tried when, with methods that do as a test tells them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from hafw.fences import levels
from hafw.fences.levels import Aim, Result
from hafw.hooks.errors import Denied, Misconfigured, UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, FenceRequest, Power, Sighting, hookimpl
from hafw.hooks.registry import Registry
from hafw.net.clock import boot_ns

if TYPE_CHECKING:
    from collections.abc import Iterator

AIM = Aim(cluster_id="c1", sender="alpha", target="beta", op="alpha/1/1/1")


@dataclass(frozen=True, slots=True)
class Level:
    """As the cluster file has it."""

    method: str
    timeout_ns: int = 5 * 10**9
    options: tuple[tuple[str, str | int | bool], ...] = (("address", "10.9.9.9"),)


def receipt(power: Power, *, confirmed: bool = True) -> FenceReceipt:
    return FenceReceipt(
        power=power,
        confirmed=confirmed,
        method="any",
        identity="machine 7",
        seen=(Sighting(str(power), boot_ns()),),
    )


@dataclass(slots=True, eq=False)
class Method:
    """A plugin that answers what it was told to."""

    answer: object
    later: object = None
    requests: list[FenceRequest] = field(default_factory=list)

    @hookimpl
    def hafw_fence_off(self, request: FenceRequest) -> object:
        self.requests.append(request)
        return self._say(self.answer)

    @hookimpl
    def hafw_fence_status(self, request: FenceRequest) -> object:
        self.requests.append(request)
        return self._say(self.answer if self.later is None else self.later)

    def _say(self, answer: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, threading.Event):
            answer.wait(20.0)
        return answer


@pytest.fixture(autouse=True)
def looks_follow_each_other_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels, "OBSERVE_S", 0.1)


OFF = receipt(Power.OFF)
COURTESY = receipt(Power.OFF, confirmed=False)


def registry(**methods: Method) -> Registry:
    found = Registry()
    for name, method in methods.items():
        found.manager.register(method, name)
    return found


def test_the_first_level_that_confirms_is_the_last_that_is_tried() -> None:
    first, second = Method(OFF), Method(OFF)

    record = levels.switch_off(registry(a=first, b=second), [Level("a"), Level("b")], AIM)

    assert record.confirmed is OFF
    assert [len(each.requests) for each in (first, second)] == [1, 0]


def test_a_level_gets_its_options_and_its_own_deadline() -> None:
    method = Method(OFF)
    before_ns = boot_ns()

    levels.switch_off(registry(a=method), [Level("a", timeout_ns=7 * 10**9)], AIM)

    request = method.requests[0]
    assert (request.sender, request.target, request.op) == ("alpha", "beta", AIM.op)
    assert request.options == {"address": "10.9.9.9"}
    assert 0 <= request.deadline_ns - before_ns - 7 * 10**9 < 10**9


def test_a_level_that_failed_without_effect_is_followed_at_once() -> None:
    second = Method(OFF)
    methods = registry(a=Method(Denied("the user may not")), b=second)

    record = levels.switch_off(methods, [Level("a", timeout_ns=3600 * 10**9), Level("b")], AIM)

    assert record.confirmed is OFF
    assert [attempt.result for attempt in record.attempts] == [Result.FAILED, Result.CONFIRMED]
    assert record.attempts[0].detail == "the user may not"


def test_a_courtesy_is_followed_at_once_and_never_confirms() -> None:
    record = levels.switch_off(registry(a=Method(COURTESY)), [Level("a")], AIM)

    assert record.attempts[0].result is Result.UNCONFIRMED
    assert record.confirmed is None
    assert not record.no_effect


@pytest.mark.parametrize("power", [Power.ON, Power.UNKNOWN])
def test_a_receipt_that_does_not_say_off_never_confirms(power: Power) -> None:
    record = levels.switch_off(registry(a=Method(receipt(power))), [Level("a")], AIM)

    assert record.confirmed is None


def test_an_unknown_outcome_is_observed_until_the_level_is_over() -> None:
    second = Method(OFF)
    first = Method(UnknownOutcome("no answer"), later=receipt(Power.ON))
    before_ns = boot_ns()

    record = levels.switch_off(
        registry(a=first, b=second), [Level("a", timeout_ns=10**9), Level("b")], AIM
    )

    assert record.confirmed is OFF
    assert second.requests[0].deadline_ns - before_ns > 5.8 * 10**9
    assert [attempt.result for attempt in record.attempts] == [Result.UNKNOWN, Result.CONFIRMED]


def test_an_unknown_outcome_that_turns_out_to_be_off_is_the_end() -> None:
    second = Method(OFF)
    first = Method(UnknownOutcome("no answer"), later=OFF)

    record = levels.switch_off(registry(a=first, b=second), [Level("a"), Level("b")], AIM)

    assert record.confirmed is OFF
    assert second.requests == []


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """What nobody sets while a test runs."""
    event = threading.Event()
    yield event
    event.set()


def test_a_plugin_that_forgets_its_deadline_is_left_behind(
    never: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(levels, "GRACE_S", 0.1)
    methods = registry(a=Method(never), b=Method(OFF))

    record = levels.switch_off(methods, [Level("a", timeout_ns=10**8), Level("b")], AIM)

    assert record.confirmed is OFF
    assert "hafw_fence_off of a did not return by its deadline" in record.attempts[0].detail


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (True, "hafw_fence_off of a answered a bool"),
        (ValueError("oops"), "ValueError: oops"),
        (SystemError("worse"), "SystemError: worse"),
    ],
)
def test_a_plugin_that_breaks_the_contract_leaves_the_outcome_open(
    answer: object, told: str
) -> None:
    record = levels.switch_off(registry(a=Method(answer)), [Level("a", timeout_ns=10**8)], AIM)

    assert (record.attempts[0].result, record.attempts[0].detail) == (Result.UNKNOWN, told)
    assert not record.no_effect


@pytest.mark.parametrize("run", [levels.switch_off, levels.look])
def test_no_node_is_its_own_target(run: object) -> None:
    method = Method(OFF)
    mad = Aim(cluster_id="c1", sender="Beta", target="beta", op="x")
    assert callable(run)

    with pytest.raises(Misconfigured, match="a node never switches itself off"):
        run(registry(a=method), [Level("a")], mad)

    assert method.requests == []


def test_a_node_without_a_fence_is_not_off() -> None:
    with pytest.raises(Misconfigured, match=r"add a table \[nodes.beta.fence\]"):
        levels.switch_off(registry(), [], AIM)


def test_a_look_asks_every_level_and_switches_nothing() -> None:
    first, second = Method(Denied("no"), later=receipt(Power.ON)), Method(OFF)

    record = levels.look(registry(a=first, b=second), [Level("a"), Level("b")], AIM)

    assert [each.receipt.power for each in record.attempts if each.receipt] == ["on", "off"]
