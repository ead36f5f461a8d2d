"""Maintenance with real agents: nothing moves by itself, and upgrades stay in place."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.topology import VIP
from tests.scenarios.scene import PATIENCE_S, SECOND

if TYPE_CHECKING:
    from tests.scenarios.scene import Scene

OK, DEGRADED = 0, 3
ON_BOTH = "maintenance is on, on both nodes"
SHORT_S = 4


def ordered(scene: Scene, node: str, *words: str, code: int = OK) -> str:
    """An order about maintenance; what was answered."""
    done = scene.pair.hafw(node, "maintenance", *words)
    assert done.returncode == code, done.stderr
    return (done.stdout + done.stderr).strip()


def until_blocked(scene: Scene) -> None:
    """Beta would take over by now, and says why it does not."""
    told = scene.until_event("beta", "group.blocked")
    assert "maintenance, ordered at" in told
    assert "hafw maintenance off" in told


def test_nothing_takes_over_for_a_dead_machine_until_it_is_switched_off(scene: Scene) -> None:
    assert ordered(scene, "beta", "on") == ON_BOTH
    scene.alpha.crash()

    until_blocked(scene)
    assert scene.watch.owners(VIP) == set()
    off_ns = now_ns()
    assert "alpha is silent" in ordered(scene, "beta", "off", code=DEGRADED)

    scene.watch.await_answer(VIP, off_ns, PATIENCE_S, "beta")
    scene.owned_by("beta")
    scene.never_on_both()


def test_it_ends_at_its_time_and_then_the_other_takes_over(scene: Scene) -> None:
    on_ns = now_ns()
    assert ordered(scene, "alpha", "on", "--for", f"{SHORT_S}s") == ON_BOTH
    scene.alpha.crash()

    until_blocked(scene)
    scene.owned_by("beta")

    *_, spell = scene.watch.serving(VIP)["beta"]
    assert spell.start_ns > on_ns + SHORT_S * SECOND
    assert scene.until_event("beta", "maintenance.expired") == "groups move by themselves again"
    scene.never_on_both()


@pytest.mark.parametrize("holder", ["alpha", "beta"])
def test_an_agent_is_restarted_for_an_upgrade_and_takes_again_what_it_held(
    scene: Scene, holder: str
) -> None:
    if holder == "beta":
        assert scene.pair.hafw("beta", "takeover").returncode == OK
        scene.both_say("beta")
    ordered(scene, "alpha", "on")

    scene.pair.agents[holder].signal(signal.SIGTERM)
    assert scene.pair.agents[holder].wait(PATIENCE_S) == 0
    waiting = "beta" if holder == "alpha" else "alpha"
    assert "maintenance" in scene.until_event(waiting, "group.blocked")
    assert scene.watch.owners(VIP) == set()
    scene.pair.start(holder)

    scene.owned_by(holder)
    scene.both_say(holder)
    assert ordered(scene, waiting, "off") == "maintenance is off, on both nodes"
    scene.never_on_both()


def test_the_standby_is_restarted_and_remembers_it(scene: Scene) -> None:
    ordered(scene, "alpha", "on")
    scene.pair.agents["beta"].signal(signal.SIGTERM)
    assert scene.pair.agents["beta"].wait(PATIENCE_S) == 0

    scene.pair.start("beta")
    scene.alpha.crash()

    until_blocked(scene)
    assert scene.watch.owners(VIP) == set()
    assert scene.watch.serving(VIP)["beta"] == []
