"""Echoes to a ping node: which were sent, which were answered, and what that proves."""

from __future__ import annotations

from itertools import pairwise
from typing import Final
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafw.core import reflection
from hafw.core.duties import NEVER
from hafw.core.liveness import SENT_KEPT
from hafw.core.reflection import Echoes
from hafw.core.settings import REFLECT_FORGIVEN, REFLECT_MIN_ANSWERED, SECOND, Classes
from hafw_sim.pairs import settings_pair

_, SETTINGS = settings_pair(Classes.REFLECTED)
BEAT_NS: Final = SETTINGS.beat_ns
LATEST_NS: Final = SETTINGS.max_delay_ns
BOOT_NS: Final = 1_000 * SECOND
BEATS: Final = 10


def sent(beats: int = BEATS, *, answered: bool = True) -> Echoes:
    """Echoes 1, 2, … `beats`, one a beat from BOOT_NS on."""
    echoes = Echoes()
    for n in range(1, beats + 1):
        echoes.send(n, at(n), NEVER)
        if answered:
            echoes.answer(n)
    return echoes


def at(n: int) -> int:
    return BOOT_NS + (n - 1) * BEAT_NS


# --- answers ----------------------------------------------------------------------------------


def test_an_answer_counts_once() -> None:
    echoes = sent(3, answered=False)

    assert echoes.answer(2)
    assert not echoes.answer(2)


@pytest.mark.parametrize("n", [-1, 0, 4, 1 << 64])
def test_an_answer_to_what_was_never_asked_counts_for_nothing(n: int) -> None:
    echoes = sent(3, answered=False)

    assert not echoes.answer(n)
    assert echoes.newest_ns == NEVER


def test_an_answer_before_anything_was_asked_counts_for_nothing() -> None:
    assert not Echoes().answer(1)


def test_an_answer_to_a_number_that_was_left_out_counts_for_nothing() -> None:
    echoes = Echoes()
    echoes.send(1, at(1), NEVER)
    echoes.send(3, at(3), NEVER)

    assert not echoes.answer(2)


def test_an_answer_to_what_is_forgotten_counts_for_nothing() -> None:
    echoes = sent(1, answered=False)

    echoes.send(2, at(2), at(1) + 1)

    assert not echoes.answer(1)


def test_what_is_just_old_enough_is_not_forgotten() -> None:
    echoes = sent(1, answered=False)

    echoes.send(2, at(2), at(1))

    assert echoes.answer(1)


def test_evidence_is_dated_by_the_sending_of_what_was_answered() -> None:
    echoes = sent(5, answered=False)

    echoes.answer(3)

    assert echoes.newest_ns == at(3)


def test_without_m_answers_the_way_to_the_ping_node_is_not_proved() -> None:
    echoes = sent(BEATS, answered=False)
    for n in range(1, REFLECT_MIN_ANSWERED):
        echoes.answer(n)

    before = echoes.mth_ns
    echoes.answer(BEATS)

    assert before == NEVER
    assert echoes.mth_ns == at(1)


@given(st.sets(st.integers(1, BEATS)).flatmap(lambda answers: st.permutations(sorted(answers))))
def test_the_order_of_the_answers_does_not_matter(answers: list[int]) -> None:
    echoes = sent(BEATS, answered=False)

    for n in answers:
        echoes.answer(n)

    newest_first = [at(n) for n in sorted(answers, reverse=True)]
    dates = [*newest_first, *[NEVER] * REFLECT_MIN_ANSWERED]
    assert echoes.newest_ns == dates[0]
    assert echoes.mth_ns == dates[REFLECT_MIN_ANSWERED - 1]


def test_memory_is_bounded_whatever_is_asked_for() -> None:
    echoes = sent(SENT_KEPT + 10)

    assert len(echoes._sent) == SENT_KEPT
    assert len(echoes._answered) == SENT_KEPT
    assert echoes.unbroken(at(SENT_KEPT + 10), at(11), SETTINGS)


# --- unbroken ---------------------------------------------------------------------------------


def test_echoes_that_were_all_answered_are_unbroken() -> None:
    assert sent().unbroken(at(BEATS), at(1), SETTINGS)


