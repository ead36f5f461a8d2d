"""IPv6 addresses move as IPv4 addresses do: crash, planned move, split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.pair import Design
from hafw_sim.lab.topology import VIP6
from tests.scenarios.scene import PATIENCE_S

if TYPE_CHECKING:
    from tests.scenarios.conftest import Stage
    from tests.scenarios.scene import Scene


@pytest.fixture(name="scene")
def an_ipv6_scene(stage: Stage) -> Scene:
    return stage(Design(vips=((VIP6,),)))


def test_an_ipv6_address_moves_when_its_owner_crashes(scene: Scene) -> None:
    crashed_ns = scene.alpha.crash()

    scene.watch.await_answer(VIP6, crashed_ns, PATIENCE_S, "beta")
    scene.owned_by("beta", VIP6)
    scene.never_on_both()


def test_without_a_reflecting_gateway_an_ipv6_address_is_probed_and_moves(stage: Stage) -> None:
    scene = stage(Design(vips=((VIP6,),), reflect=False, best_effort=True))

    crashed_ns = scene.alpha.crash()

    scene.watch.await_answer(VIP6, crashed_ns, PATIENCE_S, "beta")
    scene.owned_by("beta", VIP6)
    scene.never_on_both()


def test_an_ipv6_address_moves_by_command(scene: Scene) -> None:
    asked_ns = now_ns()

    done = scene.pair.hafw("alpha", "standby")

    assert done.returncode == 0, done.stderr
    scene.watch.await_answer(VIP6, asked_ns, PATIENCE_S, "beta")
    scene.owned_by("beta", VIP6)
    scene.both_say("beta")
    scene.never_on_both()


def test_an_ipv6_address_stays_when_the_nodes_lose_each_other(scene: Scene) -> None:
    cut_ns = scene.lab.cut("alpha", "beta")

    scene.deadtimes_later(1.5, "alpha", VIP6)
    scene.undisturbed("alpha", cut_ns, VIP6)
    scene.never_on_both()


def test_a_frozen_owner_of_an_ipv6_address_closes_before_the_other_takes_over(scene: Scene) -> None:
    scene.alpha.freeze()
    scene.owned_by("beta", VIP6)

    thawed_ns = scene.alpha.thaw()

    scene.both_say("beta")
    scene.deadtimes_later(0.5, "beta", VIP6)
    scene.undisturbed("beta", thawed_ns, VIP6)
    scene.never_on_both()
