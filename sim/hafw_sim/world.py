"""A world in virtual time around two real engines: network, ping node, gates, workers, clocks.

One rule: the world never looks into an engine to decide what happens; it only runs its effects.
Time is integer nanoseconds on a heap; every chance is drawn from a named random stream of the seed,
so that a new kind of fault does not shift the others.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hafw.core.duties import Certificate
from hafw.core.engine import Engine
from hafw.core.model import (
    REFLECTED_PATH,
    AddressLost,
    Answer,
    BeatHeard,
    Durable,
    EchoAnswered,
    Effect,
    Event,
    Exit,
    HoldGate,
    Instant,
    NeighbourHeard,
    Note,
    Op,
    OpEnded,
    OperatorAsked,
    OpId,
    OpKind,
    Outcome,
    Persist,
    Persisted,
    PersistFailed,
    Reincarnate,
    SendBeat,
    SendEcho,
    ServiceChanged,
    ShutGate,
    StartOp,
    Tick,
    Verb,
    What,
    WorkerChanged,
)
from hafw.core.settings import MS, SECOND
from hafw.core.wire import Codec, DroppedError, Echo, Key

if TYPE_CHECKING:
    from hafw.core.settings import Settings

KEY: Final = Key(1, b"a simulated cluster's shared key")
FOREVER: Final = 1 << 62
SOCKET_QUEUE: Final = 1_000
"""What waits in the sockets of a frozen agent, at the most; the rest is lost."""
EVENTS_PER_SECOND_MAX: Final = 50_000
"""More events than this in one simulated second: something spins, and the run is ended."""
STARTS_PER_DEADTIME_MAX: Final = 4
"""More starts of a group on one node than this within a deadtime are no failover but a spin."""


Tap = Callable[["Node", Event, Instant, list[Effect]], None]
"""Hears of every step of an engine, before its effects are run."""


class Endless(AssertionError):
    """The world makes no progress: too many events in one simulated second."""


@dataclass(slots=True)
class Weather:
    """How the world behaves between faults. Times in ns, chances per packet or operation."""

    loss: float = 0.0
    delay_ns: tuple[int, int] = (50_000, 200_000)
    duplicate: float = 0.0
    corrupt: float = 0.0
    op_ns: tuple[int, int] = (500_000, 2_000_000)
    op_failed: float = 0.0
    op_unknown: float = 0.0
    op_lost: float = 0.0
    fsync_ns: tuple[int, int] = (100_000, 1_000_000)
    disk_full: bool = False


@dataclass(slots=True)
class Path:
    """One direction of one way: a link, or a node's way to or from the ping node."""

    cut: bool = False
    loss: float = 0.0
    held: list[Callable[[], None]] | None = None


@dataclass(slots=True)
class Node:
    """One machine: its clock, its engine, and what its kernel holds."""

    name: str
    number: int
    settings: Settings
    engine: Engine | None = None
    codec: Codec | None = None
    frozen: bool = False
    up: bool = True
    rate_ppm: int = 0
    offset_ns: int = 0
    disk: Durable | None = field(default_factory=lambda: Durable(0, (), ()))
    queue: list[Event] = field(default_factory=list)
    addresses: set[tuple[int, int]] = field(default_factory=set)
    starting: set[tuple[int, int]] = field(default_factory=set)
    gate_ns: dict[int, int] = field(default_factory=dict)
    service_up: bool = True
    failing: dict[OpKind, Outcome] = field(default_factory=dict)
    tick_no: int = 0
    notes: list[tuple[int, Note]] = field(default_factory=list)
    answers: dict[int, Answer] = field(default_factory=dict)
    exited: bool = False

    def clock_ns(self, now_ns: int) -> int:
        """This node's BOOTTIME at world time `now_ns`."""
        return now_ns + now_ns * self.rate_ppm // 1_000_000 + self.offset_ns

    def world_ns(self, clock_ns: int) -> int:
        """The world time at which this node's clock reads `clock_ns` (at least)."""
        return (clock_ns - self.offset_ns) * 1_000_000 // (1_000_000 + self.rate_ppm) + 1


