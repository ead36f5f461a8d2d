"""Two machines and all that is between them: boots, faults, and the effects of their engines.

One rule: everything that happens to an engine goes through `feed`; everything that it orders is
carried out in its order, up to the moment in which it is frozen or dies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from hafw.core import reboot
from hafw.core.effects import (
    Answer,
    Durable,
    Effect,
    Exit,
    FencePeer,
    HoldGate,
    Note,
    Persist,
    ReadLease,
    Reincarnate,
    SendBeat,
    SendEcho,
    ShutGate,
    StartOp,
    SwapLease,
)
from hafw.core.engine import Engine
from hafw.core.model import (
    AddressLost,
    BeatHeard,
    EchoAnswered,
    Event,
    Instant,
    NeighbourHeard,
    NoticeCame,
    OpEnded,
    OperatorAsked,
    OpId,
    Outcome,
    ServiceChanged,
    Tick,
    Verb,
    What,
)
from hafw.core.settings import MS, SECOND
from hafw.core.wire import Codec, DroppedError, Echo, Key
from hafw_sim.world import seal
from hafw_sim.world.clockwork import Clockwork
from hafw_sim.world.device import Devices
from hafw_sim.world.disks import Disks, known_epochs
from hafw_sim.world.files import Files
from hafw_sim.world.kernel import Kernels
from hafw_sim.world.machine import Machine
from hafw_sim.world.network import Network
from hafw_sim.world.store import Store
from hafw_sim.world.weather import Weather
from hafw_sim.world.workers import Workers

if TYPE_CHECKING:
    from hafw.core.settings import Settings

KEY: Final = Key(1, b"a simulated cluster's shared key")
SOCKET_QUEUE: Final = 1_000
"""What waits in the sockets of a frozen agent, at the most; the rest is lost."""

Tap = Callable[[Machine, Event, Instant, list[Effect]], None]
"""Hears of every step of an engine, before its effects are run."""


class World:
    """Two machines, their links, a ping node, and the checks that are made at every start."""

    def __init__(
        self,
        settings: tuple[Settings, Settings],
        seed: int = 0,
        *,
        steady: bool = False,
        lots: bool = True,
    ) -> None:
        """Build the world switched off; `boot` starts a node. `steady`: nothing is by chance.

        `lots` False: a start has the number of an earlier one where the disk has forgotten that.
        """
        self.clockwork = Clockwork(seed, steady=steady)
        self.weather = Weather()
        self.nodes = tuple(
            Machine(own.names[own.node], own.node, own, offset_ns=(own.node + 1) * 1_000 * SECOND)
            for own in settings
        )
        pair = (self.nodes[0], self.nodes[1])
        self.net = Network(self.clockwork, self.weather, settings[0])
        self.net.deliver, self.net.answer = self._arrived, self._echoed
        self.kernels = Kernels(self.clockwork, pair)
        self.files = Files(settings)
        self.violations: list[str] = []
        self.store = Store(self.clockwork, self.weather)
        self.devices = Devices(self.clockwork, self.weather)
        self.workers = Workers(
            self.clockwork,
            self.weather,
            self.net,
            self.kernels,
            self.store,
            self.devices,
            pair,
            self.violate,
        )
        self.disks = Disks(self.clockwork, self.weather)
        for room in (self.workers, self.store, self.devices, self.disks):
            room.feed = self.feed
        self.devices.cut = self._cut_power
        self.taps: list[Tap] = []
        self.asked = 0
        self._lots = lots and not steady
        self.resumed_ns: list[int] = []

    # --- time ---------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """The world's time."""
        return self.clockwork.now_ns

    @property
    def events(self) -> int:
        """How much has happened."""
        return self.clockwork.events

    def run_until(self, end_ns: int) -> None:
        """Let the world run up to `end_ns`."""
        self.clockwork.run_until(end_ns)

    def run(self, seconds: float) -> None:
        """Let the world run for so many seconds."""
        self.run_until(self.now_ns + int(seconds * SECOND))

    def violate(self, text: str) -> None:
        """Something happened that must not."""
        self.violations.append(f"{self.now_ns / SECOND:.6f} s: {text}")

    # --- machines -----------------------------------------------------------------------------

    def ask(self, number: int, verb: Verb, what: What = What.ALL, **more: object) -> int:
        """An operator types a command on a node; returns its number, for `Machine.answers`."""
        self.asked += 1
        for node in self.nodes:
            self.workers.count_anew(node)
        event = OperatorAsked(self.asked, verb, what, **more)  # type: ignore[arg-type]
        self.feed(self.nodes[number], event)
        return self.asked

    def boot(self, number: int, *, worker: bool = True) -> None:
        """Start the agent of a node (and the machine, if it was off).

        `worker` False: its worker does not become warm, until `workers.find` says so.
        """
        self.workers.count_anew(self.nodes[number])
        self._boot(number, worker=worker)

    def _boot(self, number: int, *, worker: bool) -> None:
        node = self.nodes[number]
        assert node.engine is None, f"{node.name} runs already"
        node.up = True
        before = node.disk or Durable(0, (), ())
        distrust = "" if node.disk is not None else "the state file is missing"
        lot = self.clockwork.chance("lot").randrange(reboot.LOTS) if self._lots else 0
        incarnation = reboot.next_start(before.incarnation, lot)
        epochs = known_epochs(before)
        if node.booted:
            before = reboot.after_boot(before, node.clock_ns(self.now_ns))
        node.booted = False
        known = tuple(epochs.items())
        self.disks.save(node, replace(before, incarnation=incarnation, epochs=known, intents=()))
        node.settings = self.files.read(number)
        self.kernels.know(node.settings)
        node.codec = Codec(node.settings.cluster_id, number, (KEY,), seal.mac)
        for group_settings in node.settings.groups:
            self.kernels.shut(node, group_settings.id)
        node.frozen = node.exited = False
        node.worker_up = worker
        now = node.instant(self.now_ns)
        salt = self.clockwork.chance("salt").getrandbits(64)
        node.engine = Engine(
            node.settings,
            incarnation,
            now,
            epochs=epochs,
            distrust=distrust,
            salt=salt,
            met_before=before.met,
            shots=before.shots,
            kept=before.maintenance,
        )
        for group_settings in node.settings.groups:
            if not node.service_up:
                self.feed(node, ServiceChanged(group_settings.id, up=False))
        if node.notice:
            self.feed(node, NoticeCame(node.notice))
        self.feed(node, node.worker_news() if worker else Tick())
        if not node.settings.pings:
            self._listen(node, node.engine)

    def kill_agent(self, number: int, *, landed: bool | None = None) -> None:
        """Kill the agent (-9) while its host lives: address and gate stay in the kernel.

        `landed`: whether what was being written and done had its effect by then; None: by chance.
        """
        node = self.nodes[number]
        if node.engine is not None:
            self.workers.die(node, landed=landed)
        node.engine = None
        node.stalled = None
        node.queue.clear()
        node.unfinished.clear()
        node.asking.clear()
        node.fencing = None
        self.disks.die(node, landed=landed)

    def crash(self, number: int, *, landed: bool | None = None) -> None:
        """The whole machine is gone. `landed`: see `kill_agent`."""
        self.kill_agent(number, landed=landed)
        node = self.nodes[number]
        node.up = node.paused = False
        node.booted = True
        node.addresses.clear()
        node.gate_ns.clear()
        self.kernels.settle(node)

    def _cut_power(self, machine: Machine) -> None:
        self.crash(machine.number)

    def freeze(self, number: int) -> None:
        """SIGSTOP the agent; the kernel and what it holds go on."""
        node = self.nodes[number]
        node.frozen, node.frozen_ns = True, self.now_ns

    def freeze_within(self, number: int, place: str) -> None:
        """Freeze the agent inside its next "renewal" or "opening" of a gate."""
        self.nodes[number].freeze_at = place

    def thaw(self, number: int, *, briefly: bool = False) -> None:
        """SIGCONT: it goes on where it was; what came meanwhile is in the sockets.

        `briefly`: it is stopped again after the system call in which it was frozen.
        """
        node = self.nodes[number]
        node.freeze_at = ""
        stalled, node.stalled = node.stalled, None
        if stalled is not None:
            stalled()
        if briefly:
            return
        node.frozen = False
        self._carry_out(node)
        queue, node.queue = node.queue, []
        for event in queue:  # the sockets may be read before the timer is looked at
            self.feed(node, event)
        self.feed(node, Tick())

    def pause(self, number: int, seconds: float, *, shows: bool) -> None:
        """Nothing of the machine runs for so long, its kernel neither.

        `shows`: CLOCK_BOOTTIME counts it, as a suspend; else no clock of the machine moves, as seen
        with a hypervisor.
        """
        node = self.nodes[number]
        if node.paused or not node.up:
            return
        node.paused = True
        self.kernels.settle(node)
        span_ns = int(seconds * SECOND)
        self.clockwork.after(span_ns, partial(self._resume, node, span_ns, shows=shows))

    def _resume(self, node: Machine, span_ns: int, *, shows: bool) -> None:
        if not node.paused:
            return  # it crashed meanwhile
        node.paused = False
        own_ns = node.clock_ns(self.now_ns) - node.clock_ns(self.now_ns - span_ns)
        if shows:
            node.suspended_ns += own_ns
        else:
            node.offset_ns -= own_ns
        self.kernels.stood_still(node, span_ns)
        self.resumed_ns.append(self.now_ns)
        if not node.frozen:
            self.thaw(node.number)

    def feed(self, node: Machine, event: Event) -> None:
        """Give an event to a node's engine and run the effects."""
        if node.engine is None:
            return
        if node.frozen or node.paused:
            if len(node.queue) < SOCKET_QUEUE:
                node.queue.append(event)
            return
        if node.slow_ns:
            engine = node.engine
            self.clockwork.after(node.slow_ns, partial(self._step, node, engine, event))
            return
        self._step(node, node.engine, event)

    def _step(self, node: Machine, engine: Engine, event: Event) -> None:
        if node.engine is not engine:
            return
        if node.frozen or node.paused:
            node.queue.append(event)
            return
        now = node.instant(self.now_ns)
        effects = engine.step(event, now)
        for tap in self.taps:
            tap(node, event, now, effects)
        node.unfinished.extend(effects)
        self._carry_out(node)
        self._arm(node)

    def _arm(self, node: Machine) -> None:
        engine = node.engine
        if engine is None:
            return
        node.tick_no += 1
        due_ns = max(node.world_ns(engine.deadline()), self.now_ns + 1_000)
        if self.clockwork.steady:  # in whole ms, so that lateness does not add up; not both at once
            due_ns = -(-(due_ns - node.number) // MS) * MS + node.number
        self.clockwork.at(due_ns, partial(self._tick, node, engine, node.tick_no))

    def _tick(self, node: Machine, engine: Engine, tick_no: int) -> None:
        if node.tick_no == tick_no and node.engine is engine:
            self.feed(node, Tick())

    def _listen(self, node: Machine, engine: Engine) -> None:
        """Without a ping node: note each beat whether the service interface hears anybody."""
        read = partial(self._read_counters, node, engine, node.clock_ns(self.now_ns))
        self.clockwork.after(engine.settings.beat_ns, read)

    def _read_counters(self, node: Machine, engine: Engine, since_ns: int) -> None:
        if node.engine is not engine:
            return
        if node.service_up and self.net.service_lan:
            self.feed(node, NeighbourHeard(since_ns))
        self._listen(node, engine)

    # --- effects ------------------------------------------------------------------------------

    def _carry_out(self, node: Machine) -> None:
        unfinished = node.unfinished
        while unfinished and not node.frozen:
            self._apply(node, unfinished.popleft())

    def _apply(self, node: Machine, effect: Effect) -> None:  # noqa: C901 - the dispatch table
        match effect:
            case SendBeat(path, beat):
                assert node.codec is not None
                self.net.send(node.number, path, node.codec.encode(beat, path))
            case SendEcho(ping, beat):
                self.net.echo(node.number, ping, beat.n)
            case HoldGate(group, until_ns):
                self.kernels.hold(node, group, until_ns)
            case ShutGate(group):
                self.kernels.shut(node, group)
            case StartOp(op):
                self.workers.order(node, op)
            case ReadLease() | SwapLease():
                self.store.ask(node, effect)
            case FencePeer(op):
                self.devices.order(node, op, self.nodes[1 - node.number])
            case Persist():
                self.disks.write(node, effect)
            case Note():
                node.notes.append((self.now_ns, effect))
            case Answer(request):
                node.answers[request] = effect
            case Exit():
                node.exited = True
                self.clockwork.after(0, partial(self._exit, node))
            case Reincarnate(incarnation):
                self._reincarnate(node, incarnation)

    def _exit(self, node: Machine) -> None:
        if node.exited:
            self.kill_agent(node.number)

    def _reincarnate(self, node: Machine, incarnation: int) -> None:
        state = node.disk or Durable(0, (), ())
        self.disks.save(node, replace(state, incarnation=incarnation))
        self.clockwork.after(0, partial(self._restart, node, node.engine))

    def _restart(self, node: Machine, engine: Engine | None) -> None:
        if node.engine is engine:
            self.kill_agent(node.number)
            self._boot(node.number, worker=True)  # by itself: it may spin in this as well

    # --- what the network brings --------------------------------------------------------------

    def _arrived(self, receiver: int, path: int, data: bytes) -> None:
        node = self.nodes[receiver]
        if node.engine is None or node.codec is None:
            return
        try:
            message = node.codec.decode(data, path)
        except DroppedError:
            return
        assert not isinstance(message, Echo)
        self.feed(node, BeatHeard(path, message))

    def _echoed(self, sender: int, ping: int, n: int) -> None:
        self.feed(self.nodes[sender], EchoAnswered(ping, n))

    # --- faults -------------------------------------------------------------------------------

    def heal(self) -> None:
        """Every way works again."""
        self.net.heal()

    def drop_waiting(self, number: int) -> None:
        """What waited in the sockets of a frozen agent is lost."""
        self.nodes[number].queue.clear()

    def forge_success(self, number: int) -> None:
        """A reply to an operation of another name arrives."""
        node = self.nodes[number]
        assert node.engine is not None
        self.feed(node, OpEnded(OpId(number, node.engine.incarnation, 0, 0), Outcome.OK, ""))

    def steal_address(self, number: int, group: int) -> None:
        """Another program removes the group's first address."""
        node = self.nodes[number]
        if (group, 0) in node.addresses:
            node.addresses.discard((group, 0))
            self.kernels.settle(node)
            self.feed(node, AddressLost(group, 0))

    def set_service(self, number: int, *, up: bool) -> None:
        """The service interface of a node goes down or comes up."""
        node = self.nodes[number]
        node.service_up = up
        for group in node.settings.groups:
            self.feed(node, ServiceChanged(group.id, up=up))

    def announce(self, number: int, what: str) -> None:
        """Who runs this machine announces what will disturb it; "": takes that back."""
        node = self.nodes[number]
        node.notice = what
        self.feed(node, NoticeCame(what))

    # --- what to look at ----------------------------------------------------------------------

    def engine(self, number: int) -> Engine:
        """The engine of a node whose agent runs."""
        engine = self.nodes[number].engine
        assert engine is not None, f"no agent runs on {self.nodes[number].name}"
        return engine

    def owner(self, group: int) -> str | None:
        """Who answers for the group's address: a name, None, or "both"."""
        owners = [node.name for node in self.nodes if self.kernels.serves(node, group)]
        return "both" if len(owners) > 1 else owners[0] if owners else None

    def both_ms(self) -> float:
        """How long two nodes answered for one address, in ms, over all groups."""
        return self.kernels.both_ms()
