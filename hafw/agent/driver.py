"""Drives the engine: feeds it what the sockets bring, carries out what it orders.

One rule: everything goes through `step`, one event at a time, and the effects of a step are carried
out in their order before the next event is read. If the engine breaks, every address is shut.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn

from hafw.agent import clock, statefile
from hafw.agent.guard import Guard
from hafw.agent.journal import Journal
from hafw.agent.notices import Notices
from hafw.agent.orders import Orders
from hafw.agent.reload import refusal
from hafw.agent.status import headline
from hafw.agent.supervisor import Supervisor
from hafw.agent.traffic import Traffic
from hafw.agent.watch import Announcements, Interfaces, Neighbours
from hafw.config import to_settings
from hafw.core.effects import (
    Answer,
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
    Event,
    ForeignAnnounced,
    GateFailed,
    NeighbourHeard,
    Op,
    OpEnded,
    OpKind,
    Outcome,
    Reconfigured,
    ServiceChanged,
    Tick,
    WorkerChanged,
)
from hafw.core.reboot import LOTS, next_start
from hafw.net.netlink import NetlinkError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _typeshed import HasFileno

    from hafw.agent.notify import SystemdNotifier
    from hafw.agent.timeline import Timeline
    from hafw.agent.vips import Vips
    from hafw.config import Cluster
    from hafw.core.model import Instant
    from hafw.core.settings import Settings
    from hafw.core.wire import Key
    from hafw.worker.protocol import Reply

BROKEN: Final = 70
"""Exit status after an internal error (EX_SOFTWARE of sysexits.h); every address is shut then."""
_MIN_SLEEP_S: Final = 0.0002


class Driver:
    """The engine of this node and everything that it is connected to."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of an agent
        self,
        cluster: Cluster,
        settings: Settings,
        keys: tuple[Key, ...],
        state_dir: Path,
        vips: Vips,
        notifier: SystemdNotifier,
        timeline: Timeline,
    ) -> None:
        """Load and raise the incarnation (durable before use), then build the engine."""
        self.cluster = cluster
        self.vips = vips
        self.timeline = timeline
        self._orders = Orders(cluster, settings.node, vips, keys)
        self._state_dir = state_dir
        self._notifier = notifier
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due_ns = 0
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._requests = 0
        self._ops: dict[int, Op] = {}
        self._readers: list[HasFileno] = []
        self._neighbours = Neighbours(vips)
        self.finished: asyncio.Future[int] = self._loop.create_future()
        self.scheduling = ""
        self.control_trouble = ""
        self.on_reincarnate: Callable[[int], None] = lambda _: None
        self.engine = self._new_engine(settings)
        self.writer = statefile.Writer(state_dir, self._loop, self.step)
        self.journal = Journal(state_dir / "journal", self._loop, self.engine)
        self.traffic = Traffic(cluster, settings, keys, self.engine.incarnation, self.step)
        self._inert = False
        self.guard = self._new_guard()
        self._open_sockets()
        self.supervisor = Supervisor(
            self._loop, self._orders.hello(), self._worker_changed, self._worker_replied
        )
        self._notices = Notices(self._loop, self.supervisor, self.step)

    @property
    def settings(self) -> Settings:
        """What is in force; after a reload that may still be the old."""
        return self.engine.settings

    def _new_engine(self, settings: Settings) -> Engine:
        loaded = statefile.load(self._state_dir)
        state = loaded.state
        epochs = dict(state.epochs)
        for group, epoch, _certificate in state.intents:
            epochs[group] = max(epochs.get(group, 0), epoch)
        incarnation = next_start(state.incarnation, secrets.randbelow(LOTS))
        fresh = replace(state, incarnation=incarnation, epochs=tuple(epochs.items()), intents=())
        statefile.save(self._state_dir, fresh)
        if loaded.distrust:
            self.timeline.add(Note("state.distrusted", 0, f"joining as standby: {loaded.distrust}"))
        return Engine(
            settings,
            incarnation,
            clock.now(),
            epochs=epochs,
            distrust=loaded.distrust,
            salt=int.from_bytes(os.urandom(8)),
            met_before=state.met,
            shots=state.shots,
            kept=state.maintenance,
        )

    def _new_guard(self) -> Guard | None:
        """What arms the watchdog, where the file names one."""
        node = self.settings.node
        if self.cluster.watchdogs[node] is None:
            return None
        return Guard(
            self.cluster,
            node,
            self.engine.incarnation,
            self._loop,
            on_armed=self._guard_armed,
            on_pill=self._condemned,
            note=self.note,
        )

    def _guard_armed(self) -> None:
        if self.supervisor.warm:
            self._worker_changed(True, "")  # noqa: FBT003 - a callback's one flag

    def _condemned(self) -> None:
        """This machine goes off: until then it serves nothing, and shoots nobody either."""
        self._inert = True
        self.vips.abandon()
        self.supervisor.stop()

    # --- sockets ------------------------------------------------------------------------------

    def _open_sockets(self) -> None:
        self.traffic.open(self._loop)
        try:
            self._open_kernel()
        except OSError:
            self.traffic.close()  # the loop still turns while this agent says why it cannot start
            raise

    def _open_kernel(self) -> None:
        self.interfaces = Interfaces(self.vips)
        names = {self.vips.interface(vip) for vip in self.vips.by_place.values()}
        self._announcements = [
            Announcements(name, self.vips, self._loop, self._claimed) for name in sorted(names)
        ]
        self._read(self.vips.install(), self._read_gate)
        self._read(self.interfaces, self._read_interfaces)

    def _read(self, source: HasFileno, callback: Callable[[], None]) -> None:
        self._readers.append(source)
        self._loop.add_reader(source, callback)

    def start(self) -> None:
        """Begin: report the interfaces, start the worker, arm the timer."""
        self._read_interfaces()
        if self.guard is not None:
            self.guard.start()
        self.supervisor.start()
        self._tick()

    def _read_gate(self) -> None:
        try:
            tampering = self.vips.look()
        except (NetlinkError, TimeoutError) as problem:
            self.note("gate.broken", f"the gate cannot be installed again: {problem}")
            for group in self.engine.groups:
                self.step(GateFailed(group, str(problem)))
            return
        if tampering.name != "NONE":
            self.note("gate.reinstalled", f"{tampering.value}; it was installed again at once")

    def _read_interfaces(self) -> None:
        services, removed = self.interfaces.look()
        for heard in self._announcements:
            heard.refresh()
        for group, up in services.items():
            self.step(ServiceChanged(group, up))
        for group, index in removed:
            self.step(AddressLost(group, index))

    def _claimed(self, group: int, who: str) -> None:
        self.step(ForeignAnnounced(group, who))

    # --- time ---------------------------------------------------------------------------------

    def _tick(self) -> None:
        """The engine's deadline: everything that waits in the sockets is read first."""
        self._due_ns = 0
        self.traffic.drain()
        if not self.cluster.ping.addresses:
            self._listen()
        self.step(Tick())

    def _listen(self) -> None:
        """Without a ping node: has the service interface heard anybody since the last reading?"""
        since_ns = self._neighbours.heard_since_ns(self.settings.beat_ns // 2)
        if since_ns is not None:
            self.step(NeighbourHeard(since_ns))

    def _arm(self) -> None:
        due_ns = min(self.engine.deadline(), self._notifier.due_ns())
        if due_ns == self._due_ns:
            return  # most of what is heard changes nothing about that
        self._due_ns = due_ns
        if self._timer is not None:
            self._timer.cancel()
        delay_s = max((due_ns - clock.boot_ns()) / 1e9, _MIN_SLEEP_S)
        self._timer = self._loop.call_later(delay_s, self._tick)

    # --- the step -----------------------------------------------------------------------------

    def step(self, event: Event) -> None:
        """One event in, its effects out."""
        if self._inert:
            return
        now = clock.now()
        try:
            effects = self.engine.step(event, now)
            self.vips.settings = self.engine.settings
            for effect in effects:
                self._apply(effect)
            self.journal.record(event, now, effects)
        except Exception:  # noqa: BLE001 - whatever it is, this process must not go on
            self._break(event, now)
        if any(isinstance(effect, Note) for effect in effects):
            self._notifier.status(headline(self.engine))
        self._notifier.stepped(self.engine.now_ns, leaving=self.engine.leaving)
        if not self.finished.done():
            self._arm()

    def _break(self, event: Event, now: Instant) -> NoReturn:
        """A bug of ours: shut every address, say so, and go."""
        self.vips.abandon()
        self.journal.crash(event, now)
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(BROKEN)

    def _apply(self, effect: Effect) -> None:  # noqa: C901, PLR0912 - the dispatch table
        match effect:
            case SendBeat(path, beat):
                self.traffic.send(path, beat)
            case SendEcho(ping, beat):
                self.traffic.echo(ping, beat)
            case HoldGate(group, until_ns):
                self._gate(group, lambda: self.vips.hold(group, until_ns))
            case ShutGate(group):
                self._gate(group, lambda: self.vips.shut(group))
            case StartOp(op):
                self._order(op)
            case FencePeer(op):
                self._ops[op.id.n] = op
                self.supervisor.order(self._orders.fence(op), op.deadline_ns)
            case ReadLease(op) | SwapLease(op):
                self._ops[op.id.n] = op
                self.supervisor.order(self._orders.leases.order(effect), op.deadline_ns)
            case Persist():
                self.writer.write(effect)
                if effect.state.intents:  # a start may follow as soon as this is durable
                    self.supervisor.rouse()
            case Note(name):
                if name == "handover.asked":  # a stop follows as soon as the other one is ready
                    self.supervisor.rouse()
                if name == "peer.dead":
                    now_ns = self.engine.now_ns
                    self.timeline.peer_silent_since(now_ns - self.engine.peer.silence_ns(now_ns))
                self.timeline.add(effect)
            case Answer(request):
                future = self._answers.pop(request, None)
                if future is not None and not future.done():
                    future.set_result(effect)
            case Reincarnate(incarnation):
                self.on_reincarnate(incarnation)
            case Exit():
                if not self.finished.done():
                    self.finished.set_result(0)

    def note(self, name: str, text: str) -> None:
        """Tell people of something that the agent itself did or found."""
        self.timeline.add(Note(name, 0, text))

    def _gate(self, group: int, move: Callable[[], None]) -> None:
        try:
            move()
        except (NetlinkError, TimeoutError) as problem:
            self._loop.call_soon(self.step, GateFailed(group, str(problem)))

    # --- worker -------------------------------------------------------------------------------

    def _order(self, op: Op) -> None:
        is_vip = (op.group, op.index) in self.vips.by_place
        if op.kind in (OpKind.STOP, OpKind.CLEAN) and is_vip and not self.supervisor.warm:
            trouble = self.vips.detach(op.group, op.index)
            outcome = Outcome.UNKNOWN if trouble else Outcome.OK
            self._later(OpEnded(op.id, outcome, trouble))
            return
        self._ops[op.id.n] = op
        starting = self.engine.groups[op.group].certificate if op.kind is OpKind.START else None
        ends = bool(self.settings.group(op.group).classes)
        self.supervisor.order(self._orders.of(op, str(starting or ""), ends=ends), op.deadline_ns)

    def _later(self, event: Event) -> None:
        self._loop.call_soon(self.step, event)

    def _worker_replied(self, reply: Reply) -> None:
        if reply.number < 0:  # operations of the engine count upwards
            self._notices.replied(reply)
            return
        op = self._ops.pop(reply.number, None)
        if op is None:
            return
        if op.kind in (OpKind.READ, OpKind.SWAP):
            self.step(self._orders.leases.told(op, reply))
            return
        if op.kind is OpKind.ANNOUNCE:
            failed = "" if reply.outcome is Outcome.OK else reply.detail
            self.timeline.announced(op.group, failed=failed)
        self.step(OpEnded(op.id, reply.outcome, reply.detail))

    def _worker_changed(self, up: bool, why: str) -> None:  # noqa: FBT001 - a callback's one flag
        if why:
            self.note("worker.trouble", f"the worker is replaced: {why}")
        if not up or self.guard is None or self.guard.armed:  # else nothing may be taken yet
            cold = self.supervisor.cold if up else {}
            self.step(WorkerChanged(up, tuple(cold.items())))
        if up:
            self._notices.begin()

    # --- operators ----------------------------------------------------------------------------

    def next_request(self) -> int:
        """A number for an operator's request."""
        self._requests += 1
        return self._requests

    def awaited(self, request: int) -> asyncio.Future[Answer]:
        """The answer to a request, to be asked for before the request is given to the engine."""
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._answers[request] = future
        return future

    def reload(self, cluster: Cluster, keys: tuple[Key, ...]) -> str:
        """Put another cluster file into force. Returns why it is refused, or ''."""
        why = refusal(self.cluster, cluster)
        if why:
            return why
        self.cluster = cluster
        self.traffic.rekey(keys)
        self._orders.leases.keys = keys
        self.note("keys.loaded", f"key {keys[0].id} signs; {len(keys)} verify")
        self.step(Reconfigured(to_settings(cluster, self.settings.names[self.settings.node])))
        return ""

    def close(self, *, for_good: bool) -> None:
        """End the worker and every socket; `for_good`: nothing is held, so the gate goes too."""
        if self._timer is not None:
            self._timer.cancel()
        self.supervisor.stop()
        if self.guard is not None:
            self.guard.close(disarm=for_good)
        for reader in self._readers:
            self._loop.remove_reader(reader)
        self.traffic.close()
        for heard in self._announcements:
            heard.close()
        self.interfaces.close()
        if for_good:
            self.vips.close_connections()
            self.vips.remove_gate()
        self.vips.close()
        self.journal.close()
