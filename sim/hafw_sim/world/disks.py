"""The disks of a world: a write takes its time, a full one fails, and what was written can be lost.

One rule: what is confirmed is on the disk; what was being written when an agent died may be.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hafw.core.model import Persisted, PersistFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.core.effects import Durable, Persist
    from hafw.core.engine import Engine
    from hafw.core.model import Event
    from hafw_sim.world.clockwork import Clockwork
    from hafw_sim.world.machine import Machine
    from hafw_sim.world.weather import Weather


def known_epochs(state: Durable) -> dict[int, int]:
    """The highest epoch of each group that a start knows of, those of intents included."""
    epochs = dict(state.epochs)
    for group, known, _certificate in state.intents:
        epochs[group] = max(epochs.get(group, 0), known)
    return epochs


class Disks:
    """Writes the state files of both machines."""

    def __init__(self, clockwork: Clockwork, weather: Weather) -> None:
        """Nothing is being written."""
        self._clockwork = clockwork
        self._weather = weather
        self.feed: Callable[[Machine, Event], None] = lambda *_: None

    def write(self, machine: Machine, order: Persist) -> None:
        """Write this: one at a time, and of what waits the newest alone, as the agent does."""
        machine.unwritten = order
        self._go_on(machine)

    def _go_on(self, machine: Machine) -> None:
        if machine.writing is not None or machine.unwritten is None:
            return
        order, machine.unwritten = machine.unwritten, None
        machine.writing = order.state
        written = partial(self._written, machine, machine.engine, order)
        self._clockwork.after(self._clockwork.between("disk", self._weather.fsync_ns), written)

    def _written(self, machine: Machine, engine: Engine | None, order: Persist) -> None:
        if machine.engine is not engine:
            return
        machine.writing = None
        if self._weather.disk_full:
            self.feed(machine, PersistFailed(order.token, "no space left on device"))
        else:
            self.save(machine, order.state)
            self.feed(machine, Persisted(order.token))
        self._go_on(machine)

    def die(self, machine: Machine, *, landed: bool | None) -> None:
        """The agent dies; `landed`: whether what was being written is on the disk; None: a coin."""
        if landed is None:
            landed = self._clockwork.coin("disk")
        if machine.writing is not None and landed:
            self.save(machine, machine.writing)
        machine.writing = machine.unwritten = None

    @staticmethod
    def save(machine: Machine, state: Durable) -> None:
        """It is on the disk now."""
        if machine.disk is not None:
            machine.history.append(machine.disk)
        machine.disk = machine.written = state

    @staticmethod
    def lose(machine: Machine) -> None:
        """The state file is gone, or torn: the machine's next start finds none."""
        machine.disk = None

    @staticmethod
    def roll_back(machine: Machine, writes: int) -> None:
        """The state file is as it was so many writes ago: a restored snapshot."""
        if machine.history:
            machine.disk = machine.history[max(len(machine.history) - writes, 0)]
