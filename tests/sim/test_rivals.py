"""What is wrong between the beginning of a race and its end."""

from __future__ import annotations

import pytest

from hafw_sim.clouds.rivals import wrong_moments


@pytest.mark.parametrize(
    ("owners", "gapless", "wrong"),
    [
        ([["a"], ["b"]], True, []),
        ([["a"], [], ["b"]], False, []),
        ([["a"], [], ["b"]], True, ["there was a moment without a route"]),
        ([[], ["b"]], True, []),
        ([["a"], ["a", "b"]], False, ["at once a and b had the VIP"]),
    ],
)
def test_a_moment_without_an_owner_is_wrong_only_where_there_need_be_none(
    owners: list[list[str]], wrong: list[str], *, gapless: bool
) -> None:
    assert wrong_moments(owners, gapless=gapless) == wrong
