"""The fence devices of a world: what each does to the machine that it feeds, and what it says.

One rule: that a machine is off and that its device says so are two things; a lying device is a
fault that the checks must notice.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hafw.core.model import OpEnded, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.core.engine import Engine
    from hafw.core.model import Event, Op
    from hafw_sim.world.clockwork import Clockwork
    from hafw_sim.world.machine import Machine
    from hafw_sim.world.weather import Weather


class Devices:
    """The power of both machines."""

    def __init__(self, clockwork: Clockwork, weather: Weather) -> None:
        """Both work."""
        self._clockwork = clockwork
        self._weather = weather
        self.feed: Callable[[Machine, Event], None] = lambda *_: None
        self.cut: Callable[[Machine], None] = lambda *_: None
        self.shots = 0

    def order(self, machine: Machine, op: Op, target: Machine) -> None:
        """`machine` wants `target` off; its worker answers, or gives it up at its deadline."""
        engine, weather = machine.engine, self._weather
        assert engine is not None
        machine.fencing = op
        left_ns = machine.span_ns(op.deadline_ns - machine.clock_ns(self._clockwork.now_ns))
        there_ns = self._clockwork.between("fence", weather.fence_ns)
        if not machine.worker_up or machine.fence_cut or self._strikes(weather.fence_failed):
            end = partial(self._end, machine, engine, op, Outcome.FAILED_NO_EFFECT)
            self._clockwork.after(there_ns if machine.worker_up else 0, end)
            return
        give_up = partial(self._end, machine, engine, op, Outcome.UNKNOWN)
        self._clockwork.after(left_ns, give_up)
        if self._strikes(weather.fence_hangs):
            if self._clockwork.coin("fence"):  # what it was told takes effect some time
                late_ns = self._clockwork.between("fence", (0, 2 * left_ns))
                self._clockwork.after(late_ns, partial(self._off, target))
            return
        if weather.fence_lies:
            self._clockwork.after(there_ns, partial(self._end, machine, engine, op, Outcome.OK))
            return
        self._clockwork.after(there_ns, partial(self._off, target))
        read_ns = there_ns + self._clockwork.between("fence", weather.fence_ns)
        self._clockwork.after(read_ns, partial(self._read, machine, engine, op, target))

    def _strikes(self, chance: float) -> bool:
        return chance > 0 and self._clockwork.chance("fence").random() < chance

    def _off(self, target: Machine) -> None:
        if target.up:
            self.shots += 1
            self.cut(target)

    def _read(self, machine: Machine, engine: Engine, op: Op, target: Machine) -> None:
        """The device says what is so now; by the time of its answer it may be so no more."""
        outcome = Outcome.UNKNOWN if target.up else Outcome.OK
        back_ns = self._clockwork.between("fence", self._weather.fence_back_ns)
        self._clockwork.after(back_ns, partial(self._end, machine, engine, op, outcome))

    def _end(self, machine: Machine, engine: Engine, op: Op, outcome: Outcome) -> None:
        if machine.engine is engine and machine.fencing is op:
            machine.fencing = None
            self.feed(machine, OpEnded(op.id, outcome, f"simulated: {outcome}"))

    def lose_worker(self, machine: Machine) -> None:
        """What it was about to hear, it does not hear any more."""
        if machine.fencing is not None and machine.engine is not None:
            self._end(machine, machine.engine, machine.fencing, Outcome.UNKNOWN)
