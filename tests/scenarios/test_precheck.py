"""`hafw precheck` beside two agents that serve: it finds a pair in order, and disturbs nobody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.pair import Design

if TYPE_CHECKING:
    from tests.scenarios.conftest import Stage
    from tests.scenarios.scene import Scene

WHOLE = Design(witness=True, power=True)


@pytest.fixture(name="scene")
def a_pair_with_everything(stage: Stage) -> Scene:
    return stage(WHOLE)


def findings(scene: Scene, node: str) -> list[dict[str, Any]]:
    done = scene.pair.hafw(node, "precheck", "--json")
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    assert (done.returncode == 0) == all(one["verdict"] != "error" for one in found)
    return found


def test_a_pair_in_order_passes_on_both_nodes_and_goes_on_serving(scene: Scene) -> None:
    began_ns = now_ns()

    both = {node: findings(scene, node) for node in ("alpha", "beta")}

    for found in both.values():
        verdicts = {one["id"]: one["verdict"] for one in found}
        assert [one for one in found if one["verdict"] == "error"] == []
        proved = {
            "file.same",
            "file.in_force",
            "ping.reflects",
            "lease.answers",
            "lease.conditional",
            "fence.ready",
            "fence.reads",
            "vip.holder",
        }
        assert {verdicts.get(one) for one in proved} == {"ok"}
    holder = next(one["what"] for one in both["beta"] if one["id"] == "vip.holder")
    assert "alpha owns its group" in holder
    scene.undisturbed("alpha", began_ns)
    scene.never_on_both()


def test_a_node_that_lost_its_witness_is_told(scene: Scene) -> None:
    scene.lab.cut("alpha", "gateway")

    wrong = {one["id"] for one in findings(scene, "alpha") if one["verdict"] == "error"}

    assert wrong >= {"lease.answers", "ping.answers"}
