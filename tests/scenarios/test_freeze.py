"""Agents that stand still, and gates that somebody tears down: the kernel must shut by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.pair import Pair
from hafw_sim.lab.topology import VIP
from tests.scenarios.scene import PATIENCE_S, SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.scenarios.conftest import Stage
    from tests.scenarios.scene import Scene

WITHOUT_TABLE_OWNERS = """
from hafw.net.gate import Gate, Guarding
def last_accepted(gate, what, *attempts):
    gate._transact(attempts[-1], what)
    return len(attempts) - 1
Gate._first_accepted = last_accepted
from hafw.cli.main import main
main()
"""
LIFETIME_S = 2 + 1
"""The lifetime of an address at a deadtime of 1 s, and the kernel's granularity."""


class OldKernelPair(Pair):
    """Agents as on Linux before 6.9, where whoever flushes the ruleset removes the gate."""

    def _argv(self, command: str, name: str, words: Sequence[str] = ()) -> list[str | Path]:
        argv = super()._argv(command, name, words)
        if command == "agent":
            argv[1:3] = ["-c", WITHOUT_TABLE_OWNERS]
        return argv


def gate(scene: Scene, node: str) -> str:
    agent = scene.pair.status(node)["agent"]
    assert isinstance(agent, dict)
    return str(agent["gate"])


def end_ns(scene: Scene, node: str) -> int:
    """When a node ceased to serve the address."""
    end = scene.watch.serving(VIP)[node][-1].end_ns
    assert end is not None, f"{node} still serves"
    return end


# --- frozen and thawed --------------------------------------------------------------------------


def test_the_address_of_a_frozen_owner_closes_before_the_other_takes_over(scene: Scene) -> None:
    frozen_ns = scene.alpha.freeze()

    scene.watch.await_answer(VIP, frozen_ns, PATIENCE_S, "beta")
    scene.owned_by("beta")
    scene.never_on_both()


def test_a_thawed_owner_lets_go_and_announces_nothing(scene: Scene) -> None:
    scene.alpha.freeze()
    scene.owned_by("beta")

    thawed_ns = scene.alpha.thaw()

    scene.both_say("beta")
    scene.deadtimes_later(0.5, "beta")
    scene.undisturbed("beta", thawed_ns)
    scene.never_on_both()
    assert "did not run for" in scene.events("alpha")["agent.paused"]


def test_a_freeze_of_15_seconds_is_like_any_other(scene: Scene) -> None:
    frozen_ns = scene.alpha.freeze()
    scene.owned_by("beta")
    scene.watch.await_answer(VIP, frozen_ns + 15 * SECOND, 30, "beta")

    thawed_ns = scene.alpha.thaw()

    scene.both_say("beta")
    scene.deadtimes_later(0.5, "beta")
    scene.undisturbed("beta", thawed_ns)
    scene.never_on_both()


def test_a_thawed_standby_takes_nothing(scene: Scene) -> None:
    frozen_ns = scene.beta.freeze()
    scene.deadtimes_later(1.5, "alpha")

    scene.beta.thaw()

    scene.both_say("alpha")
    scene.deadtimes_later(0.5, "alpha")
    scene.undisturbed("alpha", frozen_ns)
    scene.never_on_both()


def test_when_both_were_frozen_the_owner_is_the_owner_again(scene: Scene) -> None:
    scene.beta.freeze()
    scene.alpha.freeze()
    scene.watch.await_owners(VIP, set(), PATIENCE_S)

    scene.alpha.thaw()
    scene.beta.thaw()

    scene.owned_by("alpha")
    scene.both_say("alpha")
    scene.never_on_both()


# --- the gate is torn down ----------------------------------------------------------------------


@pytest.fixture(name="owned")
def a_scene_with_owned_gates(scene: Scene) -> Scene:
    if gate(scene, "alpha") != "owned":
        pytest.skip("this kernel knows no owned tables that persist (Linux 6.9)")
    return scene


def test_clients_do_not_notice_a_flushed_ruleset(owned: Scene) -> None:
    flushed_ns = owned.alpha.flush_ruleset()

    owned.deadtimes_later(1, "alpha")
    owned.undisturbed("alpha", flushed_ns)


def test_a_frozen_owner_still_closes_after_its_ruleset_was_flushed(owned: Scene) -> None:
    frozen_ns = owned.alpha.freeze()
    owned.alpha.flush_ruleset()

    owned.watch.await_answer(VIP, frozen_ns, PATIENCE_S, "beta")
    owned.owned_by("beta")
    owned.never_on_both()


def test_where_tables_have_no_owner_a_flushed_gate_is_installed_again_at_once(stage: Stage) -> None:
    scene = stage(pair=OldKernelPair)
    assert gate(scene, "alpha") == "shared"

    scene.alpha.flush_ruleset()

    assert "installed again" in scene.until_event("alpha", "gate.reinstalled")
    assert "somebody removed the gate" in scene.warnings("alpha")
    frozen_ns = scene.alpha.freeze()
    scene.watch.await_answer(VIP, frozen_ns, PATIENCE_S, "beta")
    scene.owned_by("beta")
    scene.never_on_both()


def test_where_tables_have_no_owner_the_address_of_a_frozen_owner_ends_by_its_lifetime(
    stage: Stage,
) -> None:
    scene = stage(pair=OldKernelPair)
    frozen_ns = scene.alpha.freeze()

    scene.alpha.flush_ruleset()

    scene.owned_by("beta")
    assert end_ns(scene, "alpha") < frozen_ns + LIFETIME_S * SECOND


def test_the_address_of_a_killed_agent_ends_by_its_lifetime_even_without_a_gate(
    scene: Scene,
) -> None:
    killed_ns = now_ns()
    scene.pair.agents["alpha"].kill()
    scene.pair.agents["alpha"].wait(PATIENCE_S)

    scene.alpha.flush_ruleset()

    scene.owned_by("beta")
    assert end_ns(scene, "alpha") < killed_ns + LIFETIME_S * SECOND
