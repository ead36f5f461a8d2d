"""The order of things in which a device is believed, with one that says what a test tells it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import pytest

from hafw import fence_options as options
from hafw import fence_rounds as rounds
from hafw.hooks.errors import Denied, Misconfigured, ProviderError, Retryable, UnknownOutcome
from hafw.hooks.hookspecs import FenceRequest, Power

if TYPE_CHECKING:
    from collections.abc import Iterator

STATES = {
    "+": (Power.ON, "on"),
    "-": (Power.OFF, "off"),
    "~": (Power.UNKNOWN, "powering off"),
}


@dataclass(slots=True)
class Clock:
    """Goes on by a millisecond whenever it is asked, and by as much as is waited for."""

    begins_ns: ClassVar[int] = 10**9
    now_ns: int = begins_ns

    def __call__(self) -> int:
        self.now_ns += 10**6
        return self.now_ns

    def wait(self, for_s: float) -> None:
        self.now_ns += int(for_s * 1e9)


@dataclass(slots=True)
class Scripted:
    """Says one letter of the script at each reading, and the last one for ever.

    `|` is where the order must come; `!` is a reading that fails, `.` one that takes ten seconds.
    """

    script: str
    clock: Clock
    refuses: Exception | None = None
    method: str = "scripted"
    ordered: int = 0
    readings: int = 0
    _letters: Iterator[str] = field(init=False)
    _last: str = field(init=False)

    def __post_init__(self) -> None:
        before, _, after = self.script.partition("|")
        self._letters, self._last = iter(before + after), self.script[-1]

    def identity(self) -> str:
        return "machine 7"

    def read(self) -> tuple[Power, str]:
        self.readings += 1
        letter = next(self._letters, self._last)
        if letter == ".":
            self.clock.now_ns += 10 * 10**9
        if letter == "!":
            raise Retryable("no answer", 0.0)
        return STATES[letter if letter in STATES else "+"]

    def order_off(self) -> None:
        self.ordered += 1
        if self.refuses is not None:
            raise self.refuses


def request(timeout_s: float = 5.0) -> FenceRequest:
    return FenceRequest(
        cluster_id="c1",
        op="alpha/1/1/1",
        sender="alpha",
        target="beta",
        options={},
        deadline_ns=Clock.begins_ns + int(timeout_s * 1e9),
    )


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time in which readings are taken and deadlines pass."""
    found = Clock()
    for module in (rounds, options):
        monkeypatch.setattr(module, "boot_ns", found)
    monkeypatch.setattr(time, "sleep", found.wait)
    return found


def off(clock: Clock, script: str, refuses: Exception | None = None) -> Scripted:
    """Switch off a machine that must be confirmed to be off."""
    device = Scripted(script, clock, refuses)
    receipt = rounds.switch_off(device, request())
    assert (receipt.power, receipt.confirmed) == (Power.OFF, True)
    assert device.ordered == 1
    return device


@pytest.mark.parametrize(
    ("script", "readings"),
    [
        ("+|--", 3),
        ("+|+++--", 6),
        ("+|~--", 4),
        ("+|-+--", 5),  # one reading is a glitch
        ("+|-~--", 5),
        ("+|-!--", 5),  # a reading that failed begins the count anew
        ("+|!!--", 5),
        ("-|--", 3),  # what was read before the order does not count
        ("~|--", 3),
    ],
)
def test_off_is_two_readings_in_a_row_after_the_order(
    clock: Clock, script: str, readings: int
) -> None:
    assert off(clock, script).readings == readings


@pytest.mark.parametrize("script", ["+|+", "+|~", "+|!", "-|-+", "+|-+-+-+-+-~"])
def test_what_is_not_seen_to_be_off_by_the_deadline_is_unknown(clock: Clock, script: str) -> None:
    with pytest.raises(UnknownOutcome, match="beta was ordered off by scripted and is not seen"):
        rounds.switch_off(Scripted(script, clock), request())


