"""How the starts of an agent are numbered, and what of its durable state a boot leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafw.core.duties import FOREVER
from hafw.core.effects import Durable
from hafw.core.maintenance import Kept, Word
from hafw.core.reboot import LOTS, after_boot, next_start

LAST = st.integers(0, 1 << 40)
LOT = st.integers(0, LOTS - 1)
NOW_NS = 7_000


@given(last=LAST, lot=LOT)
def test_each_start_has_a_higher_number_than_the_one_before(last: int, lot: int) -> None:
    assert last < next_start(last, lot) < last + 2 * LOTS


@given(last=LAST, lots=st.lists(LOT, min_size=2, max_size=2, unique=True))
def test_two_starts_that_know_of_the_same_one_before_are_told_apart_by_their_lots(
    last: int, lots: list[int]
) -> None:
    one, two = (next_start(last, lot) for lot in lots)

    assert one != two


def durable(kept: Kept | None = None) -> Durable:
    """What a node knew that had met the other one and shot it twice."""
    return Durable(9, ((1, 4),), ((1, 6, "leased"),), met=True, shots=(3, 5), maintenance=kept)


def test_after_a_boot_nobody_was_met_and_every_shot_was_fired_just_now() -> None:
    after = after_boot(durable(), NOW_NS)

    assert after == Durable(9, ((1, 4),), ((1, 6, "leased"),), met=False, shots=(NOW_NS, NOW_NS))


@pytest.mark.parametrize(
    ("left_ns", "until_ns"), [(500, NOW_NS + 500), (FOREVER, FOREVER)], ids=["ending", "endless"]
)
def test_after_a_boot_what_was_left_of_maintenance_is_left_again(
    left_ns: int, until_ns: int
) -> None:
    until_before_ns = FOREVER if left_ns == FOREVER else 999_000
    kept = Kept(Word(3, on=True, for_ms=1), until_before_ns, left_ns, holds=((1, 4),))

    after = after_boot(durable(kept), NOW_NS)

    assert after.maintenance == kept._replace(until_ns=until_ns)
