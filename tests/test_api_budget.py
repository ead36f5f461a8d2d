"""The budget of calls to a cloud's API: what is refused, what is kept for whom, what rests."""

from __future__ import annotations

import pytest

from hafw.api_budget import LONGEST_REST_S, Budget, Quota, Spending, Use
from hafw.hooks.errors import Retryable
from hafw.hooks.hookspecs import FenceReceipt, Power, Sighting

QUOTA = Quota(burst=20, per_s=2.0)
SECOND = 10**9
NOW = 1_000 * SECOND


@pytest.fixture
def budget() -> Budget:
    return Budget("the cloud", QUOTA)


def spend(budget: Budget, use: Use, now_ns: int = NOW) -> int:
    """Take as much as there is; says how much that was."""
    taken = 0
    while True:
        try:
            budget.take("read", use, now_ns)
        except Retryable:
            return taken
        taken += 1


def test_routine_leaves_a_part_to_releases_and_these_leave_one_to_fences(budget: Budget) -> None:
    assert [spend(budget, use) for use in (Use.ROUTINE, Use.RELEASE, Use.FENCE)] == [14, 4, 2]


def test_alone_each_use_has_all_but_what_it_leaves() -> None:
    taken = {use: spend(Budget("the cloud", QUOTA), use) for use in Use}

    assert taken == {Use.ROUTINE: 14, Use.RELEASE: 18, Use.FENCE: 20}


def test_an_hour_of_asking_costs_no_more_than_burst_and_rate(budget: Budget) -> None:
    tenths = range(0, 3_600 * SECOND, SECOND // 10)

    taken = sum(spend(budget, Use.FENCE, NOW + tenth) for tenth in tenths)

    assert taken <= QUOTA.burst + 3_600 * QUOTA.per_s


def test_a_refusal_says_when_there_is_room_and_then_there_is(budget: Budget) -> None:
    spend(budget, Use.ROUTINE)

    with pytest.raises(Retryable, match=r"the cloud \(20 calls at once, then 2 a second\)") as told:
        budget.take("read", Use.ROUTINE, NOW)

    assert told.value.after_s == pytest.approx(0.5)
    budget.take("read", Use.ROUTINE, NOW + SECOND // 2)


def test_a_clock_that_goes_back_gains_nothing(budget: Budget) -> None:
    spend(budget, Use.FENCE)

    assert spend(budget, Use.FENCE, NOW - 100 * SECOND) == 0
    assert spend(budget, Use.FENCE, NOW) == 0


@pytest.mark.parametrize("use", [Use.ROUTINE, Use.RELEASE])
def test_no_call_of_a_kind_is_made_before_its_retry_after(budget: Budget, use: Use) -> None:
    budget.rest("read", 60.0, NOW)

    with pytest.raises(Retryable, match="asked to be left alone for 20 s more") as told:
        budget.take("read", use, NOW + 40 * SECOND)

    assert told.value.after_s == pytest.approx(20.0)
    budget.take("read", use, NOW + 60 * SECOND)


def test_a_retry_after_is_for_one_kind_of_call(budget: Budget) -> None:
    budget.rest("read", 60.0, NOW)

    assert not budget.take("write", Use.ROUTINE, NOW)


def test_a_retry_after_of_days_is_asked_about_again(budget: Budget) -> None:
    budget.rest("read", 1e6, NOW)

    budget.take("read", Use.ROUTINE, NOW + int(LONGEST_REST_S * SECOND))


def test_a_fence_overrules_a_retry_after_and_says_so(budget: Budget) -> None:
    shot = Spending(budget, Use.FENCE)
    shot.refused("stop", 60.0, NOW)

    shot.take("stop", NOW + SECOND)

    seen = shot.evidence(receipt()).seen
    assert [one.state for one in seen] == ["stop sent before its Retry-After had passed", "stopped"]


def test_a_fence_that_overruled_nothing_says_nothing(budget: Budget) -> None:
    shot = Spending(budget, Use.FENCE)
    shot.refused("stop", 0.0, NOW)

    shot.take("stop", NOW)

    assert shot.evidence(receipt()) == receipt()


@pytest.mark.parametrize(("burst", "per_s"), [(1, 5.0), (10, 0.0)])
def test_a_quota_without_room_for_anything_is_refused(burst: int, per_s: float) -> None:
    with pytest.raises(ValueError, match="no call would ever be made"):
        Quota(burst=burst, per_s=per_s)


def receipt() -> FenceReceipt:
    seen = (Sighting("stopped", NOW),)
    return FenceReceipt(power=Power.OFF, confirmed=True, method="cloud", identity="i-1", seen=seen)
