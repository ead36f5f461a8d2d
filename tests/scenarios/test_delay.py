"""Networks that deliver everything, and too late: what is noted, who lets go, who takes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw_sim.lab.pair import QUICK
from hafw_sim.lab.topology import VIP
from tests.scenarios.scene import MS, PATIENCE_S

if TYPE_CHECKING:
    from tests.scenarios.scene import Scene

LATE_NS: Final = (QUICK.warntime_ns + QUICK.deadtime_ns) // 2
"""Late enough to be noted, not late enough to be dead."""
TOO_LATE_NS: Final = QUICK.deadtime_ns // 2
"""There and back again no evidence is young enough for an owner."""
WAYS: Final = (("alpha", "beta"), ("alpha", "gateway"), ("beta", "gateway"))


def test_heartbeats_later_than_warntime_and_sooner_than_deadtime_are_noted_and_move_nothing(
    scene: Scene,
) -> None:
    scene.lab.delay(LATE_NS, "beta", "gateway")
    slow_ns = scene.lab.delay(LATE_NS, "alpha", "beta")

    assert "beta is late" in scene.until_event("alpha", "peer.late")
    assert "alpha is late" in scene.until_event("beta", "peer.late")
    scene.deadtimes_later(1.5, "alpha")
    scene.undisturbed("alpha", slow_ns)
    scene.never_on_both()
    assert all("peer.dead" not in scene.events(node) for node in ("alpha", "beta"))


def test_a_crash_behind_a_network_as_slow_as_it_may_be_is_survived(scene: Scene) -> None:
    for way in WAYS:
        scene.lab.delay(20 * MS, *way, jitter_ns=20 * MS)

    crash_ns = scene.alpha.crash()

    scene.watch.await_answer(VIP, crash_ns, PATIENCE_S, "beta")
    scene.owned_by("beta")
    scene.never_on_both()


def test_an_owner_without_its_peer_lets_go_when_the_ping_node_answers_too_late(
    scene: Scene,
) -> None:
    scene.lab.cut("alpha", "beta")
    scene.lab.delay(TOO_LATE_NS, "alpha", "gateway")

    assert "too old" in scene.until_event("alpha", "group.right_ended")
    scene.pair.until(lambda: directly_silent_for_deadtimes(scene, "beta", 2), "a long silence")
    scene.never_on_both()

    scene.lab.heal()

    one_owner_in_the_end(scene)
    scene.never_on_both()


def test_a_node_whose_ping_node_answers_too_late_takes_nothing_from_a_silent_peer(
    scene: Scene,
) -> None:
    scene.lab.delay(3 * TOO_LATE_NS, "beta", "gateway")
    cut_ns = scene.lab.cut("alpha", "beta")

    scene.until_event("beta", "group.blocked")
    scene.deadtimes_later(1.5, "alpha")
    scene.undisturbed("alpha", cut_ns)
    scene.never_on_both()


def test_where_everything_comes_too_late_nobody_owns_it_twice(scene: Scene) -> None:
    for way in WAYS:
        scene.lab.delay(TOO_LATE_NS, *way)

    scene.until_event("alpha", "group.right_ended")
    scene.watch.await_owners(VIP, set(), PATIENCE_S)
    scene.lab.heal()

    one_owner_in_the_end(scene)
    scene.never_on_both()


def directly_silent_for_deadtimes(scene: Scene, node: str, number: int) -> bool:
    """Whether a node has heard nothing by any link for so long."""
    links = scene.pair.status(node).get("links")
    assert isinstance(links, list), f"the agent of {node} does not answer"
    silence_ms = number * QUICK.deadtime_ns / MS
    return all(link["last_heard_ms"] > silence_ms for link in links)


def one_owner_in_the_end(scene: Scene) -> None:
    """Wait until both agents name one owner, and the judge as well."""

    def agreed() -> bool:
        owners = {scene.pair.owner(asked=node) for node in ("alpha", "beta")}
        return owners == scene.watch.owners(VIP)

    scene.pair.until(agreed, "both agents and the judge to name one owner", PATIENCE_S)
