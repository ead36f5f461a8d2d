"""A report shows what the world recorded, exactly, to whoever reads it and however."""

from __future__ import annotations

import itertools
import re
import runpy
from typing import TYPE_CHECKING
from unittest.mock import patch
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from hafw_sim.mutants import MUTANTS, applied
from hafw_sim.play import play
from hafw_sim.report import Run, watched
from hafw_sim.report.axis import Axis
from hafw_sim.report.html import page
from hafw_sim.report.pytest_file import as_test
from hafw_sim.report.recording import BOTH, NOBODY, Key, Kind, Tone
from hafw_sim.report.rows import rows
from hafw_sim.report.text import plain
from hafw_sim.schedule import Decision, Pair, Schedule
from hafw_sim.schedule_file import encode
from hafw_sim.sim_commands import sim
from hafw_sim.swarm import draw_schedule

if TYPE_CHECKING:
    from pathlib import Path

S = 1_000_000_000
ADDRESS = Key(Kind.ADDRESS, "", 1)
CRASH = Schedule(
    Pair(),
    (
        Decision(10 * S, "crash", {"node": "alpha"}),
        Decision(30 * S, "boot", {"node": "alpha"}),
        Decision(40 * S, "operator", {"node": "alpha", "verb": "takeover"}),
    ),
    50 * S,
    heals=False,
    note="a crash & a <return>",
)
SPLIT = Schedule(
    Pair(groups=2),
    (Decision(10 * S, "cut_links"), Decision(10 * S, "cut_ping", {"node": "alpha"})),
    40 * S,
    heals=False,
)


@pytest.fixture(scope="module", name="crash")
def a_run_with_a_crash() -> Run:
    return watched(CRASH, "crash.hasim.jsonl")


@pytest.fixture(scope="module", name="overlap")
def a_run_in_which_both_serve() -> Run:
    with applied(MUTANTS["reflected_holder_never_lets_go"]):
        return watched(SPLIT, "split.hasim.jsonl")


# --- the recording ------------------------------------------------------------------------------


def test_who_served_is_recorded_to_the_nanosecond(crash: Run) -> None:
    served = [(span.fact.text, span.begin_ns) for span in crash.recording.lanes[ADDRESS]]

    assert [name for name, _ in served] == [
        NOBODY, "alpha", NOBODY, "beta", NOBODY, "alpha"
    ]  # fmt: skip
    assert served[2] == (NOBODY, 10 * S)
    assert crash.recording.lasted_ns(ADDRESS, NOBODY) < 11 * S


def test_a_gate_that_shuts_by_itself_ends_the_span_when_it_shuts() -> None:
    frozen = Schedule(Pair(), (Decision(10 * S, "freeze", {"node": "alpha"}),), 30 * S, heals=False)

    recording = watched(frozen, "x").recording

    let_go_ns = next(s.end_ns for s in recording.lanes[ADDRESS] if s.fact.text == "alpha")
    taken_ns = next(s.begin_ns for s in recording.lanes[ADDRESS] if s.fact.text == "beta")
    assert 10 * S < let_go_ns <= 10 * S + Pair().settings()[0].shut_ns < taken_ns


def test_the_lanes_agree_with_the_kernels_own_record_of_overlaps(overlap: Run) -> None:
    spans = [span for span in overlap.recording.lanes[ADDRESS] if span.fact.text == BOTH]

    told = next(text for text in overlap.outcome.violations if "group 1" in text)
    assert len(spans) == 1
    lasted_ms = (spans[0].end_ns - spans[0].begin_ns) / 1e6
    assert f"from {spans[0].begin_ns / 1e9:.6f} s for {lasted_ms:.3f} ms" in told


@pytest.mark.parametrize("seed", [3, 8, 21])
def test_watching_changes_nothing(seed: int) -> None:
    schedule = draw_schedule(seed)

    alone, seen = play(schedule), watched(schedule, str(seed))

    assert seen.outcome.events == alone.events
    assert seen.outcome.coverage == alone.coverage


@pytest.mark.parametrize("seed", [3, 8, 21])
def test_each_lane_covers_the_whole_run_without_a_gap(seed: int) -> None:
    recording = watched(draw_schedule(seed), str(seed)).recording

    for key, spans in recording.lanes.items():
        assert (spans[0].begin_ns, spans[-1].end_ns) == (0, recording.end_ns), key
        for early, late in itertools.pairwise(spans):
            assert early.end_ns == late.begin_ns, key
            assert early.fact != late.fact, key


def test_what_is_done_is_seen_in_its_lane() -> None:
    done = (
        Decision(5 * S, "cut", {"node": "alpha", "way": "link0"}),
        Decision(6 * S, "cut_ping", {"node": "beta"}),
        Decision(7 * S, "ping_node", {"up": False}),
        Decision(8 * S, "freeze", {"node": "beta"}),
        Decision(9 * S, "weather", {"loss": 0.1}),
    )

    recording = watched(Schedule(Pair(), done, 10 * S, heals=False), "x").recording

    now = {str(key): spans[-1].fact.text for key, spans in recording.lanes.items()}
    assert now["link0"] == "cut from alpha"
    assert (now["link1"], now["alpha"], now["ping alpha"]) == ("", "", "")
    assert (now["ping beta"], now["ping node"], now["beta"]) == ("cut", "off", "frozen")
    assert now["weather"] == "loss 0.1"


# --- rows and axis ------------------------------------------------------------------------------


def test_what_happens_together_is_one_row_and_nothing_is_left_out(crash: Run) -> None:
    found = rows(crash.recording)

    assert [row.at_ns for row in found] == sorted(row.at_ns for row in found)
    assert sum(bool(row.changed.get(ADDRESS)) for row in found) == 4  # two of them in a moment
    told = [moment.text for row in found for moment in row.moments]
    assert "crash alpha" in told
    assert "answers 0: group 1 now on alpha" in told


