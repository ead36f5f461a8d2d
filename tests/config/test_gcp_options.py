"""A VIP on Google Cloud in the cluster file: its keys, and the time that it is given."""

from __future__ import annotations

from typing import Final

import pytest

from hafw.config.engine import to_settings
from hafw.core.settings import SECOND
from tests.config.samples import GOOD, changed, errors, read

PLACE: Final = (
    'project = "my-project", zone = { alpha = "europe-west1-b", beta = "europe-west1-b" }, '
    'instance = { alpha = "store-a", beta = "store-b" }'
)


def gcp(keys: str) -> str:
    """The good file with its VIP on Google Cloud."""
    return changed('provider = "onprem",', f'provider = "gcp", {keys},', GOOD)


@pytest.mark.parametrize(
    ("keys", "budget_s"),
    [
        (f'mover = "alias-ip", {PLACE}, secondary_range = "vips"', 180),
        (f'mover = "route", {PLACE}, network = "prod"', 90),
        ('mover = "health-check", port = "7450"', 20),
    ],
)
def test_a_move_is_given_the_time_that_it_takes_there(keys: str, budget_s: int) -> None:
    group = to_settings(read(gcp(keys)), "alpha").groups[0]

    assert group.start_budget_ns == group.stop_budget_ns == budget_s * SECOND


def test_on_premises_it_is_given_as_long_as_ever() -> None:
    group = to_settings(read(GOOD), "alpha").groups[0]

    assert group.start_budget_ns == 20 * SECOND


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (f'mover = "alias-ip", {PLACE}, network = "prod"', "network: there is no such key here"),
        (f'mover = "alias", {PLACE}', '"alias" is no mover of gcp'),
        (f'mover = "route", {PLACE.replace("store-b", "store-a")}', "both nodes have the same"),
        (
            f'mover = "route", {PLACE.replace("west1-b", "west1")}',
            '"europe-west1" is none of these',
        ),
        ('mover = "health-check", port = "65536"', '"65536" is none of these'),
        (f'mover = "route", {PLACE}, endpoint = "ftp://x"', '"ftp://x" is none of these'),
    ],
)
def test_what_cannot_be_meant_is_refused(keys: str, said: str) -> None:
    assert any(said in error for error in map(str, errors(gcp(keys))))
