"""How the starts of an agent are numbered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hafw.core.reboot import LOTS, next_start

LAST = st.integers(0, 1 << 40)
LOT = st.integers(0, LOTS - 1)


@given(last=LAST, lot=LOT)
def test_each_start_has_a_higher_number_than_the_one_before(last: int, lot: int) -> None:
    assert last < next_start(last, lot) < last + 2 * LOTS


@given(last=LAST, lots=st.lists(LOT, min_size=2, max_size=2, unique=True))
def test_two_starts_that_know_of_the_same_one_before_are_told_apart_by_their_lots(
    last: int, lots: list[int]
) -> None:
    one, two = (next_start(last, lot) for lot in lots)

    assert one != two
