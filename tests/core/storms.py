"""A world in which much goes wrong, for tests that want every kind of event and effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.core.journal import Header, Recorder
from hafw.core.model import ForeignAnnounced, GateFailed, Verb, What
from hafw.core.settings import MS, SECOND, Classes
from hafw_sim.pairs import ALPHA, BETA, settings_pair
from hafw_sim.world import World

if TYPE_CHECKING:
    from hafw.core.effects import Effect
    from hafw.core.engine import Engine
    from hafw.core.model import Event, Instant
    from hafw_sim.world import Machine, Tap


def storm(seed: int, tap: Tap) -> World:
    """Four minutes of losses, cuts, freezes, crashes, failing operations and operators."""
    classes = Classes.REFLECTED | Classes.BEST_EFFORT
    world = World(settings_pair(classes, groups=2, auto_failback=True), seed)
    world.taps.append(tap)
    world.weather.loss = world.weather.duplicate = 0.05
    world.weather.op_failed = world.weather.op_unknown = 0.05
    world.boot(ALPHA)
    world.boot(BETA)
    world.run(20)
    world.ask(ALPHA, Verb.TAKEOVER)
    world.run(15)
    world.freeze(ALPHA)
    world.run(13)
    world.thaw(ALPHA)
    world.weather.disk_full = True
    world.run(5)
    world.net.cut_links()
    world.run(20)
    world.weather.disk_full = False
    world.steal_address(BETA, 1)
    world.heal()
    world.run(20)
    for node in world.nodes:
        world.feed(node, ForeignAnnounced(1, "02:00:00:00:00:99"))
        world.feed(node, GateFailed(2, "no space left"))
    world.set_service(BETA, up=False)
    world.run(10)
    world.set_service(BETA, up=True)
    world.ask(BETA, Verb.STANDBY, What.FOREIGN)
    world.weather.op_ns = (MS, 3 * SECOND)
    world.run(20)
    world.crash(ALPHA)
    world.run(20)
    world.boot(ALPHA)
    world.run(30)
    world.ask(BETA, Verb.STOP)
    world.run(10)
    world.ask(ALPHA, Verb.MAINTENANCE_ON, for_ms=40_000)
    world.boot(BETA)
    world.run(20)
    world.kill_agent(ALPHA)
    world.boot(ALPHA)
    world.run(25)
    world.ask(ALPHA, Verb.MAINTENANCE_ON)
    world.run(5)
    return world


def header_of(engine: Engine, *, continues: bool = False) -> bytes:
    return Header("1", "engine", continues, 0, "now", engine.snapshot()).encode()


class Journals:
    """Records every engine of a world, a new segment for each life and every 500 steps."""

    def __init__(self) -> None:
        self.segments: dict[str, list[bytearray]] = {"alpha": [], "beta": []}
        self._lives: dict[str, tuple[Engine, Recorder, int]] = {}
        self.steps = 0

    def tap(self, node: Machine, event: Event, now: Instant, effects: list[Effect]) -> None:
        engine = node.engine
        assert engine is not None
        known = self._lives.get(node.name)
        if known is None or known[0] is not engine or known[2] >= 500:
            # The state before this step is gone: begin after it.
            same = known is not None and known[0] is engine
            if same and known is not None:
                self.segments[node.name][-1] += known[1].record(event, now, effects)[0]
                self.steps += 1
            self.segments[node.name].append(bytearray(header_of(engine, continues=same)))
            self._lives[node.name] = (engine, Recorder(engine.now), 0)
            return
        self.segments[node.name][-1] += known[1].record(event, now, effects)[0]
        self.steps += 1
        self._lives[node.name] = (engine, known[1], known[2] + 1)

    def files(self, name: str) -> list[tuple[str, bytes]]:
        return [(f"{number}", bytes(data)) for number, data in enumerate(self.segments[name])]
