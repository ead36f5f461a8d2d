"""The engine: events and time in, effects out, one deadline.

One rule: in every step, what has lapsed is judged before anything is read. A frozen agent that
thaws therefore lets go first, then drains its sockets, and only then judges the peer's silence.

What was heard before and comes by one more link changes nothing; as long as nothing is due either,
such a step ends at once. With two links that is two steps in five.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core import (
    announcing,
    arming,
    fencing,
    fitness,
    handover,
    hearing,
    lease,
    maintenance,
    operator,
    reload,
    speaking,
    takeover,
)
from hafw.core.duties import NEVER
from hafw.core.effects import Answer, Durable, Effect, Exit, Note, Persist
from hafw.core.group import Group
from hafw.core.liveness import Peer, PeerState, SentLog
from hafw.core.model import (
    AddressLost,
    BeatHeard,
    EchoAnswered,
    Event,
    ForeignAnnounced,
    GateFailed,
    GroupBeat,
    Instant,
    LeaseTold,
    NeighbourHeard,
    NoticeCame,
    Op,
    OpEnded,
    OperatorAsked,
    OpId,
    OpKind,
    Persisted,
    PersistFailed,
    Reconfigured,
    ServiceChanged,
    Tick,
    WorkerChanged,
)
from hafw.core.reflection import Echoes
from hafw.core.settings import MS, SECOND
from hafw.core.snapshot import Plain, pack_parts, unpack_parts

if TYPE_CHECKING:
    from hafw.core.settings import Settings

Snapshot = Plain
"""What `Engine.snapshot` takes: plain values, see `hafw.core.snapshot`."""

_TRANSIENT: Final = frozenset({"_effects"})
"""Attributes that mean nothing between two steps."""
PERSIST_RETRY_NS: Final = 1 * SECOND
"""After a failed durable write nothing new is acquired for this long."""


class Engine:
    """One node's half of the cluster. Pure: no I/O, no clock, no chance."""

    def __init__(  # noqa: PLR0913 - what a start is made of
        self,
        settings: Settings,
        incarnation: int,
        now: Instant,
        *,
        epochs: dict[int, int] | None = None,
        distrust: str = "",
        salt: int = 0,
        met_before: bool = False,
        shots: tuple[int, ...] = (),
        kept: maintenance.Kept | None = None,
    ) -> None:
        """Start as `incarnation`, which must be durable already.

        `epochs`: the highest known epoch of each group. `distrust` says why the durable state
        cannot be trusted (missing, torn, rolled back); the node then joins as standby. `salt`: 64
        bits by chance, which make what this start writes into a lease unlike all else there.
        `met_before`: an earlier start heard the other node since this machine booted. `shots`: when
        earlier starts ordered the other node off (BOOTTIME ns). `kept`: what they knew of
        maintenance.
        """
        self.settings = settings
        self.coming: Settings | None = None
        self.coming_ns = NEVER
        self.incarnation = incarnation
        self.distrust = distrust
        self.salt = salt
        self.now = now
        self.now_ns = now.boot_ns
        self.peer = Peer(settings, self.now_ns)
        self.sent = SentLog()
        self.echoes = [Echoes() for _ in range(settings.pings)]
        used = any(group.fenced for group in settings.groups)
        self.fencing = fencing.Fencing(used=used, met_before=met_before, shots=shots)
        self.maintenance = maintenance.Maintenance(kept, self.now_ns)
        self.groups: dict[int, Group] = {}
        for group in settings.groups:
            known = (epochs or {}).get(group.id, 0)
            self.groups[group.id] = Group(group, known, self.now_ns)
        self.requests: list[operator.Request] = []
        self.worker_up = False
        self.worker_ns = self.now_ns
        self.cold: dict[int, str] = {}
        self.notice = ""
        self.leaving = False
        self.leaving_ns = NEVER
        self.neighbour_ns = NEVER
        self.right_endings = 0
        self.right_ended_ns = NEVER
        self.pauses = 0
        self.returning: dict[int, int] = {}
        self.conflicts: set[int] = set()
        self._effects: list[Effect] = []
        self._due_ns = self.now_ns
        self.news = True
        self.next_echo_ns = self.now_ns
        self.next_link_ns = self.now_ns
        self.spoken: tuple[GroupBeat, ...] = ()
        self._op_n = 0
        self._number = 0
        self._token = 0
        self._durable_token = 0
        self._persist_retry_ns = NEVER
        self._not_durable = ""
        self._was = PeerState.UNKNOWN

    # --- the contract -------------------------------------------------------------------------

    def step(self, event: Event, now: Instant) -> list[Effect]:
        """Take in one event at `now`; returns what must be done, in this order."""
        self._effects = []
        self._notice_pause(now)
        if type(event) is BeatHeard and self._is_old_news(event):
            self._handle(event)
            return self._effects
        for group in self.groups.values():
            group.judge_right(self)
            arming.update(group, self)
        self._handle(event)
        self._settle()
        self._due_ns = self._next_due_ns()
        return self._effects

    def deadline(self) -> int:
        """Step again no later than this (BOOTTIME ns), with a `Tick` if nothing else comes."""
        return self._due_ns

    def _next_due_ns(self) -> int:
        due = min(self.next_echo_ns, self.peer.next_judgement_ns(self.settings))
        for group in self.groups.values():
            due = min(due, group.next_ns(self), handover.next_ns(group, self))
            due = min(due, takeover.next_ns(group, self), lease.next_ns(group, self))
        due = min(due, operator.next_ns(self), fencing.next_ns(self))
        return min(due, maintenance.next_ns(self))

    def snapshot(self) -> Snapshot:
        """The whole state as plain values, between two steps."""
        return pack_parts(self, _TRANSIENT)

    @classmethod
    def restore(cls, snapshot: Snapshot) -> Engine:
        """The engine that `snapshot` was taken of. Raises NotPlainError."""
        engine = cls.__new__(cls)
        vars(engine).update(unpack_parts(snapshot), _effects=[])
        return engine

    # --- events -------------------------------------------------------------------------------

    def _is_old_news(self, event: BeatHeard) -> bool:
        """Whether nothing is due (after a pause something is), and this was heard before."""
        return self.now_ns < self._due_ns and hearing.is_old_news(event.path, event.beat, self)

    def _notice_pause(self, now: Instant) -> None:
        """A step that comes far later than asked for means that this process did not run."""
        assert now.boot_ns >= self.now_ns, "time went backwards"
        elapsed_ns = now.boot_ns - self.now_ns
        slept_ns = elapsed_ns - (now.mono_ns - self.now.mono_ns)
        tick_ns = min(self.settings.beat_ns, self.settings.timing.keepalive_ns)
        self.now, self.now_ns = now, now.boot_ns
        if elapsed_ns > 2 * tick_ns + self.settings.margin_ns or slept_ns > tick_ns:
            self.peer.gap_end_ns = self.now_ns
            self.pauses += 1
            self.note("agent.paused", 0, f"this agent did not run for {elapsed_ns // MS} ms")

    def _handle(self, event: Event) -> None:  # noqa: C901, PLR0912 - the dispatch table
        match event:
            case Tick():
                pass
            case BeatHeard(path, beat):
                hearing.beat_heard(path, beat, self)
            case EchoAnswered(ping, n):
                self.echoes[ping].answer(n)
            case OpEnded():
                fencing.ended(event, self)
                for group in self.groups.values():
                    group.op_ended(event, self)
            case LeaseTold():
                for group in self.groups.values():
                    lease.told(group, event, self)
            case Persisted(token):
                self._durable_token = max(self._durable_token, token)
                self._not_durable = ""
            case PersistFailed(token, why):
                self._persist_failed(token, why)
            case ServiceChanged():
                fitness.service_changed(event, self)
            case NeighbourHeard(since_ns):
                self.neighbour_ns = max(self.neighbour_ns, since_ns)
            case AddressLost(group_id, index):
                self.groups[group_id].address_lost(index, self)
            case ForeignAnnounced(group_id, who):
                announcing.rival_heard(self.groups[group_id], who, self)
            case GateFailed(group_id, why):
                self.groups[group_id].let_go(f"the gate could not be set: {why}", self)
            case WorkerChanged():
                fitness.worker_changed(event, self)
            case NoticeCame(what):
                fitness.notice_came(what, self)
            case Reconfigured(settings):
                reload.begin(settings, self)
            case OperatorAsked():
                operator.asked(event, self)

    def _persist_failed(self, token: int, why: str) -> None:
        for group in self.groups.values():
            if group.intent is not None and group.intent_token <= token:
                group.intent = None
        maintenance.not_durable(token, self)
        self._persist_retry_ns = self.now_ns + PERSIST_RETRY_NS
        if why != self._not_durable:
            self.note("state.not_durable", 0, f"nothing new is acquired: {why}")
        self._not_durable = why

    # --- what follows -------------------------------------------------------------------------

    def _settle(self) -> None:
        maintenance.run(self)
        self._judge_peer()
        fencing.judge(self)
        for group in self.groups.values():
            if group.held:
                arming.certainly_unarmed(group, self)
            else:
                takeover.consider(group, self)
            group.run(self)
            handover.run(group, self)
            lease.run(group, self)
            arming.update(group, self)
        fencing.run(self)
        operator.run(self)
        reload.run(self)
        speaking.send_beats(self)

    def _judge_peer(self) -> None:
        state = self.peer.judge(self.now_ns, self.settings)
        if state is self._was:
            return
        before, self._was = self._was, state
        silent_ms = self.peer.silence_ns(self.now_ns) // MS
        name = self.settings.names[self.settings.peer]
        self.note(f"peer.{state}", 0, f"{name} is {state} (was {before}, silent {silent_ms} ms)")
        self.changed()

    # --- services to the parts ----------------------------------------------------------------

    def emit(self, effect: Effect) -> None:
        """Order something."""
        self._effects.append(effect)

    def note(self, name: str, group: int, text: str) -> None:
        """Tell people."""
        self._effects.append(Note(name, group, text))

    def answer(self, request: int, code: int, text: str) -> None:
        """Answer an operator."""
        self._effects.append(Answer(request, code, text))

    def changed(self) -> None:
        """What the next beat says is news: send it at the end of this step."""
        self.news = True

    def new_op(self, kind: OpKind, group: int, index: int, epoch: int, budget_ns: int) -> Op:
        """A new operation with a name that was never used."""
        self._op_n += 1
        op_id = OpId(self.settings.node, self.incarnation, epoch, self._op_n)
        return Op(op_id, kind, group, index, self.now_ns + budget_ns)

    def nonce(self, op: Op) -> int:
        """128 bits that no other swap of a lease has or had."""
        return self.salt << 64 | op.id.n

    def next_number(self) -> int:
        """A number that this incarnation never used before."""
        self._number += 1
        return self._number

    def persist(self) -> int:
        """Ask for the present durable state on disk; returns the token that will be confirmed."""
        self._token += 1
        epochs = tuple((g.id, g.epoch) for g in self.groups.values())
        intents = tuple(
            (g.id, g.intent[0], str(g.intent[1])) for g in self.groups.values() if g.intent
        )
        state = Durable(
            self.incarnation,
            epochs,
            intents,
            fencing.has_met(self),
            fencing.shots(self),
            maintenance.kept(self),
        )
        self.emit(Persist(self._token, state))
        return self._token

    def may_persist(self) -> bool:
        """Whether the last failed write is long enough ago."""
        return self.now_ns >= self._persist_retry_ns

    def durable(self, token: int) -> bool:
        """Whether the state with this token is on disk."""
        return token <= self._durable_token

    def next_epoch(self, group: Group) -> int:
        """The next epoch of this node."""
        return self.next_after(group.epoch)

    def next_after(self, number: int) -> int:
        """The smallest higher number of this node: even or odd, so that no two share one."""
        following = number + 1
        return following + (following + self.settings.node) % 2

    @property
    def trusted(self) -> bool:
        """Whether silence may count: the durable state is good, or the peer was heard since."""
        return not self.distrust or self.peer.met()

    @property
    def reflector(self) -> Echoes | None:
        """Our echoes to the reflecting ping node, which is number 0."""
        return self.echoes[0] if self.settings.reflect else None

    @property
    def probe_budget_ns(self) -> int:
        """Length of one round of the address probe."""
        return max(5 * MS, min(self.settings.timing.deadtime_ns // 10, 300 * MS))

    def peer_word(self, group: Group) -> GroupBeat | None:
        """What the living peer says of a group; None when it is silent."""
        return self.peer.groups.get(group.id) if self.peer.alive() else None

    def addressed(self) -> bool:
        """The peer's newest beat answers this incarnation of ours."""
        beat = self.peer.beat
        return beat is not None and beat.acked_incarnation == self.incarnation

    def fresh(self) -> bool:
        """The peer's newest beat answers a beat that we sent within H."""
        beat = self.peer.beat
        if beat is None or beat.acked_incarnation != self.incarnation:
            return False
        return self.now_ns - self.sent.sent_ns(beat.acked_n) < self.settings.hold_ns

    def drift(self) -> bool:
        """The peer runs another cluster file."""
        beat = self.peer.beat
        return beat is not None and beat.config_hash != reload.config_hash(self)

    def ping_evidence_ns(self) -> int:
        """Date of the newest sign that this node is not isolated."""
        if not self.echoes:
            return self.neighbour_ns
        return max([echoes.newest_ns for echoes in self.echoes])

    def ping_answers(self) -> bool:
        """A ping node answers now (without one: the service interface heard somebody lately)."""
        age_ns = self.now_ns - self.ping_evidence_ns()
        if not self.echoes:
            return age_ns < self.settings.timing.deadtime_ns
        return age_ns < 2 * self.settings.beat_ns + self.settings.max_delay_ns

    def ping_up(self, ping: int) -> bool:
        """Whether ping node number `ping` answered within H."""
        return self.now_ns - self.echoes[ping].newest_ns < self.settings.hold_ns

    def pings_up(self) -> int:
        """How many ping nodes answer."""
        return sum([self.ping_up(ping) for ping in range(len(self.echoes))])

    def should_return(self, group: Group) -> bool:
        """The peer's agent was restarted while it held the group: the group should not move."""
        return self.now_ns < self.returning.get(group.id, NEVER)

    def group_started(self, group: Group) -> None:
        """A group became active."""
        self.returning.pop(group.id, None)

    def group_stopped(self, group: Group) -> None:
        """A group is confirmed stopped here: offer it, if that was agreed."""
        if group.surrender:
            group.surrender = False
            handover.offer(group, self)

    def may_exit(self) -> None:
        """The graceful stop is complete."""
        self.emit(Exit())


__all__ = ["Answer", "Engine"]
