"""Two nodes and one VIP on Google Cloud, with Google's SDK, in virtual time: many seeds, fast."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from hafw.providers.gcp import alias_ip, route
from hafw_sim.clouds.gce import Gce, Nic, machines
from hafw_sim.clouds.gce.races import Track
from hafw_sim.clouds.hub import Hub, TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable

SEEDS = 40
MANY = 250
MOVERS = ("alias-ip", "route")


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
    clouds: list[Gce] = []

    def build(project: str, *instances: object, **options: float) -> Gce:
        clouds.append(Gce(project, *instances, **options))  # type: ignore[arg-type]
        return clouds[-1]

    for _ in range(2):
        track.race(7, mover, build=build)
    first, second = clouds

    assert first.made == second.made
    assert [*first.state.past] == [*second.state.past]
    assert len(first.made) > 5


def no_exclusivity(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(machines, "_taken", lambda *_, **__: [])


def no_fingerprint(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Nic, "fingerprint", property(lambda _: "x"))


@pytest.mark.parametrize("bug", [no_exclusivity, no_fingerprint])
def test_a_cloud_that_does_not_check_is_found_out(
    track: Track, monkeypatch: pytest.MonkeyPatch, bug: Callable[[pytest.MonkeyPatch], None]
) -> None:
    bug(monkeypatch)

    assert found(track, "alias-ip", faults=False) is not None


@pytest.mark.parametrize("mover", [alias_ip, route])
def test_a_mover_that_takes_an_error_after_its_change_for_no_effect_is_found_out(
    track: Track, monkeypatch: pytest.MonkeyPatch, mover: object
) -> None:
    monkeypatch.setattr(mover, "landed", nullcontext)

    name = "route" if mover is route else "alias-ip"
    assert found(track, name, faults=True) is not None


def test_time_passes_only_when_every_task_waits() -> None:
    hub, seen = Hub(1), []

    def task(name: str, pause_s: float) -> None:
        for _ in range(2):
            hub.sleep(pause_s)
            seen.append((name, round(hub.now_s - 1_000.0, 3)))

    hub.spawn("a", lambda: task("a", 2.0))
    hub.spawn("b", lambda: task("b", 3.0))
    hub.run()

    assert seen == [("a", 2.0), ("b", 3.0), ("a", 4.0), ("b", 6.0)]


def test_what_a_client_gave_up_still_arrives() -> None:
    hub = Hub(1)
    arrived: list[float] = []

    def task() -> None:
        with pytest.raises(TimedOut):
            hub.exchange(arrived.append, timeout_s=0.001)
        arrived.append(0.0)

    hub.spawn("a", task)
    hub.run()

    assert arrived[0] == 0.0
    assert arrived[1] > 1_000.0


def test_a_task_that_fails_says_so() -> None:
    hub = Hub(1)
    hub.spawn("a", lambda: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        hub.run()
