"""When a changed file comes into force, the kernel is told of it before the peer is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.core.effects import HoldGate, Note, SendBeat
from hafw_sim.pairs import ALPHA, BETA, running_pair
from hafw_sim.stories.reloading import QUICK, reload

if TYPE_CHECKING:
    from hafw.core.effects import Effect
    from hafw.core.model import Event, Instant
    from hafw_sim.world import Machine


def test_the_gate_is_moved_before_the_shorter_bound_is_announced() -> None:
    """What a freeze between the two leaves undone leaves the peer waiting for the longer one."""
    world = running_pair()
    steps: list[tuple[Instant, list[Effect]]] = []

    def tap(node: Machine, _event: Event, now: Instant, effects: list[Effect]) -> None:
        if node.number == ALPHA and any(
            isinstance(each, Note) and each.name == "config.reloaded" for each in effects
        ):
            steps.append((now, effects))

    world.taps.append(tap)
    for number in (BETA, ALPHA):
        reload(world, number, QUICK)
    world.run(1)

    [(now, effects)] = steps
    *_, (moved, held) = [(at, it) for at, it in enumerate(effects) if isinstance(it, HoldGate)]
    announced = next(at for at, it in enumerate(effects) if isinstance(it, SendBeat))
    engine = world.engine(ALPHA)
    assert held.until_ns is not None
    assert held.until_ns - now.boot_ns <= engine.settings.hold_ns
    assert moved < announced
