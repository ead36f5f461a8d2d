"""What a VIP in a cloud says beyond its address: read, refused, kept in one form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from hafw.config.identity import config_hash
from hafw.config.model import Vip
from hafw.config.render import render
from tests.config.samples import GOOD, changed, errors, read

if TYPE_CHECKING:
    from hafw.config import Cluster

ENI_A: Final = "eni-0123456789abcdef0"
ENI_B: Final = "eni-0123456789abcdef1"
ENIS: Final = f'eni = {{ alpha = "{ENI_A}", beta = "{ENI_B}" }}'
ROUTE: Final = f'mover = "route", {ENIS}, route_tables = ["rtb-0123456b", "rtb-0123456a"]'


def aws(keys: str) -> str:
    """The good file with its VIP on AWS."""
    return changed('provider = "onprem",', f'provider = "aws", {keys},', GOOD)


def vip(cluster: Cluster) -> Vip:
    resource = cluster.groups[0].resources[0]
    assert isinstance(resource, Vip)
    return resource


def test_the_values_of_both_nodes_stand_in_the_order_of_the_nodes() -> None:
    reversed_ = f'eni = {{ beta = "{ENI_B}", alpha = "{ENI_A}" }}'

    options = vip(read(aws(f'mover = "private-ip", {reversed_}'))).options

    assert options == (("eni", (ENI_A, ENI_B)), ("mover", "private-ip"))


def test_a_list_has_one_form_whatever_its_order() -> None:
    other = ROUTE.replace('"rtb-0123456b", "rtb-0123456a"', '"rtb-0123456a", "rtb-0123456b"')

    first, second = read(aws(ROUTE)), read(aws(other))

    assert dict(vip(first).options)["route_tables"] == ("rtb-0123456a", "rtb-0123456b")
    assert config_hash(first) == config_hash(second)


def test_another_interface_is_another_configuration() -> None:
    moved = aws(ROUTE.replace(ENI_B, "eni-0123456789abcdef2"))

    assert config_hash(read(aws(ROUTE))) != config_hash(read(moved))


@pytest.mark.parametrize(
    "keys",
    [
        f'mover = "private-ip", {ENIS}, region = "eu-central-1"',
        ROUTE,
        f'mover = "elastic-ip", {ENIS}, allocation_id = "eipalloc-0123456789abcdef0"',
    ],
)
def test_what_was_read_is_written_back(keys: str) -> None:
    cluster = read(aws(keys))

    assert read(render(cluster)) == cluster


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        (ENIS, 'mover: this is missing; add it: a text in quotes, as in "eth0"'),
        (
            f'mover = "privat-ip", {ENIS}',
            'mover: "privat-ip" is no mover of aws; did you mean "private-ip"?',
        ),
        (
            f'mover = "private-ip", {ENIS}, route_table = "rtb-1"',
            'route_table: there is no such key here; choose from "address", "endpoint_url", "eni"',
        ),
        (
            f'mover = "route", {ENIS}, route_table = ["rtb-0123456a"]',
            'route_tables: at least one is needed; list them, as in ["rtb-0123456789abcdef0"]',
        ),
        ('mover = "private-ip"', "eni: this is missing; add it: a table"),
        (
            f'mover = "private-ip", eni = {{ alpha = "{ENI_A}" }}',
            'eni.beta: this is missing; add it: a text in quotes, as in "eth0"',
        ),
        (
            f'mover = "private-ip", eni = {{ alpha = "{ENI_A}", beta = "i-01234567" }}',
            'eni.beta: "i-01234567" is none of these; write one, as in "eni-0123456789abcdef0"',
        ),
        (
            f'mover = "private-ip", eni = {{ alpha = "{ENI_A}", beta = "{ENI_A}" }}',
            "eni: both nodes have the same; name each node's own",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_remedy(keys: str, error: str) -> None:
    wanted = f"34: groups[0].resources[0].{error}"

    found = errors(aws(keys))

    assert [each for each in found if each.startswith(wanted)], found


def test_keys_of_a_cloud_are_unknown_on_premises() -> None:
    text = changed('provider = "onprem",', f'provider = "onprem", {ENIS},', GOOD)

    assert errors(text)[0].startswith("34: groups[0].resources[0].eni: there is no such key here")
