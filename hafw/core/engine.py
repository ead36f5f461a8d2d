"""The engine: events and time in, effects out, one deadline.

One rule: in every step, what has lapsed is judged before anything is read. A frozen agent that
thaws therefore lets go first, then drains its sockets, and only then judges the peer's silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core import handover, operator, takeover
from hafw.core.duties import NEVER, Certificate
from hafw.core.group import Group, State
from hafw.core.liveness import Heard, Peer, PeerState, SentLog
from hafw.core.model import (
    REFLECTED_PATH,
    AddressLost,
    Answer,
    Beat,
    BeatHeard,
    Durable,
    EchoAnswered,
    Effect,
    Event,
    Exit,
    ForeignAnnounced,
    GateFailed,
    GroupBeat,
    Instant,
    NeighbourHeard,
    Note,
    Op,
    OpEnded,
    OperatorAsked,
    OpId,
    OpKind,
    Persist,
    Persisted,
    PersistFailed,
    Phase,
    Reconfigured,
    Refusal,
    Reincarnate,
    SendBeat,
    SendEcho,
    ServiceChanged,
    Tick,
    WorkerChanged,
)
from hafw.core.reflection import Echoes
from hafw.core.settings import MS, SECOND

if TYPE_CHECKING:
    from hafw.core.settings import Settings

PERSIST_RETRY_NS: Final = 1 * SECOND
"""After a failed durable write nothing new is acquired for this long."""


class Engine:
    """One node's half of the cluster. Pure: no I/O, no clock, no chance."""

    def __init__(
        self,
        settings: Settings,
        incarnation: int,
        now: Instant,
        *,
        epochs: dict[int, int] | None = None,
        distrust: str = "",
    ) -> None:
        """Start as `incarnation`, which must be durable already.

        `epochs`: the highest known epoch of each group. `distrust` says why the durable state
        cannot be trusted (missing, torn, rolled back); the node then joins as standby.
        """
        self.settings = settings
        self.incarnation = incarnation
        self.distrust = distrust
        self.now = now
        self.now_ns = now.boot_ns
        self.peer = Peer(settings, self.now_ns)
        self.sent = SentLog()
        self.echoes = [Echoes() for _ in range(settings.pings)]
        self.groups: dict[int, Group] = {}
        for group in settings.groups:
            known = (epochs or {}).get(group.id, 0)
            self.groups[group.id] = Group(group, known, self.now_ns)
        self.requests: list[operator.Request] = []
        self.worker_up = False
        self.worker_ns = self.now_ns
        self.leaving = False
        self.leaving_ns = NEVER
        self.neighbour_ns = NEVER
        self.right_endings = 0
        self.pauses = 0
        self.last_takeover: dict[int, tuple[str, int]] = {}
        self._returning: dict[int, int] = {}
        self._conflicts: set[int] = set()
        self._effects: list[Effect] = []
        self._changed = True
        self._next_beat_ns = self.now_ns
        self._next_link_ns = self.now_ns
        self._spoken: tuple[GroupBeat, ...] = ()
        self._op_n = 0
        self._number = 0
        self._token = 0
        self._durable_token = 0
        self._persist_retry_ns = NEVER
        self._was = PeerState.UNKNOWN

    # --- the contract -------------------------------------------------------------------------

    def step(self, event: Event, now: Instant) -> list[Effect]:
        """Take in one event at `now`; returns what must be done, in this order."""
        self._effects = []
        self._notice_pause(now)
        for group in self.groups.values():
            group.judge_right(self)
            takeover.update_arming(group, self)
        self._handle(event)
        self._settle()
        return self._effects

    def deadline(self) -> int:
        """Step again no later than this (BOOTTIME ns), with a `Tick` if nothing else comes."""
        due = min(
            self._next_beat_ns, self._next_link_ns, self.peer.next_judgement_ns(self.settings)
        )
        for group in self.groups.values():
            due = min(due, group.next_ns(self), handover.next_ns(group, self))
            due = min(due, takeover.next_ns(group, self))
        return min(due, operator.next_ns(self))

    # --- events -------------------------------------------------------------------------------

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
                self._beat_heard(path, beat)
            case EchoAnswered(ping, n):
                self.echoes[ping].answer(n)
            case OpEnded():
                for group in self.groups.values():
                    group.op_ended(event, self)
            case Persisted(token):
                self._durable_token = max(self._durable_token, token)
            case PersistFailed(token, why):
                self._persist_failed(token, why)
            case ServiceChanged(group_id, up):
                self._service_changed(self.groups[group_id], up=up)
            case NeighbourHeard(since_ns):
                self.neighbour_ns = max(self.neighbour_ns, since_ns)
            case AddressLost(group_id, index):
                self.groups[group_id].address_lost(index, self)
            case ForeignAnnounced(group_id, who):
                self._foreign_announced(self.groups[group_id], who)
            case GateFailed(group_id, why):
                self.groups[group_id].let_go(f"the gate could not be set: {why}", self)
            case WorkerChanged(up):
                self.worker_up, self.worker_ns = up, self.now_ns
                self.note(
                    "worker.up" if up else "worker.down",
                    0,
                    "the worker is warm" if up else "the worker is gone",
                )
            case Reconfigured(settings):
                self._reconfigure(settings)
            case OperatorAsked():
                operator.asked(event, self)

    def _beat_heard(self, path: int, beat: Beat) -> None:
        if beat.is_ack:
            if beat.incarnation == self.peer.incarnation:
                self._acknowledged(beat)
            return
        before, silence_ns = self.peer.groups, self.peer.silence_ns(self.now_ns)
        if not self.addressed():
            self.changed()  # a newcomer on either side: answer at once, not at the next keepalive
        verdict = self.peer.hear(path, beat, self.now_ns, self.settings)
        if verdict is Heard.RESTARTED:
            self._peer_restarted(before, silence_ns)
        if verdict not in (Heard.NEW, Heard.RESTARTED):
            return
        self._acknowledged(beat)
        for group in self.groups.values():
            word = self.peer.groups.get(group.id)
            if word is not None:
                takeover.arming_heard(group, word, self)
                self._compare_epochs(group, word)
        if path != REFLECTED_PATH and any(word.phase is not Phase.CLEAR for word in beat.groups):
            # The holder's evidence is then one round trip old, not one keepalive.
            self.emit(SendBeat(path, self._beat(self.sent.newest_n, is_ack=True)))

    def _acknowledged(self, beat: Beat) -> None:
        if beat.acked_incarnation == self.incarnation and beat.acked_n <= self.sent.newest_n:
            self.peer.acknowledge(self.sent.sent_ns(beat.acked_n))
        elif beat.acked_incarnation >= self.incarnation:
            self.note("state.rolled_back", 0, "the peer remembers a later start of this node")
            self.emit(Reincarnate(beat.acked_incarnation))

    def _peer_restarted(self, before: dict[int, GroupBeat], silence_ns: int) -> None:
        for group in self.groups.values():
            # A grant and a reply were to the incarnation that asked, which numbered from 1 as well.
            group.granted_no = group.reply_no = 0
            group.refusal = Refusal.NONE
            word = before.get(group.id)
            held = word is not None and word.phase is not Phase.CLEAR
            if held and silence_ns < self.settings.timing.deadtime_ns:
                wait_ns = max(self.settings.timing.deadtime_ns, handover.OFFER_NS)
                self._returning[group.id] = self.now_ns + wait_ns
        if before:
            self.note("peer.restarted", 0, "the agent of the other node was started again")

    def _compare_epochs(self, group: Group, word: GroupBeat) -> None:
        """The lower epoch yields, and only it; the winner announces again after that."""
        if not group.held or group.state is State.CLEANING:
            group.epoch = max(group.epoch, word.epoch)
            return
        if word.phase not in (Phase.STARTING, Phase.ACTIVE):
            group.epoch = max(group.epoch, word.epoch)
            if word.phase is Phase.CLEAR and group.id in self._conflicts:
                self._conflicts.discard(group.id)
                group.announce_again(self)
        elif word.epoch > group.held_epoch:
            group.epoch = word.epoch
            group.let_go("the other node holds it under a higher epoch", self)
        elif group.id not in self._conflicts and group.state is not State.STOPPING:
            self._conflicts.add(group.id)
            self.note("group.conflict", group.id, "the other node still holds it: it must yield")

    def _persist_failed(self, token: int, why: str) -> None:
        for group in self.groups.values():
            if group.intent is not None and group.intent_token <= token:
                group.intent = None
        self._persist_retry_ns = self.now_ns + PERSIST_RETRY_NS
        self.note("state.not_durable", 0, f"nothing new is acquired: {why}")

    def _service_changed(self, group: Group, *, up: bool) -> None:
        if group.service_up != up:
            group.service_up = up
            word = "up" if up else "down"
            self.note("service." + word, group.id, f"the service interface is {word}")
            self.changed()
            if up:
                group.announce_again(self)

    def _foreign_announced(self, group: Group, who: str) -> None:
        if group.state is State.ACTIVE:
            self.note("vip.foreign", group.id, f"{who} announced our address; announcing again")
            group.announce_again(self)

    def _reconfigure(self, settings: Settings) -> None:
        self.settings = settings
        for group in self.groups.values():
            group.settings = settings.group(group.id)
        self.changed()
        self.note("config.reloaded", 0, "the new cluster file is in force")

    # --- what follows -------------------------------------------------------------------------

    def _settle(self) -> None:
        self._judge_peer()
        for group in self.groups.values():
            takeover.certainly_unarmed(group, self)
            if not group.held:
                takeover.consider(group, self)
            group.run(self)
            handover.run(group, self)
            takeover.update_arming(group, self)
        operator.run(self)
        self._send_beats()

    def _judge_peer(self) -> None:
        state = self.peer.judge(self.now_ns, self.settings)
        if state is self._was:
            return
        before, self._was = self._was, state
        silent_ms = self.peer.silence_ns(self.now_ns) // MS
        name = self.settings.names[self.settings.peer]
        self.note(f"peer.{state}", 0, f"{name} is {state} (was {before}, silent {silent_ms} ms)")
        self.changed()

    def _send_beats(self) -> None:
        beat_due = self.now_ns >= self._next_beat_ns
        link_due = self.now_ns >= self._next_link_ns
        if not (beat_due or link_due or self._changed):
            return
        links = link_due or self._changed
        self._changed = False
        n = self.sent.record(self.now_ns)
        beat = self._beat(n, is_ack=False)
        if self.settings.reflect:  # first, so that an answered echo proves that it went out
            self.emit(SendBeat(REFLECTED_PATH, beat))
        if beat_due:
            for ping, echoes in enumerate(self.echoes):
                echoes.send(n, self.now_ns, self.settings)
                self.emit(SendEcho(ping, beat))
            self._next_beat_ns = self._after(self._next_beat_ns, self.settings.beat_ns)
        if links:
            for path in range(self.settings.links):
                self.emit(SendBeat(path, beat))
        if link_due:
            interval_ns = self.settings.timing.keepalive_ns
            self._next_link_ns = self._after(self._next_link_ns, interval_ns)

    def _after(self, due_ns: int, interval_ns: int) -> int:
        """The next due time: in rhythm, but never a burst to catch up."""
        following_ns = due_ns + interval_ns
        if following_ns <= self.now_ns + interval_ns // 2:
            return self.now_ns + interval_ns
        return following_ns

    def _beat(self, n: int, *, is_ack: bool) -> Beat:
        spoken = tuple([group.beat(self) for group in self.groups.values()])
        if spoken != self._spoken:
            self._spoken = spoken
        heard = 0
        for link in range(self.settings.links):
            if self.peer.link_up(link, self.now_ns, self.settings):
                heard |= 1 << link
        return Beat(
            self.settings.node,
            self.incarnation,
            n,
            self.peer.incarnation,
            self.peer.n,
            heard,
            self.pings_up(),
            self.leaving,
            is_ack,
            self.settings.config_hash,
            self._spoken,
        )

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
        self._changed = True

    def new_op(self, kind: OpKind, group: int, index: int, epoch: int, budget_ns: int) -> Op:
        """A new operation with a name that was never used."""
        self._op_n += 1
        op_id = OpId(self.settings.node, self.incarnation, epoch, self._op_n)
        return Op(op_id, kind, group, index, self.now_ns + budget_ns)

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
        self.emit(Persist(self._token, Durable(self.incarnation, epochs, intents)))
        return self._token

    def may_persist(self) -> bool:
        """Whether the last failed write is long enough ago."""
        return self.now_ns >= self._persist_retry_ns

    def durable(self, token: int) -> bool:
        """Whether the state with this token is on disk."""
        return token <= self._durable_token

    def next_epoch(self, group: Group) -> int:
        """The next epoch of this node: even or odd by node, so that no two ever share one."""
        epoch = group.epoch + 1
        return epoch + (epoch + self.settings.node) % 2

    @property
    def trusted(self) -> bool:
        """Whether silence may count: the durable state is good, or the peer was heard since."""
        return not self.distrust or self.peer.met()

    @property
    def next_echo_ns(self) -> int:
        """When the next echo and reflected heartbeat are due (BOOTTIME)."""
        return self._next_beat_ns

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
        return beat is not None and beat.config_hash != self.settings.config_hash

    def ping_evidence_ns(self) -> int:
        """Date of the newest sign that this node is not isolated."""
        if not self.echoes:
            return self.neighbour_ns
        return max(echoes.newest_ns for echoes in self.echoes)

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
        return sum(self.ping_up(ping) for ping in range(len(self.echoes)))

    def should_return(self, group: Group) -> bool:
        """The peer's agent was restarted while it held the group: the group should not move."""
        return self.now_ns < self._returning.get(group.id, NEVER)

    def why_unwilling(self, group: Group) -> str:
        """Why this node would not run a group now."""
        if not self.worker_up:
            return "the worker is not up"
        if not group.service_up:
            return "the service interface is down"
        if self.leaving:
            return "this agent is stopping"
        if group.held_off:
            return "an operator released it here; hafw takeover ends that"
        if self.now_ns < group.unwilling_ns:
            seconds = (group.unwilling_ns - self.now_ns) // SECOND + 1
            return f"a start failed here; next try in {seconds} s, or at hafw takeover"
        return "it is ready"

    def group_started(self, group: Group) -> None:
        """A group became active."""
        self._returning.pop(group.id, None)
        self.last_takeover[group.id] = (str(group.certificate), self.now_ns)

    def group_stopped(self, group: Group) -> None:
        """A group is confirmed stopped here: offer it, if that was agreed."""
        if group.surrender:
            group.surrender = False
            handover.offer(group, self)

    def certificate_used(self, group: Group, certificate: Certificate) -> None:
        """Record what the certificate rests on."""
        seen = takeover.view(group, self)
        facts = (
            f"silence {seen.silence_ns // MS} ms, announced bound {seen.shut_ns // MS} ms, "
            f"armed {seen.armed}, known {seen.known}, echoes unbroken {seen.echoes_unbroken}, "
            f"ping answers {seen.ping_answers}, probe silent {seen.probe_silent}"
        )
        self.note("certificate.used", group.id, f"{certificate}: {facts}")

    def may_exit(self) -> None:
        """The graceful stop is complete."""
        self.emit(Exit())


__all__ = ["Answer", "Engine"]
