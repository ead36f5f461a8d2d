"""A schedule is a file that survives its generator; one that is none is told why."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hafw.core.engine import Engine
from hafw_sim.play import play
from hafw_sim.schedule import Decision, Pair, Schedule
from hafw_sim.schedule_file import ScheduleError, decode, encode
from hafw_sim.swarm import draw_schedule

HEAD = '{"schema":"hafw.schedule/1","end_ns":1000,"pair":{}}\n'


def line(decision: str) -> str:
    """A file with one decision."""
    return f"{HEAD}{{{decision}}}\n"


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**9))
def test_every_drawn_schedule_comes_back_from_its_file(seed: int) -> None:
    schedule = draw_schedule(seed)

    assert decode(encode(schedule), "file") == schedule


def test_a_schedule_from_a_file_runs_as_the_seed_does() -> None:
    schedule = draw_schedule(7)

    from_seed = play(schedule, traced=True)
    from_file = play(decode(encode(schedule), "file"), traced=True)

    assert from_file.trace == from_seed.trace != ""


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "f:1: the file is empty"),
        ('{"schema":"hafw.schedule/9"}\n', 'f:1: schema is "hafw.schedule/9"; this version reads'),
        ("crash alpha\n", "f:1: "),
        ('{"schema":"hafw.schedule/1","end_ns":1,"pair":{"link":2}}\n', "unknown field `link`"),
        (
            '{"schema":"hafw.schedule/1","end_ns":1,"pair":{"protection":"magic"}}\n',
            'protection "magic"; choose from none, fenced',
        ),
        (line('"t_ns":1,"do":"crahs"'), 'f:2: nothing is called "crahs"; did you mean "crash"?'),
        (HEAD + "\n\n[]\n", "f:4: "),
        (line('"t_ns":1,"do":"crash","node":"c"'), 'f:2: crash node="c"; there is alpha, beta'),
        (line('"t_ns":1,"do":"crash","nod":"c"'), 'crash has no "nod"; did you mean "node"?'),
        (line('"t_ns":1,"do":"crash"'), "crash needs node too"),
        (line('"t_ns":1,"do":"slow","node":"alpha","seconds":"a"'), "this is no float"),
        (line('"do":"crash","node":"alpha"'), "a decision has t_ns and do"),
        (line('"t_ns":"soon","do":"crash"'), "t_ns is a number of nanoseconds"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_by_line_and_word(text: str, complaint: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        decode(text, "f")

    assert complaint in str(refused.value)


def test_any_part_of_a_schedule_is_a_schedule() -> None:
    whole = draw_schedule(13)

    for begin in range(0, len(whole.decisions), 5):
        part = whole.with_decisions(whole.decisions[begin : begin + 7])
        assert play(part).violations == []


def test_what_would_come_after_the_end_is_not_done() -> None:
    late = Decision(2 * 10**9, "cut_links")

    outcome = play(Schedule(Pair(), (late,), 10**9))

    assert outcome.faults == {}
    assert outcome.violations == []


def test_a_run_that_never_ends_is_stopped_and_reported() -> None:
    schedule = Schedule(Pair(), (Decision(0, "cut_links"),), 10**9, heals=False)

    with patch.object(Engine, "deadline", lambda _self: 0):
        outcome = play(schedule)

    assert any("events in the second" in text for text in outcome.violations)
