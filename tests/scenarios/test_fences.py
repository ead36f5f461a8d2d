"""Nodes that can switch each other off: nothing moves unless a device says off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.config.model import Protection
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.pair import Design
from hafw_sim.lab.topology import VIP
from tests.scenarios.scene import PATIENCE_S, SECOND

if TYPE_CHECKING:
    from hafw_sim.lab.power import PowerSwitch
    from tests.scenarios.conftest import Stage
    from tests.scenarios.scene import Scene

FENCED = Design(reflect=False, power=True)
BOTH = Design(reflect=False, power=True, witness=True, protection=Protection.FENCED_AND_LEASED)


@pytest.fixture(name="fenced")
def a_scene_with_fences(stage: Stage) -> Scene:
    return stage(FENCED)


def _switch(scene: Scene) -> PowerSwitch:
    assert scene.switch is not None
    return scene.switch


def test_a_crashed_owner_is_confirmed_off_before_the_other_takes_over(fenced: Scene) -> None:
    crashed_ns = fenced.alpha.crash()

    fenced.watch.await_answer(VIP, crashed_ns, PATIENCE_S, "beta")
    fenced.owned_by("beta")
    fenced.never_on_both()
    assert fenced.events("beta")["certificate.used"].startswith("fenced: ")
    assert (
        "alpha is off: labpower: alpha: confirmed: off, off"
        in (fenced.events("beta")["fence.confirmed"])
    )


def test_a_frozen_owner_is_switched_off(fenced: Scene) -> None:
    frozen_ns = fenced.alpha.freeze()

    fenced.watch.await_answer(VIP, frozen_ns, PATIENCE_S, "beta")
    fenced.owned_by("beta")
    fenced.never_on_both()
    assert _switch(fenced).shots == ["alpha"]


def test_in_a_split_the_owner_shoots_and_goes_on_serving(fenced: Scene) -> None:
    cut_ns = fenced.lab.cut("alpha", "beta")

    fenced.until_event("alpha", "fence.confirmed")
    fenced.watch.await_answer(VIP, now_ns() + 2 * SECOND, PATIENCE_S + 2, "alpha")
    fenced.undisturbed("alpha", cut_ns)
    fenced.never_on_both()
    assert _switch(fenced).shots == ["beta"]


def test_a_node_that_was_switched_off_comes_back_and_disturbs_nobody(fenced: Scene) -> None:
    cut_ns = fenced.lab.cut("alpha", "beta")
    fenced.until_event("alpha", "fence.confirmed")
    fenced.lab.heal()
    _switch(fenced).switch_on("beta")
    fenced.beta.boot()

    fenced.pair.start("beta")

    fenced.both_say("alpha")
    fenced.deadtimes_later(1, "alpha")
    fenced.undisturbed("alpha", cut_ns)
    assert _switch(fenced).shots == ["beta"]


def test_nobody_takes_over_from_a_node_whose_switch_is_stuck(fenced: Scene) -> None:
    _switch(fenced).stuck = True
    fenced.alpha.freeze()

    assert "did not switch alpha off in time" in fenced.until_event("beta", "fence.failed")
    fenced.watch.await_owners(VIP, set(), PATIENCE_S)
    _switch(fenced).stuck = False
    fenced.watch.await_answer(VIP, now_ns(), PATIENCE_S, "beta")
    fenced.never_on_both()


def test_where_both_are_demanded_the_lease_is_won_before_the_shot(stage: Stage) -> None:
    scene = stage(BOTH)
    scene.pair.until(
        lambda: dict(scene.group("beta")["lease"])["holder"] == "alpha",  # type: ignore[call-overload]
        "beta to read that alpha holds the lease",
        PATIENCE_S,
    )

    frozen_ns = scene.alpha.freeze()

    scene.watch.await_answer(VIP, frozen_ns, PATIENCE_S, "beta")
    scene.owned_by("beta")
    scene.never_on_both()
    assert scene.group("beta")["protection"] == "fenced+leased"
    assert _switch(scene).shots == ["alpha"]
