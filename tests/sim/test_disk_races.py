"""Two nodes and one disk, with the clouds' own SDKs, in virtual time: many seeds, fast."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hafw import disk_rounds
from hafw.hooks.errors import Conflict, UnknownOutcome
from hafw.hooks.hookspecs import Holder
from hafw.providers.aws.disk import Volume
from hafw.providers.azure.disk import ManagedDisk
from hafw.providers.gcp.disk import PersistentDisk
from hafw_sim.clouds.arm import attaching as arm_attaching
from hafw_sim.clouds.arm.races import Track as ArmTrack
from hafw_sim.clouds.disk_races import DISK
from hafw_sim.clouds.ec2 import volumes
from hafw_sim.clouds.ec2.races import Track as Ec2Track
from hafw_sim.clouds.gce import attaching as gce_attaching
from hafw_sim.clouds.gce.races import Track as GceTrack

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.disk_rounds import Seat

SEEDS = 60
MANY = 1_200
Track = ArmTrack | Ec2Track | GceTrack


@pytest.fixture(scope="module", params=[Ec2Track, ArmTrack, GceTrack], ids=["aws", "azure", "gcp"])
def track(request: pytest.FixtureRequest) -> Track:
    built: Track = request.param()
    return built


def found(track: Track, *, faults: bool) -> int | None:
    """The first seed that finds something wrong."""
    return next((seed for seed in range(MANY) if track.race(seed, DISK, faults=faults)), None)


@pytest.mark.parametrize("faults", [False, True], ids=["all is well", "with faults"])
def test_what_the_nodes_say_is_true(track: Track, *, faults: bool) -> None:
    wrong = {seed: track.race(seed, DISK, faults=faults) for seed in range(SEEDS)}

    assert {seed: said for seed, said in wrong.items() if said} == {}


def no_exclusivity(patch: pytest.MonkeyPatch) -> None:
    for module in (arm_attaching, gce_attaching):
        patch.setattr(module, "_taken", lambda *_: "")
    patch.setattr(volumes, "_check_free", lambda _: None)


def thieves(patch: pytest.MonkeyPatch) -> None:
    """Whoever has it, it is taken from there."""
    patch.setattr(disk_rounds, "_check_may_take", lambda *_: None)
    for kind in (ManagedDisk, PersistentDisk, Volume):
        detach = kind.detach

        def from_all(disk: Any, seat: Seat, detach: Any = detach) -> None:  # noqa: ANN401
            with suppress(Conflict):
                detach(disk, seat)
            with suppress(Conflict):
                detach(disk, replace(seat, holder=Holder.MINE))

        patch.setattr(kind, "detach", from_all)


@pytest.mark.parametrize(
    ("bug", "faults"),
    [(no_exclusivity, True), (thieves, False)],  # AWS shows an attach before another can begin one
)
def test_a_bug_is_found_out(
    track: Track,
    monkeypatch: pytest.MonkeyPatch,
    bug: Callable[[pytest.MonkeyPatch], None],
    *,
    faults: bool,
) -> None:
    bug(monkeypatch)

    assert found(track, faults=faults) is not None


def test_a_node_that_takes_what_was_not_answered_for_not_done_is_found_out(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(_: Any, order: Callable[[], None]) -> None:  # noqa: ANN401
        with suppress(Conflict, UnknownOutcome):
            order()

    monkeypatch.setattr(disk_rounds._Move, "change", change)

    assert found(track, faults=True) is not None
