"""A stage for scenarios: each test has a lab and a pair of real agents of its own."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest

from hafw_sim.lab.lab import Lab
from hafw_sim.lab.pair import Design, Pair
from hafw_sim.lab.watch import Watch

pytest.register_assert_rewrite("tests.scenarios.scene")  # so that its verdicts show their values

from tests.scenarios.scene import Scene  # noqa: E402 - only now

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Stage(Protocol):
    """Sets a scene."""

    def __call__(
        self,
        design: Design = ...,
        *,
        pair: type[Pair] = ...,
        reflects: bool | None = ...,
        steady: bool = ...,
    ) -> Scene:
        """Build a lab and a pair of agents in it, started and `steady` unless told otherwise.

        `reflects`: whether the gateway reflects (None: as the design needs it).
        """


@pytest.fixture(name="stage")
def a_stage(tmp_path: Path) -> Iterator[Stage]:
    """Sets the scene; a failed test shows what both agents said last."""
    with ExitStack() as stack:

        def stage(
            design: Design | None = None,
            *,
            pair: type[Pair] = Pair,
            reflects: bool | None = None,
            steady: bool = True,
        ) -> Scene:
            chosen = design or Design()
            reflecting = chosen.reflect if reflects is None else reflects
            lab = stack.enter_context(Lab(gateway_reflects=reflecting))
            vips = [vip for group in chosen.vips for vip in group]
            watch = stack.enter_context(Watch(lab, vips))
            agents = pair(lab, tmp_path, chosen)
            switch, dogs = stack.enter_context(agents.devices())
            stack.callback(lambda: print(agents.last_words()))  # noqa: T201 - shown if it failed
            if steady:
                agents.start_steady()
            return Scene(lab, watch, agents, switch, dogs)

        yield stage


@pytest.fixture(name="scene")
def a_scene(stage: Stage) -> Scene:
    """Two steady agents with one VIP, owned by alpha, and a gateway that reflects."""
    return stage()
