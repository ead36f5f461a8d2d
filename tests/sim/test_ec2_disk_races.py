"""Two nodes and one volume on AWS, with Amazon's SDK, in virtual time: many seeds, fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from hafw import disk_rounds
from hafw.hooks.placed import Placed
from hafw_sim.clouds.ec2 import Ec2
from hafw_sim.clouds.ec2.disk_races import DiskTrack

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw_sim.clouds.ec2.values import Things

SEEDS: Final = 200
MANY: Final = 1_000


@pytest.fixture(scope="module")
def track() -> DiskTrack:
    return DiskTrack()


@pytest.mark.parametrize("faults", [False, True], ids=["all is well", "with faults"])
def test_what_is_said_of_a_volume_is_true_and_nothing_is_taken_without_a_proof(
    track: DiskTrack, *, faults: bool
) -> None:
    wrong = {seed: track.race(seed, faults=faults) for seed in range(SEEDS)}

    assert {seed: said for seed, said in wrong.items() if said} == {}


def test_a_seed_decides_everything(track: DiskTrack) -> None:
    clouds: list[Ec2] = []

    def build(things: Things) -> Ec2:
        clouds.append(Ec2(things))
        return clouds[-1]

    for _ in range(2):
        track.race(7, build=build)
    first, second = clouds

    assert first.made == second.made
    assert first.state.things == second.state.things


# --- bugs that must be found ------------------------------------------------------------------


def whoever_asks_has_a_proof(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Placed, "old_holder_is_off", property(lambda _: True))


def what_failed_after_a_change_is_said_to_have_no_effect(patch: pytest.MonkeyPatch) -> None:
    def run(move: disk_rounds._Move, towards: Callable[..., bool]) -> bool:
        while not move._is_done(towards):
            pass
        return move.sent

    patch.setattr(disk_rounds._Move, "run", run)


@pytest.mark.parametrize(
    ("bug", "faults"),
    [
        (whoever_asks_has_a_proof, False),
        (what_failed_after_a_change_is_said_to_have_no_effect, True),
    ],
)
def test_a_bug_is_found_out(
    track: DiskTrack,
    monkeypatch: pytest.MonkeyPatch,
    bug: Callable[[pytest.MonkeyPatch], None],
    *,
    faults: bool,
) -> None:
    bug(monkeypatch)

    assert any(track.race(seed, faults=faults) for seed in range(MANY))
