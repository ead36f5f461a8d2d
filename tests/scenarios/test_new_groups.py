"""A file with other groups comes into force: one agent after the other is stopped and started."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hafw.config import load
from hafw.config.model import Mode
from hafw.config.render import render
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.pair import Design
from hafw_sim.lab.topology import SECOND_VIP, VIP
from tests.scenarios.scene import HICCUP_NS, PATIENCE_S

if TYPE_CHECKING:
    from tests.scenarios.conftest import Stage
    from tests.scenarios.scene import Scene

OTHER = {"alpha": "beta", "beta": "alpha"}


@pytest.fixture(name="scene")
def two_groups_and_nothing_started(stage: Stage) -> Scene:
    return stage(Design(vips=((VIP,), (SECOND_VIP,))), steady=False)


def without_the_second(scene: Scene) -> str:
    """The scene's file, but for the second group."""
    whole = load(scene.pair.config)
    return render(replace(whole, groups=whole.groups[:1], mode=Mode.ACTIVE_PASSIVE))


def start_anew(scene: Scene, node: str) -> None:
    """What an operator does, who waits until the other node serves and this one is ready."""
    assert scene.pair.hafw(node, "stop").returncode == 0
    scene.watch.await_owners(VIP, {OTHER[node]}, PATIENCE_S)
    scene.pair.start(node)
    scene.until_event(node, "worker.up")


def test_a_group_is_added_while_another_is_served(scene: Scene) -> None:
    whole = scene.pair.config.read_text()
    scene.pair.config.write_text(without_the_second(scene))
    scene.pair.start_steady()
    scene.owned_by("alpha")
    begun_ns = now_ns()

    scene.pair.config.write_text(whole)
    start_anew(scene, "alpha")
    start_anew(scene, "beta")

    scene.both_say("beta", number=2)
    scene.owned_by("beta", SECOND_VIP)
    scene.owned_by("alpha")
    assert scene.watch.outage(VIP, begun_ns).longest_ns < HICCUP_NS
    scene.never_on_both()


def test_a_group_that_is_removed_leaves_no_address(scene: Scene) -> None:
    scene.pair.start_steady()
    scene.owned_by("beta", SECOND_VIP)

    scene.pair.config.write_text(without_the_second(scene))
    start_anew(scene, "beta")
    start_anew(scene, "alpha")

    scene.watch.await_owners(SECOND_VIP, set(), PATIENCE_S)
    scene.never_on_both()


def test_what_a_killed_agent_left_of_a_removed_group_goes_by_itself(scene: Scene) -> None:
    scene.pair.start_steady()
    scene.owned_by("beta", SECOND_VIP)

    scene.pair.config.write_text(without_the_second(scene))
    scene.pair.agents["beta"].kill()
    scene.pair.start("beta")

    scene.watch.await_owners(SECOND_VIP, set(), PATIENCE_S)
