"""Nodes that lose each other: who goes on, who lets go, and what a heal changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw_sim.lab.pair import Design
from hafw_sim.lab.topology import VIP, Lan
from tests.scenarios.scene import PATIENCE_S

if TYPE_CHECKING:
    from tests.scenarios.conftest import Stage
    from tests.scenarios.scene import Scene

REFLECTED = Design()
BEST_EFFORT = Design(reflect=False, best_effort=True)
ONE_LINK = Design(reflect=False, best_effort=True, lans=(Lan.HEARTBEAT,))


# --- the owner is cut off from everything -----------------------------------------------------


@pytest.mark.parametrize("design", [REFLECTED, BEST_EFFORT], ids=["reflected", "best-effort"])
def test_an_isolated_owner_lets_go_before_the_other_takes_over(
    stage: Stage, design: Design
) -> None:
    scene = stage(design)

    cut_ns = scene.lab.cut_from_all("alpha")

    scene.watch.await_answer(VIP, cut_ns, PATIENCE_S, "beta")
    scene.owned_by("beta")
    scene.never_on_both()
    assert "too old" in scene.events("alpha")["group.right_ended"]


def test_the_return_of_an_isolated_owner_is_not_noticed(scene: Scene) -> None:
    cut_ns = scene.lab.cut_from_all("alpha")
    scene.watch.await_answer(VIP, cut_ns, PATIENCE_S, "beta")

    healed_ns = scene.lab.heal()

    scene.both_say("beta")
    scene.deadtimes_later(0.5, "beta")
    scene.undisturbed("beta", healed_ns)
    scene.never_on_both()


def test_an_isolated_standby_takes_nothing(scene: Scene) -> None:
    cut_ns = scene.lab.cut_from_all("beta")

    scene.deadtimes_later(1.5, "alpha")
    scene.undisturbed("alpha", cut_ns)
    scene.never_on_both()


# --- the nodes lose each other, and nothing else ----------------------------------------------


def test_a_cut_between_the_nodes_moves_nothing_where_the_gateway_reflects(scene: Scene) -> None:
    cut_ns = scene.lab.cut("alpha", "beta")

    scene.deadtimes_later(1.5, "alpha")
    scene.undisturbed("alpha", cut_ns)
    scene.never_on_both()
    scene.both_say("alpha")


def test_the_heal_of_a_cut_between_the_nodes_is_not_noticed(scene: Scene) -> None:
    cut_ns = scene.lab.cut("alpha", "beta")
    scene.deadtimes_later(1.5, "alpha")

    scene.lab.heal()

    scene.deadtimes_later(0.5, "alpha")
    scene.undisturbed("alpha", cut_ns)
    scene.never_on_both()


def test_a_crash_during_a_cut_is_still_detected_by_way_of_the_gateway(scene: Scene) -> None:
    scene.lab.cut("alpha", "beta")
    scene.deadtimes_later(1.5, "alpha")

    crashed_ns = scene.alpha.crash()

    scene.watch.await_answer(VIP, crashed_ns, PATIENCE_S, "beta")
    scene.owned_by("beta")
    scene.never_on_both()


def test_the_probe_keeps_one_owner_where_only_the_heartbeat_network_is_cut(stage: Stage) -> None:
    scene = stage(ONE_LINK)

    cut_ns = scene.lab.cut("alpha", "beta", lan=Lan.HEARTBEAT)

    scene.deadtimes_later(1.5, "alpha")
    scene.undisturbed("alpha", cut_ns)
    scene.never_on_both()
    why = str(scene.group("beta")["blocked"])
    assert "no probe of the address has found it free" in why
    assert "02:00:00:00:01:00 answers for 10.1.1.111" in why


def test_the_heal_of_a_split_that_the_probe_held_together_is_not_noticed(stage: Stage) -> None:
    scene = stage(ONE_LINK)
    cut_ns = scene.lab.cut("alpha", "beta", lan=Lan.HEARTBEAT)
    scene.deadtimes_later(1.5, "alpha")

    scene.lab.heal()

    scene.both_say("alpha")
    scene.deadtimes_later(0.5, "alpha")
    scene.undisturbed("alpha", cut_ns)
    scene.never_on_both()


def test_after_a_split_that_best_effort_cannot_see_the_lower_epoch_yields(stage: Stage) -> None:
    scene = stage(BEST_EFFORT)
    scene.lab.cut("alpha", "beta")
    scene.watch.await_owners(VIP, {"alpha", "beta"}, PATIENCE_S)

    scene.lab.heal()

    scene.both_say("beta")
    scene.owned_by("beta")
    *_, spell = scene.watch.serving(VIP)["beta"]
    assert spell.end_ns is None
    assert len(scene.watch.serving(VIP)["beta"]) == 1


# --- some of the paths are lost -----------------------------------------------------------------


@pytest.mark.parametrize("lan", list(Lan))
def test_one_of_two_links_cut_moves_nothing_and_is_shown(scene: Scene, lan: Lan) -> None:
    cut_ns = scene.lab.cut("alpha", "beta", lan=lan)

    scene.deadtimes_later(1.5, "alpha")
    scene.undisturbed("alpha", cut_ns)
    scene.both_say("alpha")
    links = scene.pair.status("beta")["links"]
    assert isinstance(links, list)
    assert sorted(link["state"] for link in links) == ["down", "up"]


@pytest.mark.parametrize(("source", "target"), [("alpha", "beta"), ("beta", "alpha")])
def test_a_one_way_cut_moves_nothing(scene: Scene, source: str, target: str) -> None:
    cut_ns = scene.lab.cut(source, target, one_way=True)

    scene.deadtimes_later(1.5, "alpha")
    scene.undisturbed("alpha", cut_ns)
    scene.never_on_both()
    scene.both_say("alpha")


def test_lost_frames_move_nothing(scene: Scene) -> None:
    cut_ns = scene.lab.lose(0.3, "alpha", "beta")

    scene.deadtimes_later(1.5, "alpha")
    scene.undisturbed("alpha", cut_ns)
