"""A VIP behind Azure's load balancer in the cluster file: its keys, and whose port is whose."""

from __future__ import annotations

from typing import Final

import pytest

from hafw.config.engine import to_settings
from hafw.config.render import render
from hafw.config.vip_options import checked_port
from hafw.core.settings import SECOND
from tests.config.samples import GOOD, changed, errors, read

KEYS: Final = (
    'provider = "azure", mover = "load-balancer", resource_group = "store", '
    'subscription = "0b1f6471-1bf0-4dda-aec3-111122223333", '
    'vm = { alpha = "store-a", beta = "store-b" }, load_balancer = "store-vip", '
    'nic = { alpha = "nic-a", beta = "nic-b" }, port = "7450",'
)
ANOTHER: Final = f'{{ type = "vip", {KEYS} address = "10.1.1.112/24", interface = "eth0" }},'


def azure(keys: str = KEYS) -> str:
    """The good file with its VIP behind a load balancer."""
    return changed('provider = "onprem",', keys, GOOD)


def two(other: str) -> str:
    """The same with another VIP in its group."""
    return changed("},\n]\n", f"}},\n  {other}\n]\n", azure())


def test_it_is_read_and_written_back() -> None:
    cluster = read(azure())

    assert read(render(cluster)) == cluster
    assert checked_port(cluster.groups[0].vips[0]) == 7450


def test_a_move_takes_no_longer_than_on_premises() -> None:
    assert to_settings(read(azure()), "alpha").groups[0].start_budget_ns == 20 * SECOND


def test_a_vip_that_is_checked_at_its_own_address_has_no_port_of_the_node() -> None:
    google = changed(
        'provider = "onprem",', 'provider = "gcp", mover = "health-check", port = "7450",', GOOD
    )

    assert checked_port(read(google).groups[0].vips[0]) is None
    assert checked_port(read(GOOD).groups[0].vips[0]) is None


@pytest.mark.parametrize("port", ["22", "1023", "65536", "http", "0"])
def test_a_port_at_which_a_system_may_listen_is_refused(port: str) -> None:
    told = errors(azure(KEYS.replace("7450", port)))

    assert any(f'"{port}" is none of these' in error for error in map(str, told))


@pytest.mark.parametrize("port", ["1024", "9999", "10000", "59999", "64999"])
def test_every_other_port_may_be_one(port: str) -> None:
    assert checked_port(read(azure(KEYS.replace("7450", port))).groups[0].vips[0]) == int(port)


def test_two_vips_with_one_port_are_refused() -> None:
    (told,) = errors(two(ANOTHER))

    assert "health checks of 10.1.1.111 and 10.1.1.112 have the same port 7450" in str(told)


def test_two_vips_with_a_port_each_are_right() -> None:
    other = ANOTHER.replace("7450", "7451")

    assert len(read(two(other)).groups[0].resources) == 2
