"""Nodes with watchdogs, which switch each other off by pills on a disk that both see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw import pill
from hafw.agent.statefile import FILE_NAME
from hafw.config import load
from hafw.core.settings import MS, Timing
from hafw.sectors import Layout, Sectors
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.pair import DOG_NS, Design
from hafw_sim.lab.topology import VIP
from tests.scenarios.scene import PATIENCE_S, SECOND

if TYPE_CHECKING:
    from hafw_sim.lab.dogs import Dogs
    from tests.scenarios.conftest import Stage
    from tests.scenarios.scene import Scene

PILLS = Design(reflect=False, pills=True)


@pytest.fixture(name="scene")
def a_scene_with_pills(stage: Stage) -> Scene:
    return stage(PILLS)


def _dogs(scene: Scene) -> Dogs:
    assert scene.dogs is not None
    return scene.dogs


def test_a_crashed_owner_is_off_when_its_watchdog_must_have_struck(scene: Scene) -> None:
    crashed_ns = scene.alpha.crash()

    scene.watch.await_answer(VIP, crashed_ns + 2 * DOG_NS, PATIENCE_S, "beta")
    scene.owned_by("beta")
    scene.never_on_both()
    assert scene.events("beta")["certificate.used"].startswith("fenced: ")


def test_a_frozen_owner_is_switched_off_by_its_own_watchdog(scene: Scene) -> None:
    frozen_ns = scene.alpha.freeze()

    scene.watch.await_answer(VIP, frozen_ns + 2 * DOG_NS, PATIENCE_S, "beta")
    scene.owned_by("beta")
    scene.never_on_both()
    assert _dogs(scene).strikes == ["alpha"]


def test_a_node_that_finds_a_pill_for_it_pets_no_more(scene: Scene) -> None:
    cut_ns = scene.lab.cut("alpha", "beta")

    scene.until_event("alpha", "fence.confirmed")
    scene.watch.await_answer(VIP, now_ns() + SECOND, PATIENCE_S, "alpha")
    scene.undisturbed("alpha", cut_ns)
    scene.never_on_both()
    assert _dogs(scene).strikes == ["beta"]


def test_an_agent_that_is_killed_and_not_started_again_takes_its_machine_along(
    scene: Scene,
) -> None:
    killed_ns = now_ns()
    scene.pair.agents["alpha"].kill()

    scene.watch.await_answer(VIP, killed_ns + 2 * DOG_NS, PATIENCE_S, "beta")
    scene.owned_by("beta")
    scene.never_on_both()
    assert _dogs(scene).strikes == ["alpha"]


def test_an_agent_that_is_stopped_disarms_its_watchdog(scene: Scene) -> None:
    scene.pair.hafw("alpha", "stop")

    scene.watch.await_answer(VIP, now_ns() + 2 * DOG_NS, PATIENCE_S, "beta")
    scene.owned_by("beta")
    assert _dogs(scene).armed == {"beta"}
    assert _dogs(scene).strikes == []


def test_without_its_disk_a_node_takes_nothing(stage: Stage) -> None:
    scene = stage(PILLS, steady=False)
    scene.pair.pills.rename(scene.pair.pills.with_name("away"))

    scene.pair.start("alpha")

    assert "does not exist" in scene.until_event("alpha", "guard.not_armed")
    scene.pair.until(
        lambda: "this node takes nothing" in scene.warnings("alpha"), "a warning", PATIENCE_S
    )
    assert _dogs(scene).armed == set()

    scene.pair.pills.with_name("away").rename(scene.pair.pills)
    scene.pair.start("beta")
    scene.both_say("alpha")
    assert _dogs(scene).armed == {"alpha", "beta"}


def test_an_owner_that_finds_a_pill_shuts_its_addresses_and_says_and_orders_nothing_more(
    stage: Stage,
) -> None:
    slow = Timing(
        keepalive_ns=500 * MS, warntime_ns=SECOND, deadtime_ns=8 * SECOND, initdead_ns=9 * SECOND
    )
    scene = stage(Design(reflect=False, pills=True, timing=slow))
    _dogs(scene).asleep = True

    _write_pill(scene, "alpha")

    scene.until_event("alpha", "guard.pill")
    scene.watch.await_owners(VIP, set(), 1.5)  # its right and its gate would last twice as long
    workers = scene.alpha.run(["pgrep", "-f", "hafw.worker.main"])
    scene.until_event("beta", "peer.dead")
    assert workers.stdout == ""


def test_an_agent_that_has_to_start_anew_leaves_its_watchdog_armed(stage: Stage) -> None:
    scene = stage(PILLS, steady=False)
    state = scene.pair.state_dir("beta") / FILE_NAME
    before = state.read_bytes()
    scene.pair.start_steady()
    _dogs(scene).asleep = True
    for restore in (False, True):
        scene.pair.agents["beta"].kill()
        scene.pair.agents["beta"].wait(PATIENCE_S)
        if restore:
            state.write_bytes(before)
        scene.pair.start("beta")
        scene.pair.until(scene.pair.steady, "both nodes to be ready", PATIENCE_S)

    scene.until_event("beta", "state.rolled_back")

    assert _dogs(scene).disarmed == []
    assert _dogs(scene).armed == {"alpha", "beta"}


def _write_pill(scene: Scene, target: str) -> None:
    """As the other node's fence does."""
    cluster = load(scene.pair.config)
    other = next(name for name in cluster.nodes if name != target)
    layout, path = Layout(*pill.DISK), str(scene.pair.pills)
    with Sectors(path, cluster.id.bytes, layout, lambda: False) as disk:
        unit = pill.pill_unit(pill.slot_of(target, other))
        disk.write(unit, pill.encode_pill(pill.Pill("by hand")))
