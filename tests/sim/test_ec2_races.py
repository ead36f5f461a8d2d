"""Two nodes and one VIP on AWS, with Amazon's SDK, in virtual time: many seeds, fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from hafw.providers.aws import moving, private_ip
from hafw_sim.clouds.ec2 import Ec2
from hafw_sim.clouds.ec2.races import KITS, Track

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.hooks.hookspecs import VipRequest
    from hafw.providers.aws.api import Ec2 as Api
    from hafw_sim.clouds.ec2.values import Things

SEEDS: Final = 50
MANY: Final = 400
CONDITIONAL: Final = ("private-ip", "private-ip of IPv6", "elastic-ip")


@pytest.fixture(scope="module")
def track() -> Track:
    return Track()


def finding(track: Track, movers: tuple[str, ...], *, faults: bool) -> int | None:
    """The first seed that finds something wrong."""
    return next(
        (
            seed
            for seed in range(MANY)
            for mover in movers
            if track.race(seed, mover, faults=faults)
        ),
        None,
    )


@pytest.mark.parametrize("faults", [False, True], ids=["all is well", "with faults"])
@pytest.mark.parametrize("mover", KITS)
def test_what_the_movers_say_is_true(track: Track, mover: str, *, faults: bool) -> None:
    wrong = {seed: track.race(seed, mover, faults=faults) for seed in range(SEEDS)}

    assert {seed: said for seed, said in wrong.items() if said} == {}


@pytest.mark.parametrize("mover", KITS)
def test_a_seed_decides_everything(track: Track, mover: str) -> None:
    clouds: list[Ec2] = []

    def build(things: Things) -> Ec2:
        clouds.append(Ec2(things))
        return clouds[-1]

    for _ in range(2):
        track.race(7, mover, build=build)
    first, second = clouds

    assert first.made == second.made
    assert first.state.things == second.state.things
    assert len(first.made) > 5


# --- bugs that must be found ------------------------------------------------------------------


def a_cloud_where_addresses_have_many_owners(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("hafw_sim.clouds.ec2.addresses._owners", lambda *_: [])


def a_claim_that_always_reassigns(patch: pytest.MonkeyPatch) -> None:
    claim = private_ip.PrivateIp.claim

    def steal(self: private_ip.PrivateIp, vip: VipRequest, ec2: Api, *, reassign: bool) -> None:
        del reassign
        claim(self, vip, ec2, reassign=True)

    patch.setattr(private_ip.PrivateIp, "claim", steal)


def what_failed_after_a_change_is_said_to_have_no_effect(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(moving, "attach", moving._attach)
    patch.setattr("hafw_sim.clouds.ec2.races.attach", moving._attach)


@pytest.mark.parametrize(
    ("bug", "faults"),
    [
        (a_cloud_where_addresses_have_many_owners, False),
        (a_claim_that_always_reassigns, False),
        (what_failed_after_a_change_is_said_to_have_no_effect, True),
    ],
)
def test_a_bug_is_found_out(
    track: Track,
    monkeypatch: pytest.MonkeyPatch,
    bug: Callable[[pytest.MonkeyPatch], None],
    *,
    faults: bool,
) -> None:
    bug(monkeypatch)

    assert finding(track, CONDITIONAL, faults=faults) is not None
