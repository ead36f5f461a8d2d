"""The workers of a world: operations that take time, fail, hang, or land when nobody waits.

One rule: what an operation did and what is said of it are two things.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

from hafw.core.duties import Certificate
from hafw.core.model import OpEnded, OpKind, Outcome
from hafw.core.states import State
from hafw_sim.world.disks import known_epochs

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.core.engine import Engine
    from hafw.core.model import Event, Op
    from hafw_sim.world.clockwork import Clockwork
    from hafw_sim.world.device import Devices
    from hafw_sim.world.kernel import Kernels
    from hafw_sim.world.machine import Machine
    from hafw_sim.world.network import Network
    from hafw_sim.world.store import Store
    from hafw_sim.world.weather import Weather

STARTS_PER_DEADTIME_MAX: Final = 4
"""More starts of a group on one node than this within a deadtime are no failover but a spin."""

_PLACING: Final = (OpKind.STOP, OpKind.CLEAN)


class Workers:
    """Runs the operations of both machines, and checks every start."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of a world
        self,
        clockwork: Clockwork,
        weather: Weather,
        network: Network,
        kernels: Kernels,
        store: Store,
        devices: Devices,
        machines: tuple[Machine, Machine],
        violate: Callable[[str], None],
    ) -> None:
        """`violate` is told what must not be."""
        self._clockwork = clockwork
        self._weather = weather
        self._network = network
        self._kernels = kernels
        self._store = store
        self._devices = devices
        self._machines = machines
        self._violate = violate
        self.feed: Callable[[Machine, Event], None] = lambda *_: None
        self.stale_landings = 0
        self.started: dict[int, list[tuple[int, int, Certificate]]] = {}
        self.recent: dict[tuple[int, int], deque[int]] = {}

    def order(self, machine: Machine, op: Op) -> None:
        """An engine gives an operation to its worker."""
        if op.kind is OpKind.ANNOUNCE:
            return
        place = (op.group, op.index)
        if op.kind is OpKind.START:
            if op.index == 0:
                self._check_start(machine, op)
            machine.starting.add(place)
        elif op.kind in _PLACING:
            machine.in_doubt.add(place)
        engine = machine.engine
        assert engine is not None
        outcome, lands = self._fate(machine, op)
        took_ns = self._duration_ns(machine, op)
        if not machine.worker_up:  # the agent removes addresses itself, and answers for the rest
            lands = op.kind in _PLACING
            outcome, took_ns = (Outcome.OK if lands else Outcome.UNKNOWN), 0
        machine.running[op.id.n] = op
        end = partial(self._end, machine, engine, op, outcome, lands=lands)
        self._clockwork.after(took_ns, end)

    def _duration_ns(self, machine: Machine, op: Op) -> int:
        took_ns = self._clockwork.between("ops", self._weather.op_ns)
        if op.kind is OpKind.PROBE:
            left_ns = op.deadline_ns - machine.clock_ns(self._clockwork.now_ns)
            took_ns = max(machine.span_ns(left_ns), took_ns)
        return took_ns

    def _end(
        self, machine: Machine, engine: Engine, op: Op, outcome: Outcome, *, lands: bool
    ) -> None:
        if machine.engine is not engine or machine.running.pop(op.id.n, None) is None:
            return  # its worker died with the agent
        if lands:
            self._land(machine, op)
        place = (op.group, op.index)
        machine.starting.discard(place)
        if op.kind in _PLACING and outcome is Outcome.OK:
            machine.in_doubt.discard(place)
        self.feed(machine, OpEnded(op.id, outcome, f"simulated: {outcome}"))

    def _land(self, machine: Machine, op: Op) -> None:
        if op.kind is OpKind.START:
            machine.addresses.add((op.group, op.index))
        elif op.kind in _PLACING:
            machine.addresses.discard((op.group, op.index))
        else:
            return
        self._kernels.settle(machine)

    def lose(self, machine: Machine, *, landed: bool | None = None) -> None:
        """The worker dies, and the agent notices: what was under way is in doubt."""
        machine.worker_up = False
        orphans = list(machine.running.values())
        in_doubt = set(machine.in_doubt)
        self.die(machine, landed=landed)
        machine.in_doubt = in_doubt
        self.feed(machine, machine.worker_news())
        for op in orphans:
            self.feed(machine, OpEnded(op.id, Outcome.UNKNOWN, "simulated: the worker died"))
        self._store.lose_worker(machine)
        self._devices.lose_worker(machine)

    def find(self, machine: Machine) -> None:
        """There is a warm worker again."""
        if not machine.worker_up:
            machine.worker_up = True
            self.feed(machine, machine.worker_news())

    def prepare(self, machine: Machine, group: int, *, works: bool) -> None:
        """What a group needs cannot be prepared on this machine any more, or can again."""
        if works:
            machine.cold.discard(group)
        else:
            machine.cold.add(group)
        if machine.worker_up:
            self.feed(machine, machine.worker_news())

    def die(self, machine: Machine, *, landed: bool | None = None) -> None:
        """The worker dies: each of its operations has had its effect by now, or never will.

        `landed` says which; None: by chance.
        """
        for op in machine.running.values():
            if self._clockwork.coin("orphans") if landed is None else landed:
                self._land(machine, op)
                self.stale_landings += op.kind is OpKind.START
        machine.running.clear()
        machine.starting.clear()
        machine.in_doubt.clear()

    def count_anew(self, machine: Machine) -> None:
        """Somebody starts the agent, or types a command: starts are counted from none (L2)."""
        for place in [each for each in self.recent if each[0] == machine.number]:
            del self.recent[place]

    def _fate(self, machine: Machine, op: Op) -> tuple[Outcome, bool]:
        """What will be said of an operation, and whether it has its effect."""
        weather = self._weather
        if op.kind is OpKind.PROBE:
            other = self._machines[1 - machine.number]
            answered = self._network.service_lan and self._kernels.serves(other, op.group)
            return (Outcome.FAILED_NO_EFFECT if answered else Outcome.OK), False
        if op.kind in machine.fates:
            return machine.fates[op.kind]
        if op.kind is OpKind.CLEAN:
            return Outcome.OK, True
        outcome = self._drawn()
        may_be_lost = op.kind is OpKind.STOP and weather.op_lost > 0
        if may_be_lost and self._clockwork.chance("lost").random() < weather.op_lost:
            return Outcome.UNKNOWN, False
        if outcome is Outcome.UNKNOWN and op.kind is not OpKind.STOP:
            return outcome, self._clockwork.coin("landing")
        return outcome, outcome is not Outcome.FAILED_NO_EFFECT

    def _drawn(self) -> Outcome:
        failed, unknown = self._weather.op_failed, self._weather.op_unknown
        if not failed and not unknown:
            return Outcome.OK
        draw = self._clockwork.chance("outcome").random()
        if draw < failed:
            return Outcome.FAILED_NO_EFFECT
        return Outcome.UNKNOWN if draw < failed + unknown else Outcome.OK

    # --- what must hold of every start --------------------------------------------------------

    def _check_start(self, machine: Machine, op: Op) -> None:
        engine = machine.engine
        assert engine is not None
        group = engine.groups[op.group]
        certificate, restored = group.certificate, group.state is State.ACTIVE
        where = f"{machine.name} starts group {op.group}"
        other = self._machines[1 - machine.number]
        if certificate is None:
            self._violate(f"S5 {where} without a certificate")
            return
        # What is restored was taken before: by best-effort the other may have taken it since.
        if certificate is Certificate.RELEASED and not restored and other.may_run(op.group):
            self._violate(f"S2 {where} as released; {other.name} may run it")
        both = engine.settings.group(op.group).both
        if certificate is Certificate.LEASED or (both and certificate is Certificate.FENCED):
            self._check_lease(machine, op, where)
        if certificate is Certificate.FENCED and other.may_run(op.group):
            self._violate(f"S2 {where} as fenced; {other.name} may run it")
        if any(place[0] == op.group for place in machine.in_doubt):
            self._violate(f"S6 {where} while its own stop is in doubt")
        self._check_epoch(machine, op, certificate, where)
        self._check_spin(machine, op, where)

    def _check_lease(self, machine: Machine, op: Op, where: str) -> None:
        """S1: what starts by the lease has it."""
        record = self._store.holder(op.group)
        if record is None or (record.holder, record.epoch) != (machine.number, op.id.epoch):
            self._violate(f"S1 {where} by a lease that says {record}")

    def _check_epoch(self, machine: Machine, op: Op, certificate: Certificate, where: str) -> None:
        """S1: at most one holder per epoch, and each is durable before the start."""
        starts = self.started.setdefault(op.group, [])
        owners = {number for epoch, number, _ in starts if epoch == op.id.epoch}
        if owners - {machine.number}:
            self._violate(f"S1 {where} under epoch {op.id.epoch}, which was the other node's")
        if known_epochs(machine.written).get(op.group, 0) < op.id.epoch:
            self._violate(f"S1 {where} under epoch {op.id.epoch}, which was not on its disk")
        starts.append((op.id.epoch, machine.number, certificate))

    def _check_spin(self, machine: Machine, op: Op, where: str) -> None:
        """L2: no group is started over and over."""
        recent = self.recent.setdefault(
            (machine.number, op.group), deque(maxlen=STARTS_PER_DEADTIME_MAX)
        )
        assert machine.engine is not None
        deadtime_ns = machine.engine.settings.timing.deadtime_ns  # what is in force
        now_ns = self._clockwork.now_ns
        if len(recent) == recent.maxlen and now_ns - recent[0] < deadtime_ns:
            self._violate(f"L2 {where} over and over")
        recent.append(now_ns)
