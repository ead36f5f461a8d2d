"""What an operator types: who owns what then, what was answered, and what clients notice.

The deadtime is long, so that whatever waited for it would fail.
"""

from __future__ import annotations

import re
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from hafw.core.settings import Timing
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.pair import Design
from hafw_sim.lab.topology import SECOND_VIP, VIP
from tests.hooks.plugins import install
from tests.scenarios.scene import MS, PATIENCE_S, SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenarios.conftest import Stage
    from tests.scenarios.scene import Scene

PATIENT = Timing(
    keepalive_ns=100 * MS, warntime_ns=2 * SECOND, deadtime_ns=10 * SECOND, initdead_ns=20 * SECOND
)
AT_ONCE_S = 5.0  # half of the deadtime
OK, REFUSED, CONFIG = 0, 5, 9


@pytest.fixture(name="scene")
def a_patient_scene(stage: Stage) -> Scene:
    return stage(Design(timing=PATIENT))


@pytest.fixture(name="both_active")
def an_active_active_scene(stage: Stage) -> Scene:
    return stage(Design(vips=((VIP,), (SECOND_VIP,)), timing=PATIENT))


def ordered(scene: Scene, node: str, *words: str) -> str:
    """An order that must be carried out; what was answered."""
    done = scene.pair.hafw(node, *words)
    assert done.returncode == OK, done.stderr
    return done.stdout.strip()


def moved(scene: Scene, owner: str, since_ns: int) -> None:
    scene.watch.await_answer(VIP, since_ns, AT_ONCE_S, owner)
    scene.owned_by(owner)
    scene.both_say(owner)
    scene.never_on_both()


# --- standby, takeover, failback --------------------------------------------------------------


def test_standby_gives_to_the_other_at_once(scene: Scene) -> None:
    asked_ns = now_ns()

    assert ordered(scene, "alpha", "standby") == "group 1 now on beta"

    moved(scene, "beta", asked_ns)
    assert scene.group("beta")["certificate"] == "released"


def test_takeover_fetches_from_the_other_at_once(scene: Scene) -> None:
    asked_ns = now_ns()

    assert ordered(scene, "beta", "takeover") == "group 1 now on beta"

    moved(scene, "beta", asked_ns)


def test_failback_brings_the_group_home_at_once(scene: Scene) -> None:
    ordered(scene, "beta", "takeover")
    asked_ns = now_ns()

    assert ordered(scene, "alpha", "failback") == "group 1 now on alpha"

    moved(scene, "alpha", asked_ns)


def test_failback_may_be_typed_on_the_node_that_gives(scene: Scene) -> None:
    ordered(scene, "beta", "takeover")
    asked_ns = now_ns()

    assert ordered(scene, "beta", "failback") == "group 1 now on alpha"

    moved(scene, "alpha", asked_ns)


def test_takeover_of_what_is_here_moves_nothing(scene: Scene) -> None:
    asked_ns = now_ns()

    assert ordered(scene, "alpha", "takeover") == "already here"

    scene.undisturbed("alpha", asked_ns)


def test_a_manual_move_is_not_undone_by_auto_failback(stage: Stage) -> None:
    scene = stage(Design(auto_failback=True))
    ordered(scene, "beta", "takeover")
    scene.owned_by("beta")
    moved_ns = now_ns()

    scene.deadtimes_later(1.5, "beta")

    scene.undisturbed("beta", moved_ns)


def test_auto_failback_brings_the_group_home_after_a_crash(stage: Stage) -> None:
    scene = stage(Design(auto_failback=True))
    crashed_ns = scene.alpha.crash()
    scene.watch.await_answer(VIP, crashed_ns, PATIENCE_S, "beta")

    scene.alpha.boot()
    scene.pair.start("alpha")

    scene.both_say("alpha")
    scene.owned_by("alpha")
    scene.never_on_both()


def test_standby_with_a_dead_peer_is_refused_and_releases_nothing(stage: Stage) -> None:
    scene = stage()
    scene.beta.crash()
    scene.until_event("alpha", "peer.dead")
    asked_ns = now_ns()

    done = scene.pair.hafw("alpha", "standby")

    assert done.returncode == REFUSED
    assert "the other node is silent, nobody could take over; --force" in done.stderr
    scene.undisturbed("alpha", asked_ns)


def test_standby_by_force_releases_although_nobody_takes_over(stage: Stage) -> None:
    scene = stage()
    scene.beta.crash()
    scene.until_event("alpha", "peer.dead")

    answer = ordered(scene, "alpha", "standby", "--force", "--yes")

    assert answer == "group 1 released; nobody is known to hold it"
    scene.watch.await_owners(VIP, set(), PATIENCE_S)