def test_an_order_without_an_answer_is_settled_by_reading(clock: Clock) -> None:
    off(clock, "+|+--", refuses=UnknownOutcome("no answer"))


def test_an_order_that_a_running_machines_device_refuses_had_no_effect(clock: Clock) -> None:
    device = Scripted("+|-", clock, refuses=Denied("the user may not"))

    with pytest.raises(Denied):
        rounds.switch_off(device, request())

    assert device.readings == 1


@pytest.mark.parametrize("before", ["-", "~"])
def test_a_device_may_refuse_to_switch_off_what_is_off_or_going_off(
    clock: Clock, before: str
) -> None:
    off(clock, f"{before}|--", refuses=ProviderError("not in this state"))


def test_a_device_that_does_not_answer_at_first_is_asked_once_more(clock: Clock) -> None:
    assert off(clock, "!+|--").readings == 4


def test_a_device_that_cannot_be_read_is_not_ordered(clock: Clock) -> None:
    device = Scripted("!!|-", clock)

    with pytest.raises(Retryable):
        rounds.switch_off(device, request())

    assert device.ordered == 0


def test_nothing_is_read_or_ordered_after_the_deadline(clock: Clock) -> None:
    device = Scripted("+|-", clock)

    with pytest.raises(ProviderError, match="the deadline had passed") as refused:
        rounds.switch_off(device, request(-1.0))

    assert not isinstance(refused.value, UnknownOutcome)
    assert (device.readings, device.ordered) == (0, 0)


def test_nothing_is_ordered_when_the_first_reading_took_all_the_time(clock: Clock) -> None:
    device = Scripted(".|-", clock)

    with pytest.raises(ProviderError, match="the deadline had passed"):
        rounds.switch_off(device, request())

    assert (device.readings, device.ordered) == (1, 0)


def test_readings_that_agree_are_half_a_second_apart(clock: Clock) -> None:
    receipt = rounds.switch_off(Scripted("+|--", clock), request())

    first, second = receipt.seen[-2:]
    assert (first.state, second.state) == ("off", "off")
    assert second.at_ns - first.at_ns >= 0.5e9


def test_the_evidence_begins_with_what_was_before_and_is_bounded(clock: Clock) -> None:
    few = rounds.switch_off(Scripted("+|+++--", clock), request()).seen
    many = rounds.switch_off(Scripted("+|" + "+~" * 100 + "--", clock), request(3600)).seen

    assert [seen.state for seen in few] == ["on", "on", "off", "off"]
    assert len(many) == rounds.MAX_SIGHTINGS
    assert [seen.state for seen in many[-2:]] == ["off", "off"]


@pytest.mark.parametrize(
    ("script", "power"),
    [("+", Power.ON), ("~", Power.UNKNOWN), ("--", Power.OFF), ("-+", Power.ON)],
)
def test_a_look_believes_off_only_when_it_is_said_twice(
    clock: Clock, script: str, power: Power
) -> None:
    device = Scripted(script, clock)

    receipt = rounds.look(device, request())

    assert (receipt.power, receipt.confirmed) == (power, power is Power.OFF)
    assert device.ordered == 0


def test_a_look_that_fails_is_an_error(clock: Clock) -> None:
    with pytest.raises(Retryable):
        rounds.look(Scripted("-!", clock), request())


@pytest.mark.parametrize("pinned", [None, "AB-1", "ab-1"])
def test_the_machine_that_is_meant_is_accepted(pinned: str | None) -> None:
    told = rounds.check_identity(request(), pinned=pinned, found="AB-1", what="UUID")

    assert told == "UUID AB-1"


@pytest.mark.parametrize("found", ["AB-2", "none", ""])
def test_another_machine_is_refused(found: str) -> None:
    with pytest.raises(Misconfigured, match="leads to another machine"):
        rounds.check_identity(request(), pinned="AB-1", found=found, what="UUID")
