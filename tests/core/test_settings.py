"""The bounds that follow from the times: newer evidence comes before a right ends by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hafw.core.duties import FOREVER, wait_ns
from hafw.core.settings import (
    CLOCK_RATE_ERROR,
    MS,
    REFLECT_FORGIVEN,
    REFLECT_LOST_ALONE,
    REFLECT_MIN_ANSWERED,
    RENEWALS,
    SECOND,
    Timing,
    shortest_lease_ns,
)
from tests.core.times import SETTINGS, TICKS_MS, settings_of, timings

TICKS: Final = pytest.mark.parametrize("tick_ms", TICKS_MS)
GATES: Final = pytest.mark.parametrize("absolute", [True, False], ids=["absolute", "relative"])


@GATES
@TICKS
@given(timing=timings())
def test_a_gate_that_counts_relative_timeouts_halves_the_right_to_hold(
    timing: Timing, *, absolute: bool, tick_ms: int
) -> None:
    settings = settings_of(timing, absolute=absolute, tick_ms=tick_ms)
    late_ns = (0 if absolute else settings.hold_ns) + settings.tick_ns

    assert 0 < settings.hold_ns + late_ns <= settings.shut_ns < timing.deadtime_ns
    assert settings.hold_ns + late_ns >= settings.shut_ns - 1


@pytest.mark.parametrize(
    ("deadtime_ms", "margin_ms"), [(50, 2), (100, 2), (150, 3), (1_000, 20), (60_000, 1_200)]
)
def test_the_margin_is_a_fiftieth_of_deadtime_but_not_below_what_a_machine_needs(
    deadtime_ms: int, margin_ms: int
) -> None:
    timing = Timing(keepalive_ns=10 * MS, deadtime_ns=deadtime_ms * MS, initdead_ns=SECOND)

    assert settings_of(timing).margin_ns == margin_ms * MS


@pytest.mark.parametrize("reflects", [True, False], ids=["reflecting", "answering"])
@GATES
@TICKS
@given(timing=timings())
def test_the_echoes_that_a_holder_needs_fit_into_its_right(
    timing: Timing, *, absolute: bool, tick_ms: int, reflects: bool
) -> None:
    settings = settings_of(timing, absolute=absolute, tick_ms=tick_ms)
    settings = replace(settings, reflect=reflects)

    needed_ns = (REFLECT_MIN_ANSWERED + 2) * settings.beat_ns + settings.max_delay_ns

    assert needed_ns <= settings.hold_ns
    assert settings.beat_ns <= timing.keepalive_ns


@GATES
@TICKS
@given(timing=timings())
def test_who_has_no_ping_node_asks_its_interface_often_enough_to_hold_by_what_it_hears(
    timing: Timing, *, absolute: bool, tick_ms: int
) -> None:
    """What is read is dated by the reading before, and the next one comes a beat later."""
    settings = settings_of(timing, absolute=absolute, pings=0, tick_ms=tick_ms)

    assert 2 * settings.beat_ns + settings.begin_ns < settings.hold_ns


@GATES
@TICKS
@given(timing=timings())
def test_what_a_right_must_last_to_begin_anything_is_less_than_new_evidence_gives(
    timing: Timing, *, absolute: bool, tick_ms: int
) -> None:
    lease_ttl_ns = shortest_lease_ns(timing)
    settings = settings_of(timing, absolute=absolute, tick_ms=tick_ms)
    settings = replace(settings, lease_ttl_ns=lease_ttl_ns)

    assert 0 < settings.begin_ns <= settings.hold_ns - 2 * settings.max_delay_ns
    assert settings.begin_ns <= settings.lease_hold_ns - settings.renew_ns


@GATES
@TICKS
@given(timing=timings())
def test_a_beat_whose_answer_comes_in_time_renews_the_right_before_it_ends(
    timing: Timing, *, absolute: bool, tick_ms: int
) -> None:
    """Without ping nodes the owner rests on one acknowledged beat for each keepalive."""
    assume(timing.deadtime_ns >= 80 * MS)  # in less, a tick of 10 ms wants more than 3 keepalives
    settings = settings_of(timing, absolute=absolute, pings=0, tick_ms=tick_ms)

    assert timing.keepalive_ns + settings.max_delay_ns <= settings.hold_ns


def test_answered_echoes_outnumber_the_reflected_beats_that_may_be_lost_alone() -> None:
    assert REFLECT_MIN_ANSWERED >= REFLECT_FORGIVEN + REFLECT_LOST_ALONE + 1


@given(timings(), st.integers(0, 7_200 * SECOND))
def test_a_taker_waits_for_deadtime_and_for_whatever_bound_was_announced(
    timing: Timing, announced_ns: int
) -> None:
    settings = settings_of(timing)

    wait = wait_ns(announced_ns, settings)

    assert wait >= timing.deadtime_ns
    assert wait >= announced_ns + settings.max_delay_ns


def test_a_longer_bound_is_stretched_by_both_clocks_and_the_delay_and_margin_are_added() -> None:
    announced_ns = 10 * SETTINGS.timing.deadtime_ns
    slowest, fastest = 1 - CLOCK_RATE_ERROR, 1 + CLOCK_RATE_ERROR

    wait = wait_ns(announced_ns, SETTINGS)

    spare_ns = SETTINGS.max_delay_ns + SETTINGS.margin_ns
    assert wait == int(announced_ns * (fastest / slowest)) + spare_ns


@given(timings())
def test_with_equal_files_the_wait_is_deadtime_and_no_longer(timing: Timing) -> None:
    settings = settings_of(timing)

    rounding_ns = 3

    assert wait_ns(settings.shut_ns, settings) <= timing.deadtime_ns + rounding_ns


@GATES
@TICKS
@pytest.mark.parametrize(("lease_ms", "margin_ms"), [(100, 2), (5_000, 100), (60_000, 1_200)])
def test_a_holder_lets_go_so_long_before_the_lease_ends_that_the_latest_gate_is_shut(
    lease_ms: int, margin_ms: int, *, absolute: bool, tick_ms: int
) -> None:
    timing = Timing(keepalive_ns=10 * MS, deadtime_ns=50 * MS, initdead_ns=SECOND)
    settings = settings_of(timing, absolute=absolute, tick_ms=tick_ms)
    settings = replace(settings, lease_ttl_ns=lease_ms * MS)
    usable_ns = int(lease_ms * MS * (1 - CLOCK_RATE_ERROR) / (1 + CLOCK_RATE_ERROR))

    shut_ns = settings.lease_hold_ns + (0 if absolute else settings.hold_ns) + settings.tick_ns

    assert shut_ns == usable_ns - margin_ms * MS
    assert settings.renew_ns == settings.lease_hold_ns // RENEWALS


@pytest.mark.parametrize("lease_ms", [0, 300, 60_000])
def test_what_begins_anything_lasts_for_two_delays_or_until_the_next_renewal(lease_ms: int) -> None:
    timing = Timing(keepalive_ns=SECOND, deadtime_ns=10 * SECOND)
    settings = replace(settings_of(timing), lease_ttl_ns=lease_ms * MS)
    renewal_ns = settings.renew_ns or FOREVER

    assert settings.begin_ns == min(2 * settings.max_delay_ns, renewal_ns)


def test_a_reflected_beat_is_of_the_last_three_intervals() -> None:
    assert settings_of(Timing()).known_ns == 3 * settings_of(Timing()).beat_ns


@pytest.mark.parametrize(("deadtime_ms", "lease_ms"), [(300, 375), (10_000, 5_426)])
def test_the_shortest_lease_is_what_its_renewals_need_and_clocks_leave(
    deadtime_ms: int, lease_ms: int
) -> None:
    """Half a deadtime, a tick of 10 ms and 4 renewals of 50 ms; 96.02 % of a lease can be used."""
    timing = Timing(keepalive_ns=deadtime_ms * MS // 10, deadtime_ns=deadtime_ms * MS)

    assert shortest_lease_ns(timing) == lease_ms * MS
