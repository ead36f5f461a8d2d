"""Agents that start: together, alone, again, and with a state file that is no help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.agent import statefile
from hafw.core.settings import Timing
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.pair import Design
from hafw_sim.lab.topology import VIP
from tests.scenarios.scene import MS, PATIENCE_S, SECOND

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from tests.scenarios.conftest import Stage
    from tests.scenarios.scene import Scene

PATIENT = Timing(
    keepalive_ns=100 * MS, warntime_ns=2 * SECOND, deadtime_ns=10 * SECOND, initdead_ns=20 * SECOND
)
AT_ONCE_S = 5.0  # half of the deadtime
BEST_EFFORT = Design(reflect=False, best_effort=True)
LONE = Design(
    timing=Timing(
        keepalive_ns=100 * MS, warntime_ns=200 * MS, deadtime_ns=500 * MS, initdead_ns=SECOND
    )
)
OK, USAGE, NO_OWNER, REFUSED = 0, 2, 4, 5


def vouch(scene: Scene, node: str, off: str) -> CompletedProcess[str]:
    """A person on `node` vouches that the node `off` is off."""
    words = ("--force", "--peer-is-off", off, "--reason", "it is in the workshop", "--yes")
    return scene.pair.hafw(node, "takeover", *words)


# --- together -----------------------------------------------------------------------------------


def test_two_that_start_together_agree_on_the_preferred_node(stage: Stage) -> None:
    scene = stage(Design(timing=PATIENT), steady=False)

    scene.pair.start()

    scene.watch.await_answer(VIP, 0, AT_ONCE_S, "alpha")
    scene.owned_by("alpha")
    scene.both_say("alpha")
    scene.never_on_both()
    assert len(scene.watch.serving(VIP)["beta"]) == 0


def test_two_that_start_apart_on_best_effort_become_one_owner(stage: Stage) -> None:
    scene = stage(BEST_EFFORT, steady=False)
    scene.pair.start("beta")
    scene.owned_by("beta")

    started_ns = now_ns()
    scene.pair.start("alpha")

    scene.both_say("beta")
    scene.pair.until(scene.pair.steady, "alpha to be ready", PATIENCE_S)
    scene.undisturbed("beta", started_ns)
    scene.never_on_both()


def test_after_a_power_cut_the_preferred_node_owns_again(scene: Scene) -> None:
    nodes = (scene.alpha, scene.beta)
    for node in nodes:
        node.crash()

    for node in nodes:
        node.boot()
    scene.pair.start()

    scene.owned_by("alpha")
    scene.both_say("alpha")
    scene.never_on_both()


# --- alone --------------------------------------------------------------------------------------


def test_a_lone_start_is_blocked_and_says_what_to_type(stage: Stage) -> None:
    scene = stage(LONE, steady=False)

    scene.pair.start("alpha")

    told = scene.until_event("alpha", "group.blocked")
    assert "hafw takeover --force --peer-is-off beta --reason TEXT" in told
    assert scene.pair.hafw("alpha", "status").returncode == NO_OWNER
    assert scene.watch.owners(VIP) == set()


def test_a_blocked_node_takes_over_when_a_person_vouches(stage: Stage) -> None:
    scene = stage(LONE, steady=False)
    scene.pair.start("alpha")
    scene.until_event("alpha", "group.blocked")

    done = vouch(scene, "alpha", off="beta")

    assert done.returncode == OK, done.stderr
    assert done.stdout.strip() == "group 1 now on alpha"
    scene.owned_by("alpha")
    assert scene.group("alpha")["certificate"] == "operator"
    assert "it is in the workshop" in scene.events("alpha")["operator.vouched"]


def test_a_takeover_without_a_word_for_the_silent_peer_is_refused(stage: Stage) -> None:
    scene = stage(LONE, steady=False)
    scene.pair.start("alpha")
    scene.until_event("alpha", "group.blocked")

    done = scene.pair.hafw("alpha", "takeover")

    assert done.returncode == REFUSED
    assert "hafw takeover --force --peer-is-off beta --reason TEXT" in done.stderr
    assert scene.watch.owners(VIP) == set()


def test_a_person_who_names_the_wrong_node_is_refused(stage: Stage) -> None:
    scene = stage(LONE, steady=False)
    scene.pair.start("alpha")

    done = vouch(scene, "alpha", off="alpha")

    assert done.returncode == USAGE
    assert 'the other node is beta, not "alpha"' in done.stderr


def test_a_vouch_for_a_node_that_lives_is_refused(scene: Scene) -> None:
    asked_ns = now_ns()

    done = vouch(scene, "beta", off="alpha")

    assert done.returncode == REFUSED
    assert "the other node is not off" in done.stderr
    scene.undisturbed("alpha", asked_ns)


def test_a_block_ends_when_the_other_node_comes(stage: Stage) -> None:
    scene = stage(steady=False)
    scene.pair.start("beta")
    scene.until_event("beta", "group.blocked")

    scene.pair.start("alpha")

    scene.both_say("alpha")
    scene.owned_by("alpha")
    scene.never_on_both()


def test_a_lone_start_on_best_effort_takes_the_address_after_initdead(stage: Stage) -> None:
    scene = stage(BEST_EFFORT, steady=False)

    started_ns = now_ns()
    scene.pair.start("alpha")

    taken_ns = scene.watch.await_answer(VIP, started_ns, PATIENCE_S, "alpha").at_ns
    assert taken_ns - started_ns >= scene.pair.design.timing.initdead_ns
    scene.owned_by("alpha")


def test_a_gateway_that_does_not_reflect_leaves_the_survivor_blocked(stage: Stage) -> None:
    scene = stage(reflects=False, steady=False)
    scene.pair.start()
    scene.both_say("alpha")

    scene.alpha.crash()

    told = scene.until_event("beta", "group.blocked")
    assert "not armed" in told
    assert "hafw takeover --force --peer-is-off alpha --reason TEXT" in told
    scene.watch.await_owners(VIP, set(), PATIENCE_S)


# --- again --------------------------------------------------------------------------------------


def test_an_agent_restarted_within_deadtime_has_its_group_back(stage: Stage) -> None:
    scene = stage(Design(timing=PATIENT))
    scene.pair.agents["alpha"].kill()
    scene.pair.agents["alpha"].wait(PATIENCE_S)

    restarted_ns = now_ns()
    scene.pair.start("alpha")

    scene.watch.await_answer(VIP, restarted_ns, AT_ONCE_S, "alpha")
    scene.owned_by("alpha")
    scene.both_say("alpha")
    scene.never_on_both()
    assert scene.watch.serving(VIP)["beta"] == []
    assert scene.group("alpha")["certificate"] == "released"


def test_a_restarted_standby_is_not_noticed(scene: Scene) -> None:
    killed_ns = now_ns()
    scene.pair.agents["beta"].kill()
    scene.pair.agents["beta"].wait(PATIENCE_S)

    scene.pair.start("beta")

    scene.pair.until(scene.pair.steady, "beta to be ready again", PATIENCE_S)
    scene.undisturbed("alpha", killed_ns)
    scene.never_on_both()


def test_a_node_without_a_state_file_joins_as_standby_and_says_why(scene: Scene) -> None:
    scene.beta.crash()
    (scene.pair.state_dir("beta") / statefile.FILE_NAME).unlink()
    booted_ns = scene.beta.boot()

    scene.pair.start("beta")

    assert "joining as standby" in scene.until_event("beta", "state.distrusted")
    scene.both_say("alpha")
    scene.pair.until(scene.pair.steady, "beta to be ready", PATIENCE_S)
    scene.undisturbed("alpha", booted_ns)
