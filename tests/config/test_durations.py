from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafw.config.durations import DurationError, format_duration, parse_duration, round_duration


@pytest.mark.parametrize(
    ("text", "duration_ns"),
    [
        ("300ms", 300_000_000),
        ("1s", 1_000_000_000),
        ("1.5s", 1_500_000_000),
        ("2m", 120_000_000_000),
        ("1h", 3_600_000_000_000),
        ("250us", 250_000),
        (" 10 s ", 10_000_000_000),
    ],
)
def test_a_duration_is_a_number_and_its_unit(text: str, duration_ns: int) -> None:
    assert parse_duration(text) == duration_ns


@pytest.mark.parametrize("text", ["10", "", "s", "-1s", "1d", "1 s s", "ten seconds", "1e3s"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(DurationError):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=3_600_000_000).map(lambda us: us * 1_000))
def test_a_written_duration_reads_back_the_same(duration_ns: int) -> None:
    assert parse_duration(format_duration(duration_ns)) == duration_ns


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [(4_553_960_396, "4.55 s"), (136_000_000, "136 ms"), (500_000, "500 us")],
)
def test_a_person_gets_three_digits(duration_ns: int, text: str) -> None:
    assert round_duration(duration_ns) == text
