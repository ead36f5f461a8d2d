"""What `hafw config check` warns of in a cloud."""

from __future__ import annotations

from typing import Final

import pytest

from tests.config.samples import changed, warnings

VIPS: Final = {
    "aws": (
        'provider = "aws", mover = "private-ip",'
        'eni = { alpha = "eni-0123456789abcdef0", beta = "eni-0fedcba9876543210" },'
    ),
    "gcp": (
        'provider = "gcp", mover = "alias-ip", project = "my-project",'
        'zone = { alpha = "europe-west1-b", beta = "europe-west1-c" },'
        'instance = { alpha = "store-a", beta = "store-b" },'
    ),
    "azure": (
        'provider = "azure", mover = "route", resource_group = "store",'
        'subscription = "0b1f6471-1bf0-4dda-aec3-111122223333",'
        'vm = { alpha = "store-a", beta = "store-b" },'
        'next_hop = { alpha = "10.1.1.4", beta = "10.1.1.5" }, route_tables = ["clients"],'
    ),
}
LEASE: Final = '[authority]\nlease = "witness://10.2.0.5:7411"\nlease_ttl = "{}"\n\n[timing]'


def file(provider: str, ttl: str = "", protection: str = "") -> str:
    """A pair whose VIP is in that cloud, which has no ping node that reflects."""
    text = changed('provider = "onprem",', VIPS[provider])
    text = changed('reflect = "10.1.1.1"\n', "", text)
    if ttl:
        text = changed("[timing]", LEASE.format(ttl), text)
    if protection:
        text = changed("[nodes.alpha]", f'protection = "{protection}"\n\n[nodes.alpha]', text)
    return text


def about(text: str, key: str) -> list[str]:
    return [one for one in warnings(text) if f" {key}: " in one]


@pytest.mark.parametrize("provider", VIPS)
def test_best_effort_alone_gives_no_takeover_in_a_cloud(provider: str) -> None:
    (told,) = about(file(provider, protection="best-effort"), "cluster.protection")

    assert f"gives no takeover on {provider}" in told
    assert told.startswith("8:")


def test_best_effort_beside_a_lease_is_nobodys_business() -> None:
    text = file("aws", ttl="20s", protection="best-effort")

    assert about(text, "cluster.protection") == []


def test_best_effort_on_premises_is_nobodys_business() -> None:
    text = changed("[nodes.alpha]", 'protection = "best-effort"\n\n[nodes.alpha]')

    assert about(text, "cluster.protection") == []


@pytest.mark.parametrize(
    ("provider", "ttl", "needed"),
    [("gcp", "20s", "3m"), ("gcp", "179s", "3m"), ("azure", "89s", "90s")],
)
def test_a_lease_that_ends_before_a_move_does_is_a_warning(
    provider: str, ttl: str, needed: str
) -> None:
    (told,) = about(file(provider, ttl=ttl), "authority.lease_ttl")

    assert f"{ttl} is shorter than {needed}, which a move" in told


@pytest.mark.parametrize(("provider", "ttl"), [("gcp", "180s"), ("azure", "90s"), ("aws", "20s")])
def test_a_lease_that_outlasts_a_move_is_right(provider: str, ttl: str) -> None:
    assert about(file(provider, ttl=ttl), "authority.lease_ttl") == []
