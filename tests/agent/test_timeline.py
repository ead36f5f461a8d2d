"""What people are told: bounded memory, followers, and where a takeover's time went."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from hafw.agent.timeline import KEPT, TEXT_CHARS, Timeline
from hafw.core.effects import Note
from hafw.core.settings import MS, SECOND

if TYPE_CHECKING:
    from hafw.agent.timeline import Line

BOOT_NS: Final = 1_000 * SECOND


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = BOOT_NS
        monkeypatch.setattr("hafw.agent.clock.boot_ns", lambda: self.now_ns)

    def after_ms(self, milliseconds: float) -> None:
        self.now_ns += int(milliseconds * MS)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def texts(lines: list[Line]) -> list[object]:
    return [line["text"] for line in lines]


def filled(count: int, text: str = "x") -> Timeline:
    told = Timeline()
    for number in range(count):
        told.add(Note("test.told", 0, f"{number} {text}"))
    return told


# --- notes ------------------------------------------------------------------------------------


def test_a_note_becomes_a_line_with_its_time_in_the_memory_and_the_log(
    clock: Clock, capfd: pytest.CaptureFixture[str]
) -> None:
    told = Timeline()

    told.add(Note("group.active", 3, "active, epoch 7"))

    (line,) = told.newest(10, 10_000)
    assert line["t_boot_ns"] == clock.now_ns
    assert (line["name"], line["group"]) == ("group.active", 3)
    assert json.loads(capfd.readouterr().err) == line


def test_a_note_about_no_group_says_so() -> None:
    told = Timeline()

    told.add(Note("peer.up", 0, "beta is up"))

    assert told.newest(1, 10_000)[0]["group"] is None


def test_memory_is_bounded_in_notes_and_in_their_length() -> None:
    told = filled(KEPT + 10, "x" * 10_000)

    assert len(told.notes) == KEPT
    assert all(len(str(line["text"])) == TEXT_CHARS for line in told.notes)


def test_the_newest_are_given_in_the_order_in_which_they_happened() -> None:
    assert texts(filled(5).newest(2, 10_000)) == ["3 x", "4 x"]


@pytest.mark.parametrize("count", [0, 5, 100])
def test_no_more_is_given_than_was_asked_for_or_is_there(count: int) -> None:
    assert len(filled(5).newest(count, 10_000)) == min(count, 5)


@pytest.mark.parametrize("letter", ["x", "…", "\U0001f600", "\\", "\0"])
def test_what_is_given_fits_into_the_room_whatever_the_letters(letter: str) -> None:
    told = filled(200, letter * TEXT_CHARS)

    given = told.newest(200, 100_000)

    assert 0 < len(json.dumps(given)) <= 100_000
    assert str(given[-1]["text"]).startswith("199 ")


def test_a_follower_hears_every_note_until_it_leaves() -> None:
    told, heard = Timeline(), list[object]()

    def follower(line: Line) -> None:
        heard.append(line["text"])

    told.add(Note("test.told", 0, "before"))
    told.followers.add(follower)
    told.add(Note("test.told", 0, "meanwhile"))
    told.followers.discard(follower)
    told.add(Note("test.told", 0, "after"))

    assert heard == ["meanwhile"]


# --- takeovers --------------------------------------------------------------------------------


def test_the_time_of_a_takeover_is_told_by_its_phases(clock: Clock) -> None:
    told = Timeline()
    silent_since_ns = clock.now_ns
    clock.after_ms(1_000)
    told.peer_silent_since(silent_since_ns)
    told.add(Note("peer.dead", 0, "beta is dead"))
    clock.after_ms(0.5)
    told.add(Note("certificate.used", 3, "reflected: silence 1000 ms"))
    told.add(Note("group.starting", 3, "starting under epoch 8"))
    clock.after_ms(2)
    told.add(Note("group.active", 3, "active, epoch 8"))
    clock.after_ms(0.25)
    told.announced(3, failed="")
    clock.after_ms(100)
    told.announced(3, failed="")

    takeover = told.takeovers[3]
    assert takeover.certificate == "reflected"
    assert takeover.phases_ms() == {"detect": 1_000, "decide": 0.5, "attach": 2, "announce": 0.25}


def test_a_planned_move_has_no_detection(clock: Clock) -> None:
    told = Timeline()
    told.add(Note("certificate.used", 3, "released: silence 0 ms"))
    told.add(Note("group.starting", 3, "starting under epoch 8"))
    clock.after_ms(3)

    told.add(Note("group.active", 3, "active, epoch 8"))

    assert told.takeovers[3].phases_ms() == {"attach": 3}


def test_an_announcement_that_was_not_sent_ends_no_phase() -> None:
    told = Timeline()
    told.add(Note("group.starting", 3, "starting under epoch 8"))
    told.add(Note("group.active", 3, "active, epoch 8"))

    told.announced(3, failed="it came too late")

    assert "announce" not in told.takeovers[3].phases_ms()


def test_an_announcement_of_a_group_that_never_started_here_is_no_error() -> None:
    told = Timeline()

    told.announced(3, failed="")

    assert told.takeovers == {}
