"""A journal gives back every step, and a replay of it decides the same."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafw.core.journal import DamagedError, Header, Recorder, Segment
from hafw.core.model import Beat, BeatHeard, Instant, Tick
from hafw_sim.pairs import ALPHA, running_pair
from hafw_sim.replay import replay
from tests.core.storms import Journals, header_of, storm

if TYPE_CHECKING:
    from hafw.core.effects import Effect
    from hafw.core.model import Event
    from hafw_sim.world import Machine


@pytest.mark.parametrize("seed", range(3))
def test_a_replay_reaches_the_same_decisions(seed: int) -> None:
    journals = Journals()

    storm(seed, journals.tap)
    reports = [replay(journals.files(name)) for name in ("alpha", "beta")]

    assert [report.differences for report in reports] == [[], []]
    assert sum(report.steps for report in reports) == journals.steps > 2_000


def test_a_replay_notices_another_decision() -> None:
    journals = Journals()
    storm(1, journals.tap)
    name, content = journals.files("alpha")[0]

    report = replay([(name, content.replace(b"group.active", b"group.asleep"))])

    assert len(report.differences) >= 1
    assert "the journal says" in report.differences[0]


def test_a_replay_notices_a_segment_that_begins_elsewhere() -> None:
    journals = Journals()
    storm(1, journals.tap)
    files = journals.files("beta")
    continuing = next(n for n, (_, data) in enumerate(files) if b'"continues":true' in data)

    report = replay([files[continuing - 1], (files[continuing][0], files[-1][1])])

    assert report.segments == 2


def test_quiet_hours_take_little_room() -> None:
    world = running_pair()
    sizes: list[int] = []
    recorder: list[Recorder] = []

    def tap(node: Machine, event: Event, now: Instant, effects: list[Effect]) -> None:
        if node.number == ALPHA:
            if not recorder:
                recorder.append(Recorder(now))
            sizes.append(len(recorder[0].record(event, now, effects)[0]))

    world.taps.append(tap)
    world.run(600)

    a_day = sum(sizes) * 24 * 6
    assert a_day < 20_000_000


def test_a_record_that_is_cut_off_ends_the_segment() -> None:
    world = running_pair()
    engine = world.engine(ALPHA)
    begun = Instant(1_000, 1_000)
    record, _ = Recorder(begun).record(Tick(), Instant(5_000, 5_000), [])
    whole = header_of(engine) + record

    for length in range(1, len(record)):
        segment = Segment(whole[:-length])
        assert list(segment.steps(begun)) == []
        assert segment.cut_off


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "no journal"),
        (b"hafw journal 2 {}\n", "no journal"),
        (b"hafw journal 1 {}\n", "header is damaged"),
        (b"hafw journal 1 {\n", "header is damaged"),
    ],
)
def test_what_is_no_journal_is_named(content: bytes, what: str) -> None:
    with pytest.raises(DamagedError, match=what):
        Segment(content)


@given(st.binary(max_size=200))
def test_garbage_after_a_good_header_is_damage_or_a_cut_off_end(garbage: bytes) -> None:
    line = Header("1", "engine", continues=False, lost=0, wall="", snapshot=None).encode()

    with suppress(DamagedError):
        for _ in Segment(line + garbage).steps(Instant(0, 0)):
            pass


@given(st.lists(st.tuples(st.integers(-(2**60), 2**60), st.integers(-(2**40), 2**40))))
def test_instants_come_back_to_the_nanosecond(instants: list[tuple[int, int]]) -> None:
    begun = Instant(0, 0)
    recorder = Recorder(begun)
    data = Header("1", "engine", continues=False, lost=0, wall="", snapshot=None).encode()
    for boot_ns, mono_ns in instants:
        data += recorder.record(Tick(), Instant(boot_ns, mono_ns), [])[0]

    steps = list(Segment(data).steps(begun))

    assert [tuple(step.now) for step in steps] == instants


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 2**60))))
def test_beats_come_back_whole(heard: list[tuple[int, bool, int]]) -> None:
    begun = Instant(0, 0)
    recorder = Recorder(begun)
    data = Header("1", "engine", continues=False, lost=0, wall="", snapshot=None).encode()
    events = [
        BeatHeard(path, Beat(0, 1, n, 1, n // 2, 3, 1, leaving=False, is_ack=is_ack,
                             config_hash=b"12345678", groups=()))
        for path, is_ack, n in heard
    ]  # fmt: skip
    for event in events:
        data += recorder.record(event, begun, [])[0]

    steps = list(Segment(data).steps(begun))

    assert [step.event for step in steps] == events