def test_a_released_group_goes_to_the_other_node_and_returns_only_by_command(scene: Scene) -> None:
    asked_ns = now_ns()

    assert ordered(scene, "alpha", "release", "--yes") == "released: nothing is held here"

    moved(scene, "beta", asked_ns)
    assert "an operator released it here" in scene.warnings("alpha")
    refused = scene.pair.hafw("beta", "standby")
    assert refused.returncode == REFUSED
    ordered(scene, "alpha", "takeover")
    moved(scene, "alpha", asked_ns)


# --- active-active ------------------------------------------------------------------------------


def test_in_active_active_each_node_owns_its_own(both_active: Scene) -> None:
    both_active.owned_by("alpha", VIP)
    both_active.owned_by("beta", SECOND_VIP)
    both_active.never_on_both()


def test_in_active_active_the_survivor_takes_both(stage: Stage) -> None:
    scene = stage(Design(vips=((VIP,), (SECOND_VIP,))))

    crashed_ns = scene.alpha.crash()

    scene.watch.await_answer(VIP, crashed_ns, PATIENCE_S, "beta")
    scene.owned_by("beta", VIP)
    scene.undisturbed("beta", crashed_ns, SECOND_VIP)
    scene.never_on_both()


def test_in_active_active_a_cut_between_the_nodes_moves_nothing(stage: Stage) -> None:
    scene = stage(Design(vips=((VIP,), (SECOND_VIP,))))

    cut_ns = scene.lab.cut("alpha", "beta")

    scene.deadtimes_later(1.5, "alpha")
    scene.undisturbed("alpha", cut_ns, VIP)
    scene.undisturbed("beta", cut_ns, SECOND_VIP)
    scene.never_on_both()


def test_takeover_failback_brings_home_only_what_prefers_this_node(both_active: Scene) -> None:
    ordered(both_active, "beta", "takeover")
    both_active.both_say("beta", 1)
    asked_ns = now_ns()

    ordered(both_active, "alpha", "takeover", "failback")

    moved(both_active, "alpha", asked_ns)
    both_active.undisturbed("beta", asked_ns, SECOND_VIP)


def test_standby_in_active_active_gives_only_what_is_named(both_active: Scene) -> None:
    ordered(both_active, "alpha", "takeover")
    both_active.both_say("alpha", 2)
    asked_ns = now_ns()

    ordered(both_active, "alpha", "standby", "foreign")

    both_active.both_say("beta", 2)
    both_active.owned_by("beta", SECOND_VIP)
    both_active.undisturbed("alpha", asked_ns, VIP)
    both_active.never_on_both()


# --- reload -------------------------------------------------------------------------------------


def rewrite(scene: Scene, old: str, new: str) -> None:
    text = scene.pair.config.read_text()
    assert old in text
    scene.pair.config.write_text(text.replace(old, new))


def reload_both(scene: Scene) -> None:
    for node in ("alpha", "beta"):
        assert ordered(scene, node, "reload").startswith("reloaded")
    for node in ("alpha", "beta"):
        scene.until_event(node, "config.reloaded")


def test_a_changed_timing_takes_effect_by_reload(scene: Scene) -> None:
    rewrite(scene, 'deadtime = "10s"', 'deadtime = "1s"')
    rewrite(scene, 'warntime = "2s"', 'warntime = "200ms"')
    asked_ns = now_ns()

    reload_both(scene)

    scene.undisturbed("alpha", asked_ns)
    scene.pair.until(scene.pair.steady, "beta to be armed", PATIENCE_S)
    crashed_ns = scene.alpha.crash()
    scene.watch.await_answer(VIP, crashed_ns, AT_ONCE_S, "beta")
    scene.owned_by("beta")
    scene.never_on_both()


def test_shorter_times_bind_the_kernel_too_when_the_agent_is_killed(scene: Scene) -> None:
    """Under the longer times it was told to keep the address open for seconds."""
    rewrite(scene, 'deadtime = "10s"', 'deadtime = "1s"')
    rewrite(scene, 'warntime = "2s"', 'warntime = "200ms"')
    reload_both(scene)
    scene.pair.until(scene.pair.steady, "beta to be armed", PATIENCE_S)

    scene.pair.agents["alpha"].kill()

    scene.watch.await_answer(VIP, now_ns(), AT_ONCE_S, "beta")
    scene.never_on_both()


def test_a_hangup_reloads_too(scene: Scene) -> None:
    rewrite(scene, 'keepalive = "100ms"', 'keepalive = "150ms"')

    for node in ("alpha", "beta"):
        scene.pair.agents[node].signal(signal.SIGHUP)

    for node in ("alpha", "beta"):
        assert scene.until_event(node, "config.reloaded") == "the new cluster file is in force"


