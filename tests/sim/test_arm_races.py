"""Two nodes and one VIP on Azure, with Azure's SDK, in virtual time: many seeds, fast."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hafw.hooks.errors import ProviderError, UnknownOutcome
from hafw.providers.azure.errors import decided
from hafw_sim.clouds.arm import Arm, model, networks, races
from hafw_sim.clouds.arm.races import Track

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw_sim.clouds.arm.state import Ask, State
    from hafw_sim.clouds.exchange import Reply

SEEDS = 40
MANY = 250
MOVERS = ("nic", "route")


@pytest.fixture(scope="module")
def track() -> Track:
    return Track()


def found(track: Track, mover: str, *, faults: bool) -> int | None:
    """The first seed that finds something wrong."""
    return next((seed for seed in range(MANY) if track.race(seed, mover, faults=faults)), None)


@pytest.mark.parametrize("faults", [False, True], ids=["all is well", "with faults"])
@pytest.mark.parametrize("mover", MOVERS)
def test_what_the_movers_say_is_true(track: Track, mover: str, *, faults: bool) -> None:
    wrong = {seed: track.race(seed, mover, faults=faults) for seed in range(SEEDS)}

    assert {seed: said for seed, said in wrong.items() if said} == {}


@pytest.mark.parametrize("mover", MOVERS)
def test_a_seed_decides_everything(track: Track, mover: str) -> None:
    clouds: list[Arm] = []

    def build(*things: Any, **options: Any) -> Arm:  # noqa: ANN401 - as the model is built
        clouds.append(Arm(*things, **options))
        return clouds[-1]

    for _ in range(2):
        track.race(7, mover, build=build)
    first, second = clouds

    assert first.made == second.made
    assert [*first.state.past] == [*second.state.past]
    assert len(first.made) > 5


def no_exclusivity(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(networks, "_check_addresses", lambda *_: None)


def no_etags(patch: pytest.MonkeyPatch) -> None:
    def put(state: State, ask: Ask) -> Reply:
        return networks.put(state, replace(ask, request=replace(ask.request, headers={})))

    for call in ("networkInterfaces.createOrUpdate", "routeTables.createOrUpdate"):
        patch.setitem(model._HANDLERS, call, put)


def no_epoch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("hafw.providers.azure.values.Document.epoch", lambda *_: 0)


def everything_without_effect(patch: pytest.MonkeyPatch) -> None:
    def once(arm: Any, once: Callable[[], object]) -> object:  # noqa: ANN401 - any mover's
        try:
            return decided(arm, once)
        except UnknownOutcome as problem:
            raise ProviderError(str(problem)) from None

    patch.setattr(races, "decided", once)


@pytest.mark.parametrize(
    ("mover", "bug"),
    [
        ("nic", no_exclusivity),
        ("nic", no_etags),
        ("route", no_etags),
        ("route", no_epoch),
        ("nic", everything_without_effect),
        ("route", everything_without_effect),
    ],
)
def test_a_bug_of_the_cloud_or_of_the_provider_is_found_out(
    track: Track, monkeypatch: pytest.MonkeyPatch, mover: str, bug: Callable[[Any], None]
) -> None:
    bug(monkeypatch)

    assert found(track, mover, faults=True) is not None
