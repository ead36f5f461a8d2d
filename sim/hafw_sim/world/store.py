"""The lease store of a world: one value per group, compared and swapped, and the way to it.

One rule: what the store does is atomic and for ever; whether anybody hears of it is another thing.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hafw.core.effects import SwapLease
from hafw.core.model import LeaseOutcome, LeaseReading, LeaseRecord, LeaseTold

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.core.effects import ReadLease
    from hafw.core.engine import Engine
    from hafw.core.model import Event, Op
    from hafw_sim.world.clockwork import Clockwork
    from hafw_sim.world.machine import Machine
    from hafw_sim.world.weather import Weather


class Store:
    """The store, and the requests that are on their way to it and back."""

    def __init__(self, clockwork: Clockwork, weather: Weather) -> None:
        """Nothing was ever written."""
        self._clockwork = clockwork
        self._weather = weather
        self.feed: Callable[[Machine, Event], None] = lambda *_: None
        self.up = True
        self.readings: dict[int, LeaseReading] = {}
        self.shown: dict[int, LeaseReading] | None = None
        self.late_landings = 0

    def holder(self, group: int) -> LeaseRecord | None:
        """What stands there now."""
        return self.readings.get(group, LeaseReading(None, "")).record

    def forget(self) -> None:
        """All that was written is lost: a lease store must never do that."""
        self.readings.clear()

    def show_old(self, *, old: bool) -> None:
        """Whether reads show for good what stands there now; swaps are compared truly all the same.

        That takes nothing from safety: who claims by an old reading is refused.
        """
        self.shown = dict(self.readings) if old else None

    def ask(self, machine: Machine, request: ReadLease | SwapLease) -> None:
        """A worker sends a request; it is answered, or given up at its deadline."""
        engine, op = machine.engine, request.op
        assert engine is not None
        if not machine.worker_up:
            self._clockwork.after(0, partial(self._give_up, machine, engine, op, sent=False))
            machine.asking[op.id.n] = op
            return
        machine.asking[op.id.n] = op
        left_ns = machine.span_ns(op.deadline_ns - machine.clock_ns(self._clockwork.now_ns))
        sent = isinstance(request, SwapLease)
        self._clockwork.after(left_ns, partial(self._give_up, machine, engine, op, sent=sent))
        weather, there_ns = self._weather, self._clockwork.between("store", self._weather.store_ns)
        if self._strikes(weather.store_lost):
            return
        if self._strikes(weather.store_late):
            there_ns = left_ns + self._clockwork.between("late", (0, weather.store_late_ns))
        self._clockwork.after(there_ns, partial(self._arrive, machine, engine, request))

    def _strikes(self, chance: float) -> bool:
        return chance > 0 and self._clockwork.chance("store").random() < chance

    def _arrive(self, machine: Machine, engine: Engine, request: ReadLease | SwapLease) -> None:
        """The request has reached the store; its effect does not depend on who still waits."""
        if not self.up or machine.store_cut or not machine.up:
            return
        op, weather = request.op, self._weather
        swaps = isinstance(request, SwapLease)
        readings = self.readings if swaps or self.shown is None else self.shown
        reading = readings.get(op.group, LeaseReading(None, ""))
        outcome = LeaseOutcome.OK
        if isinstance(request, SwapLease):
            if reading == request.expected:
                number = int(reading.version or "0") + 1
                reading = LeaseReading(request.new, str(number))
                self.readings[op.group] = reading
                self.late_landings += machine.engine is not engine or op.id.n not in machine.asking
            else:
                outcome = LeaseOutcome.CONFLICT
        unanswered = swaps and self._strikes(weather.store_unanswered)
        if not unanswered:
            back_ns = self._clockwork.between("store", weather.store_ns)
            told = partial(self._tell, machine, engine, op, outcome, reading)
            self._clockwork.after(back_ns, told)

    def _tell(
        self,
        machine: Machine,
        engine: Engine,
        op: Op,
        outcome: LeaseOutcome,
        reading: LeaseReading,
    ) -> None:
        if machine.store_cut or machine.engine is not engine:
            return
        if machine.asking.pop(op.id.n, None) is not None:
            known = reading if outcome is LeaseOutcome.OK else None
            self.feed(machine, LeaseTold(op.id, outcome, known, "simulated"))

    def _give_up(self, machine: Machine, engine: Engine, op: Op, *, sent: bool) -> None:
        if machine.engine is engine and machine.asking.pop(op.id.n, None) is not None:
            outcome = LeaseOutcome.UNKNOWN if sent else LeaseOutcome.FAILED_NO_EFFECT
            self.feed(machine, LeaseTold(op.id, outcome, None, "simulated: no answer"))

    def lose_worker(self, machine: Machine) -> None:
        """Whatever was asked is not heard of any more."""
        for op in list(machine.asking.values()):
            assert machine.engine is not None
            self._give_up(machine, machine.engine, op, sent=True)
