"""A journal gives back every step, and a replay of it decides the same."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafw.core.effects import HoldGate, ShutGate
from hafw.core.journal import _TOO_LONG as LONGEST
from hafw.core.journal import DamagedError, Header, Recorder, Segment, _unsigned
from hafw.core.model import Beat, BeatHeard, EchoAnswered, Instant, Tick
from hafw_sim.pairs import ALPHA, running_pair
from hafw_sim.replay import replay
from tests.core.storms import Journals, header_of, storm

if TYPE_CHECKING:
    from hafw.core.effects import Effect
    from hafw.core.model import Event
    from hafw_sim.world import Machine


BEGUN = Instant(1 << 20, 1 << 20)
HEADER = Header("1", "engine", continues=False, lost=0, wall="", snapshot=None).encode()


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


def test_a_segment_that_was_written_whole_is_not_cut_off() -> None:
    record, _ = Recorder(BEGUN).record(Tick(), Instant(5_000, 5_000), [])
    segment = Segment(HEADER + record)

    assert len(list(segment.steps(BEGUN))) == 1
    assert not segment.cut_off


@pytest.mark.parametrize(
    ("effects", "decided"),
    [([], False), ([HoldGate(1, 5)], False), ([HoldGate(1, 5), ShutGate(1)], True)],
    ids=["nothing", "a renewal of the gate", "its end"],
)
def test_a_record_says_whether_anything_was_decided(
    effects: list[Effect], *, decided: bool
) -> None:
    assert Recorder(BEGUN).record(Tick(), BEGUN, effects)[1] is decided


@pytest.mark.parametrize("event", [Tick(), EchoAnswered(0, 5)], ids=["a tick", "an answer"])
def test_what_comes_all_the_time_takes_a_few_bytes(event: Event) -> None:
    later = Instant(BEGUN.boot_ns + 1_000_000_000, BEGUN.mono_ns + 1_000_000_000)

    assert len(Recorder(BEGUN).record(event, later, [])[0]) < 12


@pytest.mark.parametrize(
    ("record", "what"),
    [
        (bytes((1, 0, 0, 0, 0, 2, 2)), "byte {end}: a beat like the last, but there is none"),
        (bytes((9, 0, 0)), "byte {end}: no record of kind 9"),
        (bytes((3, 0, 0)) + _unsigned(LONGEST + 1), f"byte {{end}}: a record of {LONGEST + 1} b"),
        (bytes((3, 0, 0, 1)) + b"{", "byte {end}: "),
        (bytes((3, 0, 0, 2)) + b"[]", "of another version: a list without its mark"),
    ],
    ids=["no beat before", "unknown kind", "too long", "no JSON", "no event"],
)
def test_damage_is_named_and_where_it_is(record: bytes, what: str) -> None:
    with pytest.raises(DamagedError, match=what.format(end=len(HEADER + record))):
        list(Segment(HEADER + record).steps(BEGUN))


def test_a_record_of_the_longest_event_that_is_not_there_is_cut_off() -> None:
    segment = Segment(HEADER + bytes((3, 0, 0)) + _unsigned(LONGEST))

    assert list(segment.steps(BEGUN)) == []
    assert segment.cut_off


@pytest.mark.parametrize("step_ns", [0, 63, 64, 127, 128, 1 << 14])
@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_come_back_where_they_need_one_byte_more(step_ns: int, sign: int) -> None:
    now = Instant(BEGUN.boot_ns + sign * step_ns, BEGUN.mono_ns)
    record, _ = Recorder(BEGUN).record(Tick(), now, [])

    (step,) = Segment(HEADER + record).steps(BEGUN)

    assert step.now == now


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
    with suppress(DamagedError):
        for _ in Segment(HEADER + garbage).steps(Instant(0, 0)):
            pass


@given(st.lists(st.tuples(st.integers(-(2**60), 2**60), st.integers(-(2**40), 2**40))))
def test_instants_come_back_to_the_nanosecond(instants: list[tuple[int, int]]) -> None:
    begun = Instant(0, 0)
    recorder = Recorder(begun)
    data = HEADER
    for boot_ns, mono_ns in instants:
        data += recorder.record(Tick(), Instant(boot_ns, mono_ns), [])[0]

    steps = list(Segment(data).steps(begun))

    assert [tuple(step.now) for step in steps] == instants


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 2**60))))
def test_beats_come_back_whole(heard: list[tuple[int, bool, int]]) -> None:
    begun = Instant(0, 0)
    recorder = Recorder(begun)
    data = HEADER
    events = [
        BeatHeard(path, Beat(0, 1, n, 1, n // 2, 3, 1, leaving=False, is_ack=is_ack,
                             config_hash=b"12345678", groups=()))
        for path, is_ack, n in heard
    ]  # fmt: skip
    for event in events:
        data += recorder.record(event, begun, [])[0]

    steps = list(Segment(data).steps(begun))

    assert [step.event for step in steps] == events