def test_an_axis_keeps_the_order_and_ends_at_its_width() -> None:
    axis = Axis([5, 10**6, 10**9, 600 * S], 601 * S)

    places = [axis.x(at_ns) for at_ns in (0, 5, 7, 10**6, 5 * 10**8, 10**9, 600 * S, 601 * S)]
    assert places == sorted(set(places))
    assert places[0] == 0.0
    assert places[-1] == pytest.approx(axis.width)


def test_a_run_of_no_length_has_an_axis_too() -> None:
    assert Axis([], 0).width == 0.0


# --- in the terminal ----------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_keeps_to_the_width_and_says_all_in_words(overlap: Run, width: int) -> None:
    text = plain(overlap, width)

    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    for word in ("cut_links", "BOTH", "(reflected)", "link0 cut", "standby", "quiet", "S2 both"):
        assert word in text, text


def test_a_quiet_hour_takes_one_line() -> None:
    quiet = watched(Schedule(Pair(), (), 3_600 * S, heals=False), "x")

    assert len(plain(quiet, 120).splitlines()) < 12


def test_a_run_that_does_not_hold_raises_with_its_table(crash: Run, overlap: Run) -> None:
    crash.must_hold()

    with pytest.raises(AssertionError, match="1 thing wrong") as failed:
        overlap.must_hold()

    assert "BOTH nodes serve address 1" in str(failed.value)


# --- as a page ----------------------------------------------------------------------------------


def test_the_page_stands_alone_and_is_well_formed(overlap: Run) -> None:
    text = page(overlap)

    svg = re.search(r"<svg.*?</svg>", text, re.DOTALL)
    assert svg is not None
    ET.fromstring(svg.group())
    assert re.findall(r"(?:src|href|url)\s*[=(]", text) == []
    assert "<script" not in text
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text


def test_the_page_tells_a_screen_reader_what_the_picture_shows(overlap: Run) -> None:
    text = page(overlap)

    label = re.search(r'<svg[^>]*role="img" aria-label="([^"]*)"', text)
    assert label is not None
    assert "1 thing wrong" in label.group(1)
    assert "address 1 was served by: alpha" in label.group(1)
    assert '<th scope="row">10.000000</th>' in text


def test_both_nodes_serving_is_a_band_and_a_bar_in_red(overlap: Run) -> None:
    text = page(overlap)

    bars = re.findall(r'<g class="wrong"><title>([^<]*)</title><rect', text)
    assert len(bars) == text.count('<rect class="band"') == 1
    assert all(bar.startswith("address") and ": both, from" in bar for bar in bars)
    assert ">BOTH</text>" in text


def test_what_comes_from_a_file_is_escaped(crash: Run) -> None:
    text = page(crash)

    assert "a crash &amp; a &lt;return&gt;" in text
    assert "<return>" not in text


def test_no_word_leaves_its_bar(overlap: Run) -> None:
    text = page(overlap)

    bar = r'<rect x="[^"]*" y="[^"]*" width="([^"]*)"[^>]*/><text[^>]*>([^<]*)<'
    for width, word in re.findall(bar, text):
        assert len(word) * 6.7 <= float(width), word


def test_more_things_at_once_than_there_are_lines_are_told_as_one() -> None:
    cuts = tuple(
        Decision(5 * S, "cut", {"node": node, "way": way})
        for node in ("alpha", "beta")
        for way in ("link0", "link1", "to_ping")
    )

    text = page(watched(Schedule(Pair(), cuts, 6 * S, heals=False), "x"))

    assert "4 more: cut alpha to_ping, cut beta link0" in text
    assert text.count("<path") == 3


# --- as a test ----------------------------------------------------------------------------------


def test_the_test_file_fails_as_long_as_the_bug_is_there(overlap: Run, tmp_path: Path) -> None:
    file = tmp_path / "test_found.py"
    file.write_text(as_test(overlap))
    test = runpy.run_path(str(file))["test_split"]

    test()
    with applied(MUTANTS["reflected_holder_never_lets_go"]), pytest.raises(AssertionError):
        test()


def test_names_and_notes_cannot_break_the_test_file(tmp_path: Path) -> None:
    schedule = Schedule(Pair(), (), S, heals=False, note='"""\\ \' {x}')
    file = tmp_path / "test_odd.py"

    file.write_text(as_test(watched(schedule, "o\"dd\\n'{x}.hasim.jsonl")))

    runpy.run_path(str(file))


# --- the command --------------------------------------------------------------------------------


def test_replay_writes_report_and_test(tmp_path: Path) -> None:
    schedule, html, test = (tmp_path / name for name in ("a.hasim.jsonl", "a.html", "test_a.py"))
    schedule.write_text(encode(CRASH))

    done = CliRunner().invoke(
        sim, ["replay", str(schedule), "--html", str(html), "--pytest", str(test)]
    )

    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines()[-1].endswith("50 s: nothing wrong")
    assert f"hafw sim replay {schedule}" in html.read_text()
    assert "def test_a()" in test.read_text()


def test_a_violation_is_shown_when_it_was() -> None:
    with patch("hafw_sim.play.FIRST_REST_NS", 0), patch("hafw_sim.play.SECOND_REST_NS", 0):
        stopped = Decision(5 * S, "operator", {"node": "alpha", "verb": "release"})
        run = watched(Schedule(Pair(protection="none"), (stopped, stopped), 6 * S), "x")

    wrong = [moment for moment in run.recording.moments if moment.tone is Tone.WRONG]
    assert [f"{moment.at_ns / 1e9:.6f} s: {moment.text}" for moment in wrong] == list(
        run.outcome.violations
    )
