"""A witness that both nodes reach decides who owns what: silence alone moves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.pair import Design
from hafw_sim.lab.topology import VIP
from tests.scenarios.scene import PATIENCE_S, SECOND

if TYPE_CHECKING:
    from tests.scenarios.conftest import Stage
    from tests.scenarios.scene import Scene

LEASED = Design(reflect=False, witness=True)


@pytest.fixture(name="leased")
def a_scene_with_a_witness(stage: Stage) -> Scene:
    scene = stage(LEASED)
    scene.pair.until(
        lambda: all(_lease(scene, node)["holder"] == "alpha" for node in ("alpha", "beta")),
        "both nodes to read that alpha holds the lease",
        PATIENCE_S,
    )
    return scene


def _lease(scene: Scene, node: str) -> dict[str, object]:
    lease = scene.group(node)["lease"]
    assert isinstance(lease, dict)
    return lease


def _lease_ttls_later(scene: Scene, number: float, by: str) -> None:
    until_ns = now_ns() + round(number * LEASED.lease_ttl_ns)
    scene.watch.await_answer(VIP, until_ns, PATIENCE_S + number * 10, by)


def test_a_cut_between_the_nodes_moves_nothing(leased: Scene) -> None:
    cut_ns = leased.lab.cut("alpha", "beta")

    _lease_ttls_later(leased, 2, "alpha")
    leased.undisturbed("alpha", cut_ns)
    leased.never_on_both()


def test_a_crash_moves_the_group_when_nobody_renewed_the_lease(leased: Scene) -> None:
    crashed_ns = leased.alpha.crash()

    leased.watch.await_answer(VIP, crashed_ns, PATIENCE_S, "beta")
    leased.owned_by("beta")
    leased.never_on_both()
    assert leased.events("beta")["certificate.used"].startswith("leased: ")


def test_a_crash_during_a_cut_between_the_nodes_is_still_noticed(leased: Scene) -> None:
    leased.lab.cut("alpha", "beta")
    _lease_ttls_later(leased, 1, "alpha")

    crashed_ns = leased.alpha.crash()

    leased.watch.await_answer(VIP, crashed_ns, PATIENCE_S, "beta")
    leased.owned_by("beta")
    leased.never_on_both()


def test_an_isolated_owner_lets_go_before_the_other_takes_over(leased: Scene) -> None:
    cut_ns = leased.lab.cut_from_all("alpha")

    leased.watch.await_answer(VIP, cut_ns, PATIENCE_S, "beta")
    leased.owned_by("beta")
    leased.never_on_both()


def test_the_address_of_a_frozen_owner_closes_before_the_other_takes_over(leased: Scene) -> None:
    frozen_ns = leased.alpha.freeze()
    leased.watch.await_answer(VIP, frozen_ns, PATIENCE_S, "beta")

    thawed_ns = leased.alpha.thaw()

    leased.both_say("beta")
    leased.deadtimes_later(0.5, "beta")
    leased.undisturbed("beta", thawed_ns)
    leased.never_on_both()


def test_a_killed_agent_loses_the_group_to_the_other_node(leased: Scene) -> None:
    leased.pair.agents["alpha"].kill()

    leased.watch.await_answer(VIP, now_ns(), PATIENCE_S, "beta")
    leased.owned_by("beta")
    leased.never_on_both()


def test_the_loss_of_the_witness_stops_nothing_while_the_nodes_see_each_other(
    leased: Scene,
) -> None:
    assert leased.pair.witness is not None
    lost_ns = now_ns()
    leased.pair.witness.kill()

    _lease_ttls_later(leased, 2, "alpha")
    leased.undisturbed("alpha", lost_ns)
    assert "the lease store does not serve group 1" in leased.warnings("alpha")


def test_a_switchover_needs_no_witness(leased: Scene) -> None:
    assert leased.pair.witness is not None
    leased.pair.witness.kill()
    leased.until_event("alpha", "lease.store_down")

    done = leased.pair.hafw("beta", "takeover")

    assert done.returncode == 0, done.stderr
    leased.owned_by("beta")
    leased.never_on_both()


def test_without_witness_and_other_node_nobody_serves(leased: Scene) -> None:
    assert leased.pair.witness is not None
    leased.pair.witness.kill()
    leased.until_event("alpha", "lease.store_down")
    leased.lab.cut("alpha", "beta")

    leased.watch.await_owners(VIP, set(), PATIENCE_S)

    leased.until_event("beta", "group.blocked")
    leased.pair.start_witness()
    leased.watch.await_answer(VIP, now_ns(), PATIENCE_S)
    leased.never_on_both()


def test_a_node_that_stops_releases_its_lease(leased: Scene) -> None:
    stopped = leased.pair.hafw("alpha", "stop")

    assert stopped.returncode == 0, stopped.stderr
    leased.owned_by("beta")
    leased.never_on_both()


def test_of_two_nodes_that_boot_apart_one_gets_the_lease(stage: Stage) -> None:
    scene = stage(LEASED, steady=False)
    scene.lab.cut("alpha", "beta")
    scene.pair.start_witness()
    scene.pair.start()

    scene.watch.await_answer(VIP, now_ns(), PATIENCE_S)

    owner = scene.watch.await_answer(VIP, now_ns() + 4 * SECOND, PATIENCE_S + 4).machine
    scene.owned_by(owner)
    scene.never_on_both()