@pytest.mark.parametrize("lost", range(2, BEATS))
def test_one_echo_without_an_answer_breaks_the_silence(lost: int) -> None:
    echoes = sent(BEATS, answered=False)
    for n in range(1, BEATS + 1):
        if n != lost:
            echoes.answer(n)

    assert REFLECT_FORGIVEN == 0
    assert not echoes.unbroken(at(BEATS), at(1), SETTINGS)


@pytest.mark.parametrize(("lost", "expected"), [(0, True), (1, True), (2, False), (3, False)])
def test_of_the_echoes_as_many_may_be_lost_as_are_forgiven(lost: int, *, expected: bool) -> None:
    echoes = sent(BEATS, answered=False)
    for n in (1, *range(2 + lost, BEATS + 1)):
        echoes.answer(n)

    with patch.object(reflection, "REFLECT_FORGIVEN", 1):
        assert echoes.unbroken(at(BEATS), at(1), SETTINGS) is expected


@pytest.mark.parametrize(
    ("age_ns", "expected"), [(LATEST_NS - 1, True), (LATEST_NS, False)], ids=["young", "overdue"]
)
def test_the_newest_echo_has_until_the_largest_delay_to_be_answered(
    age_ns: int, *, expected: bool
) -> None:
    echoes = sent()
    echoes.send(BEATS + 1, at(BEATS + 1), NEVER)

    assert echoes.unbroken(at(BEATS + 1) + age_ns, at(1), SETTINGS) is expected


@pytest.mark.parametrize(
    ("late_ns", "expected"), [(LATEST_NS, True), (LATEST_NS + 1, False)], ids=["late", "too late"]
)
def test_a_beat_that_was_not_sent_in_time_is_a_beat_not_answered(
    late_ns: int, *, expected: bool
) -> None:
    echoes = sent(5)
    following_ns = at(6) + late_ns

    echoes.send(6, following_ns, NEVER)
    echoes.answer(6)

    assert echoes.unbroken(following_ns, at(1), SETTINGS) is expected


def test_an_agent_that_sends_no_more_is_not_answered_any_more() -> None:
    echoes = sent()

    assert not echoes.unbroken(at(BEATS) + BEAT_NS + LATEST_NS + 1, at(1), SETTINGS)


def test_echoes_that_began_after_the_silence_prove_nothing_about_its_beginning() -> None:
    assert not sent().unbroken(at(BEATS), at(1) - 1, SETTINGS)


def test_without_echoes_nothing_is_proved() -> None:
    assert not Echoes().unbroken(BOOT_NS, BOOT_NS, SETTINGS)


def test_what_was_lost_before_the_silence_does_not_count() -> None:
    echoes = sent(5, answered=False)
    for n in range(6, BEATS + 1):
        echoes.send(n, at(n), NEVER)
        echoes.answer(n)

    assert echoes.unbroken(at(BEATS), at(6), SETTINGS)


@given(
    gaps_ns=st.lists(st.integers(0, 2 * BEAT_NS), min_size=1, max_size=12),
    answered=st.sets(st.integers(1, 12)),
    age_ns=st.integers(0, 2 * BEAT_NS),
    since_ns=st.integers(0, 20 * BEAT_NS),
)
def test_unbroken_means_sent_in_time_and_answered_throughout(
    gaps_ns: list[int], answered: set[int], age_ns: int, since_ns: int
) -> None:
    echoes = Echoes()
    dates: list[int] = []
    for n, gap_ns in enumerate(gaps_ns, start=1):
        dates.append((dates[-1] if dates else BOOT_NS) + gap_ns)
        echoes.send(n, dates[-1], NEVER)
    now_ns = dates[-1] + age_ns
    since_ns = now_ns - since_ns
    for n in answered:
        echoes.answer(n)

    covering = [n for n, date in enumerate(dates, start=1) if date <= since_ns]
    asked = range(covering[-1], len(dates) + 1) if covering else ()
    in_time = all(
        later_ns - date <= BEAT_NS + LATEST_NS
        for date, later_ns in pairwise([*(dates[n - 1] for n in asked), now_ns])
    )
    lost = {n for n in asked if now_ns - dates[n - 1] >= LATEST_NS} - answered
    expected = bool(covering) and in_time and not lost
    assert echoes.unbroken(now_ns, since_ns, SETTINGS) is expected