class World:
    """Two nodes, their links, a ping node, and the checks that run after every event."""

    def __init__(self, settings: tuple[Settings, Settings], seed: int = 0) -> None:
        """Build the world switched off; `boot` starts a node."""
        self.seed = seed
        self.now_ns = 0
        self.weather = Weather()
        self.events = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._seq = 0
        self._streams: dict[str, random.Random] = {}
        self.nodes = tuple(
            Node(own.names[own.node], own.node, own, offset_ns=(own.node + 1) * 1_000 * SECOND)
            for own in settings
        )
        links = settings[0].links
        self.links = {(i, sender): Path() for i in range(links) for sender in (0, 1)}
        self.to_ping = (Path(), Path())
        self.from_ping = (Path(), Path())
        self.ping_up = True
        self.ping_reflects = settings[0].reflect
        self.service_lan = True
        self.checks: list[Callable[[World], None]] = []
        self.taps: list[Tap] = []
        self.violations: list[str] = []
        self.newest: dict[tuple[int, int], bytes] = {}
        self.asked = 0
        self.both_ns: dict[int, int] = {}
        self._both_since: dict[int, int] = {}
        self._starts: dict[tuple[int, int], deque[int]] = {}

    def chance(self, stream: str) -> random.Random:
        """The random stream of that name."""
        if stream not in self._streams:
            self._streams[stream] = random.Random(f"{self.seed}/{stream}")
        return self._streams[stream]

    # --- time ---------------------------------------------------------------------------------

    def at(self, when_ns: int, what: Callable[[], None]) -> None:
        """Do something at that world time."""
        self._seq += 1
        heapq.heappush(self._heap, (max(when_ns, self.now_ns), self._seq, what))

    def after(self, delay_ns: int, what: Callable[[], None]) -> None:
        """Do something that much later."""
        self.at(self.now_ns + delay_ns, what)

    def run_until(self, end_ns: int) -> None:
        """Let the world run up to `end_ns`."""
        second_ends_ns, bound = self.now_ns, self.events
        while self._heap and self._heap[0][0] <= end_ns:
            self.now_ns, _, what = heapq.heappop(self._heap)
            self.events += 1
            if self.now_ns >= second_ends_ns:
                second_ends_ns = self.now_ns + SECOND
                bound = self.events + EVENTS_PER_SECOND_MAX
            if self.events > bound:
                raise Endless(f"{EVENTS_PER_SECOND_MAX} events in the second to {second_ends_ns}")
            what()
            self._check_both()
            for check in self.checks:
                check(self)
        self.now_ns = end_ns
        self._check_both()

    def run(self, seconds: float) -> None:
        """Let the world run for so many seconds."""
        self.run_until(self.now_ns + int(seconds * SECOND))

    # --- machines -----------------------------------------------------------------------------

    def ask(self, number: int, verb: Verb, what: What = What.ALL, **more: object) -> int:
        """An operator types a command on a node; returns its number, for `Node.answers`."""
        self.asked += 1
        node = self.nodes[number]
        self.feed(node, OperatorAsked(self.asked, verb, what, **more))  # type: ignore[arg-type]
        return self.asked

    def boot(self, number: int) -> None:
        """Start the agent of a node (and the machine, if it was off)."""
        node = self.nodes[number]
        assert node.engine is None, f"{node.name} runs already"
        if not node.up:
            node.up = True
            node.addresses.clear()
            node.gate_ns.clear()
        before = node.disk or Durable(0, (), ())
        distrust = "" if node.disk is not None else "the state file is missing"
        incarnation = before.incarnation + 1
        epochs = dict(before.epochs)
        for group, epoch, _certificate in before.intents:
            epochs[group] = max(epochs.get(group, 0), epoch)
        node.disk = Durable(incarnation, tuple(epochs.items()), ())
        node.codec = Codec(node.settings.cluster_id, number, (KEY,))
        for group_settings in node.settings.groups:
            node.gate_ns[group_settings.id] = -1
        node.frozen = node.exited = False
        node.queue.clear()
        node.engine = Engine(
            node.settings, incarnation, self._instant(node), epochs=epochs, distrust=distrust
        )
        for group_settings in node.settings.groups:
            if not node.service_up:
                self.feed(node, ServiceChanged(group_settings.id, up=False))
        self.feed(node, WorkerChanged(up=True))
        if not node.settings.pings:
            self._listen(node, node.engine)

    def kill_agent(self, number: int) -> None:
        """Kill the agent (-9) while its host lives: address and gate stay in the kernel."""
        node = self.nodes[number]
        node.engine = None
        node.queue.clear()

    def crash(self, number: int) -> None:
        """The whole machine is gone."""
        self.kill_agent(number)
        node = self.nodes[number]
        node.up = False
        node.addresses.clear()
        node.starting.clear()

    def freeze(self, number: int) -> None:
        """SIGSTOP the agent; the kernel and what it holds go on."""
        self.nodes[number].frozen = True

    def thaw(self, number: int) -> None:
        """SIGCONT: what came meanwhile is in the sockets."""
        node = self.nodes[number]
        node.frozen = False
        queue, node.queue = node.queue, []
        for event in queue:  # the sockets may be read before the timer is looked at
            self.feed(node, event)
        self.feed(node, Tick())

    def feed(self, node: Node, event: Event) -> None:
        """Give an event to a node's engine and run the effects."""
        if node.engine is None:
            return
        if node.frozen:
            if len(node.queue) < SOCKET_QUEUE:
                node.queue.append(event)
            return
        now = self._instant(node)
        effects = node.engine.step(event, now)
        for tap in self.taps:
            tap(node, event, now, effects)
        for effect in effects:
            self._apply(node, effect)
        self._arm(node)

    def _instant(self, node: Node) -> Instant:
        clock_ns = node.clock_ns(self.now_ns)
        return Instant(clock_ns, clock_ns)

    def _arm(self, node: Node) -> None:
        if node.engine is None:
            return
        node.tick_no += 1
        mine, engine = node.tick_no, node.engine

        def tick() -> None:
            if node.tick_no == mine and node.engine is engine:
                self.feed(node, Tick())

        self.at(max(node.world_ns(engine.deadline()), self.now_ns + 1_000), tick)

    def _listen(self, node: Node, engine: Engine) -> None:
        """Without a ping node: note each keepalive whether the service interface hears anybody."""
        since_ns = node.clock_ns(self.now_ns)

        def again() -> None:
            if node.engine is not engine:
                return
            if node.service_up and self.service_lan:
                self.feed(node, NeighbourHeard(since_ns))
            self._listen(node, engine)

        self.after(node.settings.timing.keepalive_ns, again)

    # --- effects ------------------------------------------------------------------------------

    def _apply(self, node: Node, effect: Effect) -> None:  # noqa: C901 - the dispatch table
        match effect:
            case SendBeat(path, beat):
                assert node.codec is not None
                self._send(node, path, node.codec.encode(beat, path))
            case SendEcho(ping, beat):
                self._echo(node, ping, beat.n)
            case HoldGate(group, until_ns):
                end_ns = FOREVER if until_ns is None else node.world_ns(until_ns)
                node.gate_ns[group] = end_ns
                if until_ns is not None:
                    self.at(end_ns, lambda: None)  # so that the checks see it shut
            case ShutGate(group):
                node.gate_ns[group] = -1
            case StartOp(op):
                self._operate(node, op)
            case Persist(token, state):
                self._persist(node, token, state)
            case Note():
                node.notes.append((self.now_ns, effect))
            case Answer(request):
                node.answers[request] = effect
            case Exit():
                node.exited = True
                self.after(0, lambda: self.kill_agent(node.number))
            case Reincarnate(incarnation):
                self._reincarnate(node, incarnation)

    def _reincarnate(self, node: Node, incarnation: int) -> None:
        state = node.disk or Durable(0, (), ())
        node.disk = Durable(incarnation, state.epochs, state.intents)

        def restart() -> None:
            if node.engine is not None:
                self.kill_agent(node.number)
                self.boot(node.number)

        self.after(0, restart)

    def _persist(self, node: Node, token: int, state: Durable) -> None:
        engine = node.engine

        def done() -> None:
            if node.engine is not engine:
                return
            if self.weather.disk_full:
                self.feed(node, PersistFailed(token, "no space left on device"))
                return
            node.disk = state
            self.feed(node, Persisted(token))

        self.after(self._between("disk", self.weather.fsync_ns), done)

    def _between(self, stream: str, bounds: tuple[int, int]) -> int:
        return self.chance(stream).randint(*bounds)

    # --- network ------------------------------------------------------------------------------

    def _send(self, node: Node, path: int, data: bytes) -> None:
        peer = self.nodes[1 - node.number]
        if path == REFLECTED_PATH:
            hops = [self.to_ping[node.number], self.from_ping[peer.number]]
            if not (self.ping_up and self.ping_reflects):
                return
        else:
            hops = [self.links[path, node.number]]
        self.newest[path, node.number] = data
        self._carry(hops, lambda: self._arrive(peer, path, data))

    def _carry(self, hops: list[Path], arrive: Callable[[], None]) -> None:
        chance = self.chance("net")
        for hop in hops:
            if hop.held is not None:
                hop.held.append(arrive)
                return
            if hop.cut or chance.random() < self.weather.loss + hop.loss:
                return
        copies = 2 if chance.random() < self.weather.duplicate else 1
        for _ in range(copies):
            self.after(chance.randint(*self.weather.delay_ns), arrive)

    def _arrive(self, node: Node, path: int, data: bytes) -> None:
        if node.engine is None or node.codec is None or not node.up:
            return
        if self.chance("net").random() < self.weather.corrupt:
            at = self.chance("corrupt").randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
        try:
            message = node.codec.decode(data, path)
        except DroppedError:
            return
        assert not isinstance(message, Echo)
        self.feed(node, BeatHeard(path, message))

    def _echo(self, node: Node, ping: int, n: int) -> None:
        if not self.ping_up:
            return
        engine = node.engine
        hops = [self.to_ping[node.number], self.from_ping[node.number]]

        def arrive() -> None:
            if node.engine is engine:
                self.feed(node, EchoAnswered(ping, n))

        self._carry(hops, arrive)

    def deliver_held(self, path: Path) -> None:
        """What was held on this way arrives now, however old; the way stays as it otherwise is."""
        held, path.held = path.held or [], None
        for arrive in held:
            arrive()

    def heal_ping(self, number: int) -> None:
        """A node's way to and from the ping node works again."""
        self.to_ping[number].cut = self.from_ping[number].cut = False

    def drop_waiting(self, number: int) -> None:
        """What waited in the sockets of a frozen agent is lost."""
        self.nodes[number].queue.clear()

    def forge_success(self, number: int) -> None:
        """A reply to an operation of another name arrives."""
        node = self.nodes[number]
        assert node.engine is not None
        self.feed(node, OpEnded(OpId(number, node.engine.incarnation, 0, 0), Outcome.OK, ""))

    def replay(self, path: int, sender: int) -> None:
        """The newest datagram that went this path from `sender` arrives once more."""
        self._arrive(self.nodes[1 - sender], path, self.newest[path, sender])

    def cut_links(self, *, both: bool = True, sender: int = 0) -> None:
        """Cut every link; with `both` False only what `sender` sends is lost."""
        for (_link, source), path in self.links.items():
            if both or source == sender:
                path.cut = True

    def mend_links(self) -> None:
        """No link is cut any more."""
        for path in self.links.values():
            path.cut = False

    def cut_ping(self, number: int) -> None:
        """A node loses the ping node, both ways."""
        self.to_ping[number].cut = self.from_ping[number].cut = True

    def heal(self) -> None:
        """Every path works again."""
        for path in (*self.links.values(), *self.to_ping, *self.from_ping):
            path.cut = False
            path.loss = 0.0
            path.held = None
        self.service_lan = True

    # --- workers and addresses ----------------------------------------------------------------

    def _operate(self, node: Node, op: Op) -> None:
        engine = node.engine
        if op.kind is OpKind.ANNOUNCE:
            return
        if op.kind is OpKind.START:
            self._check_start(node, op.group)
            self._check_spin(node, op.group)
            node.starting.add((op.group, op.index))
        outcome = self._outcome(node, op)
        landed = outcome is not Outcome.FAILED_NO_EFFECT
        if op.kind is OpKind.STOP and self.chance("lost").random() < self.weather.op_lost:
            outcome, landed = Outcome.UNKNOWN, False
        took_ns = self._between("ops", self.weather.op_ns)
        if op.kind is OpKind.PROBE:
            took_ns = max(op.deadline_ns - node.clock_ns(self.now_ns), took_ns)

        def done() -> None:
            node.starting.discard((op.group, op.index))
            if not node.up or node.engine is not engine:
                return
            if landed:
                if op.kind is OpKind.START:
                    node.addresses.add((op.group, op.index))
                elif op.kind in (OpKind.STOP, OpKind.CLEAN):
                    node.addresses.discard((op.group, op.index))
            self.feed(node, OpEnded(op.id, outcome, f"simulated: {outcome}"))

        self.after(took_ns, done)

    def _outcome(self, node: Node, op: Op) -> Outcome:
        if op.kind is OpKind.PROBE:
            answered = self.service_lan and self.serves(self.nodes[1 - node.number], op.group)
            return Outcome.FAILED_NO_EFFECT if answered else Outcome.OK
        if op.kind is OpKind.CLEAN:
            return Outcome.OK
        if op.kind in node.failing:
            return node.failing[op.kind]
        draw = self.chance("ops").random()
        if draw < self.weather.op_failed:
            return Outcome.FAILED_NO_EFFECT
        if draw < self.weather.op_failed + self.weather.op_unknown:
            return Outcome.UNKNOWN
        return Outcome.OK

    def _check_start(self, node: Node, group: int) -> None:
        """S5, and the released half of S2: the other node must run nothing of the group."""
        assert node.engine is not None
        certificate = node.engine.groups[group].certificate
        if certificate is None:
            self.violations.append(f"S5 {node.name} starts group {group} without a certificate")
        other = self.nodes[1 - node.number]
        if certificate is Certificate.RELEASED and self.may_run(other, group):
            text = f"S2 {node.name} starts group {group} as released; {other.name} may run it"
            self.violations.append(text)

    def _check_spin(self, node: Node, group: int) -> None:
        """L2: no group is started over and over."""
        recent = self._starts.setdefault(
            (node.number, group), deque(maxlen=STARTS_PER_DEADTIME_MAX)
        )
        deadtime_ns = node.settings.timing.deadtime_ns
        if len(recent) == recent.maxlen and self.now_ns - recent[0] < deadtime_ns:
            self.violations.append(f"L2 {node.name} starts group {group} over and over")
        recent.append(self.now_ns)

    def may_run(self, node: Node, group: int) -> bool:
        """Whether anything of the group is, or may come to be, on this node."""
        return any(place[0] == group for place in node.addresses | node.starting)

    def serves(self, node: Node, group: int) -> bool:
        """Whether this node answers for the group's address: address present and gate open."""
        held = any(address[0] == group for address in node.addresses)
        return node.up and held and node.gate_ns.get(group, -1) > self.now_ns

    def steal_address(self, number: int, group: int) -> None:
        """Another program removes the group's first address."""
        node = self.nodes[number]
        node.addresses.discard((group, 0))
        self.feed(node, AddressLost(group, 0))

    def set_service(self, number: int, *, up: bool) -> None:
        """The service interface of a node goes down or comes up."""
        node = self.nodes[number]
        node.service_up = up
        for group in node.settings.groups:
            self.feed(node, ServiceChanged(group.id, up=up))

    def _check_both(self) -> None:
        for group in self.nodes[0].settings.groups:
            both = all(self.serves(node, group.id) for node in self.nodes)
            since = self._both_since.get(group.id)
            if both and since is None:
                self._both_since[group.id] = self.now_ns
            elif not both and since is not None:
                spent = self.now_ns - self._both_since.pop(group.id)
                self.both_ns[group.id] = self.both_ns.get(group.id, 0) + spent

    # --- what to look at ----------------------------------------------------------------------

    def owner(self, group: int) -> str | None:
        """Who answers for the group's address: a name, None, or "both"."""
        owners = [node.name for node in self.nodes if self.serves(node, group)]
        return "both" if len(owners) > 1 else owners[0] if owners else None

    def both_ms(self) -> float:
        """How long two nodes answered for one address, in ms, over all groups."""
        running = sum(self.now_ns - since for since in self._both_since.values())
        return (sum(self.both_ns.values()) + running) / MS
