"""Nodes, agents and workers that die: who serves afterwards, and what its clients notice."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from hafw.core.settings import Timing
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.pair import Design
from hafw_sim.lab.topology import VIP
from tests.scenarios.scene import MS, PATIENCE_S, SECOND

if TYPE_CHECKING:
    from hafw_sim.lab.node import Node
    from tests.scenarios.conftest import Stage
    from tests.scenarios.scene import Scene

DEGRADED = 3
PATIENT = Timing(
    keepalive_ns=100 * MS, warntime_ns=2 * SECOND, deadtime_ns=10 * SECOND, initdead_ns=20 * SECOND
)

KILL_WORKER = """
import os, signal
from pathlib import Path
for entry in Path("/proc").iterdir():
    if entry.name.isdecimal() and b"hafw.worker.main" in (entry / "cmdline").read_bytes():
        if int(entry.name) != os.getpid():
            os.kill(int(entry.name), signal.SIGKILL)
            print("killed")
"""


def kill_worker(node: Node) -> int:
    killed_ns = now_ns()
    done = node.run([sys.executable, "-c", KILL_WORKER])
    assert done.stdout == "killed\n", done.stderr
    return killed_ns


def test_the_survivor_of_a_crash_owns_the_address(scene: Scene) -> None:
    crashed_ns = scene.alpha.crash()

    scene.watch.await_answer(VIP, crashed_ns, PATIENCE_S, "beta")
    scene.owned_by("beta")
    scene.never_on_both()
    assert scene.group("beta")["certificate"] == "reflected"
    assert scene.pair.hafw("beta", "status").returncode == DEGRADED


def test_without_a_reflecting_gateway_the_survivor_takes_over_on_best_effort(stage: Stage) -> None:
    scene = stage(Design(reflect=False, best_effort=True))

    crashed_ns = scene.alpha.crash()

    scene.watch.await_answer(VIP, crashed_ns, PATIENCE_S, "beta")
    scene.owned_by("beta")
    scene.never_on_both()
    assert scene.group("beta")["certificate"] == "best-effort"


def test_clients_do_not_notice_the_crash_of_the_standby(scene: Scene) -> None:
    crashed_ns = scene.beta.crash()

    scene.deadtimes_later(1.5, "alpha")
    scene.undisturbed("alpha", crashed_ns)
    scene.never_on_both()


def test_a_crashed_node_returns_and_does_not_disturb(scene: Scene) -> None:
    crashed_ns = scene.alpha.crash()
    scene.watch.await_answer(VIP, crashed_ns, PATIENCE_S, "beta")

    returned_ns = scene.alpha.boot()
    scene.pair.start("alpha")

    scene.both_say("beta")
    scene.deadtimes_later(0.5, "beta")
    scene.undisturbed("beta", returned_ns)
    scene.never_on_both()


def test_a_killed_agent_leaves_no_address_that_answers(scene: Scene) -> None:
    scene.pair.agents["alpha"].kill()

    scene.owned_by("beta")
    scene.never_on_both()
    assert scene.lab.node("client").who_answers("10.1.1.100") == "alpha"


def test_a_killed_agent_returns_cleans_up_and_does_not_disturb(scene: Scene) -> None:
    scene.pair.agents["alpha"].kill()
    scene.owned_by("beta")

    restarted_ns = now_ns()
    scene.pair.start("alpha")

    scene.both_say("beta")
    scene.pair.until(scene.pair.steady, "alpha to be ready again", PATIENCE_S)
    scene.undisturbed("beta", restarted_ns)
    scene.never_on_both()


def test_a_gracefully_stopped_agent_hands_over_at_once(stage: Stage) -> None:
    scene = stage(Design(timing=PATIENT))

    scene.pair.agents["alpha"].signal(signal.SIGTERM)

    scene.watch.await_answer(VIP, 0, 5, "beta")
    assert scene.pair.agents["alpha"].wait(PATIENCE_S) == 0
    scene.owned_by("beta")
    scene.never_on_both()
    assert scene.group("beta")["certificate"] == "released"


def test_agents_that_are_stopped_together_leave_the_address_nowhere(scene: Scene) -> None:
    for agent in scene.pair.agents.values():
        agent.signal(signal.SIGTERM)

    assert [agent.wait(PATIENCE_S) for agent in scene.pair.agents.values()] == [0, 0]
    assert scene.watch.owners(VIP) == set()
    scene.never_on_both()


def test_clients_do_not_notice_the_death_of_the_worker_which_comes_back(scene: Scene) -> None:
    killed_ns = kill_worker(scene.alpha)

    assert scene.until_event("alpha", "worker.down") == "the worker is gone"
    scene.pair.until(scene.pair.steady, "a new worker", PATIENCE_S)
    scene.deadtimes_later(1, "alpha")
    scene.undisturbed("alpha", killed_ns)
    scene.never_on_both()