def test_a_file_that_only_one_node_has_waits_for_the_other(scene: Scene) -> None:
    rewrite(scene, 'deadtime = "10s"', 'deadtime = "20s"')

    answer = ordered(scene, "alpha", "reload")

    assert answer == "reloaded; it comes into force when the other node has the same file"
    assert scene.until_event("alpha", "config.announced").endswith("when beta has it too")
    assert "config.reloaded" not in scene.events("alpha")


def test_a_hangup_with_a_bad_file_leaves_the_old_one_in_force(scene: Scene) -> None:
    rewrite(scene, 'deadtime = "10s"', 'deadtime = "soon"')
    asked_ns = now_ns()

    scene.pair.agents["alpha"].signal(signal.SIGHUP)

    assert scene.until_event("alpha", "config.refused").startswith("the old file stays in force")
    scene.undisturbed("alpha", asked_ns)


def test_a_bad_file_leaves_the_old_one_in_force(scene: Scene) -> None:
    rewrite(scene, 'deadtime = "10s"', 'deadtime = "10"')
    asked_ns = now_ns()

    done = scene.pair.hafw("alpha", "reload")

    assert done.returncode == CONFIG
    assert "cluster.toml" in done.stderr
    assert "deadtime" in done.stderr
    assert scene.until_event("alpha", "config.refused").startswith("the old file stays in force")
    scene.undisturbed("alpha", asked_ns)


def test_a_reload_cannot_change_addresses(scene: Scene) -> None:
    rewrite(scene, "10.1.1.111", "10.1.1.113")

    done = scene.pair.hafw("alpha", "reload")

    assert done.returncode == CONFIG
    assert "use hafw stop and hafw start, on one node after the other" in done.stderr
    scene.owned_by("alpha")


def test_files_that_differ_are_warned_of_and_nothing_moves_by_agreement(scene: Scene) -> None:
    rewrite(scene, 'warntime = "2s"', 'warntime = "3s"')
    ordered(scene, "beta", "reload")
    scene.pair.until(lambda: "differ" in scene.warnings("alpha"), "a warning", PATIENCE_S)

    done = scene.pair.hafw("alpha", "standby")

    assert done.returncode == REFUSED
    assert "the cluster files of the two nodes differ" in done.stderr
    scene.owned_by("alpha")


# --- connections ------------------------------------------------------------------------------

SERVE = """
import socket, sys
listener = socket.create_server(("", 7000))
print("listening", flush=True)
inside, _ = listener.accept()
print("connected", flush=True)
try:
    inside.recv(1)
except ConnectionAbortedError:
    print("closed", flush=True)
"""
CONNECT = """
import socket, sys, time
with socket.create_connection((sys.argv[1], 7000)) as outside:
    outside.recv(1)
"""


@pytest.mark.parametrize("words", [("standby",), ("stop",)], ids=["standby", "stop"])
def test_connections_that_end_at_an_address_are_closed_when_it_goes(
    scene: Scene, tmp_path: Path, words: tuple[str, ...]
) -> None:
    said = tmp_path / "said"
    said.touch()
    scene.lab.node("alpha").spawn([sys.executable, "-c", SERVE], stdout=said)
    scene.pair.until(lambda: "listening" in said.read_text(), "the server to listen")
    scene.lab.node("client").spawn([sys.executable, "-c", CONNECT, str(VIP)])
    scene.pair.until(lambda: "connected" in said.read_text(), "the client to connect")

    if words == ("stop",):
        scene.pair.agents["alpha"].signal(signal.SIGTERM)
    else:
        ordered(scene, "alpha", *words)

    scene.pair.until(lambda: "closed" in said.read_text(), "the connection to be closed")


# --- workers ----------------------------------------------------------------------------------

SLEEPER = '''
"""A provider that moves nothing, and says in the agent's log what it is called for."""

from hafw.hooks.hookspecs import Holder, VipObservation, VipReceipt, hookimpl


def said(word):
    print("<" + word + ">")
    return VipReceipt(changed=True)


@hookimpl
def hafw_vip_rouse(requests):
    said("woken for " + requests[0].address)


@hookimpl
def hafw_vip_attach(request):
    return said("attach")


@hookimpl
def hafw_vip_detach(request):
    return said("detach")
'''


def test_workers_are_woken_before_they_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    """On alpha before its first start, and then on both before the hand-over."""
    install(tmp_path, monkeypatch, "sleeper", SLEEPER)
    scene = stage(Design(timing=PATIENT, provider="sleeper"))

    assert ordered(scene, "alpha", "standby") == "group 1 now on beta"

    woken = f"woken for {VIP}"
    assert _words(scene, "alpha") == [woken, "attach", woken, "detach"]
    assert _words(scene, "beta") == [woken, "attach"]


def _words(scene: Scene, node: str) -> list[str]:
    return re.findall("^<(.*)>$", scene.pair.log(node).read_text(), re.MULTILINE)
