"""The machine of one resource group: start, hold, let go, stop, each step confirmed.

One rule: from the moment a start may have had an effect until its stop is confirmed, the group
counts as held here; and whatever was lost while we did not look is judged before anything is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core import announcing, maintenance, reload
from hafw.core.duties import FOREVER, NEVER, Certificate, HolderEvidence, hold_until
from hafw.core.effects import HoldGate, ShutGate, StartOp
from hafw.core.lease import Lease, of_start
from hafw.core.model import Ask, GroupBeat, Op, OpKind, Outcome, Phase, Refusal
from hafw.core.settings import MS, SECOND, Classes, GroupSettings
from hafw.core.states import PHASES, TRANSITIONS, State

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.model import OpEnded

STOP_RETRY_NS: Final = 1 * SECOND
"""Pause before a failed stop is tried again."""
START_HOLD_DOWN_NS: Final = 1 * SECOND
"""After a failed start the group is not tried here again for this long, doubling up to an hour."""
HOLD_DOWN_MAX_NS: Final = 3_600 * SECOND
"""Cap of every hold-down."""


PROVES_UNARMED: Final = (Certificate.REFLECTED, Certificate.FENCED, Certificate.OPERATOR)
"""What proves that the holder let go, or is off, proves as well that it is not armed."""


class Group:
    """One resource group on this node."""

    __slots__ = (
        "again_ns",
        "announced",
        "announced_ns",
        "armed",
        "arming_no",
        "ask",
        "ask_deadline_ns",
        "ask_failed",
        "ask_no",
        "ask_why",
        "blocked_why",
        "certificate",
        "consumed_offer",
        "epoch",
        "failback_due",
        "failback_seen_ns",
        "failbacks",
        "failures",
        "from_peer",
        "gate_ns",
        "granted_no",
        "held_epoch",
        "held_off",
        "id",
        "index",
        "intent",
        "intent_token",
        "lease",
        "offer_deadline_ns",
        "offer_no",
        "op",
        "phase",
        "ping_fewer_ns",
        "probe",
        "probe_answer",
        "probe_next_ns",
        "probe_silent_ns",
        "quarantine_ns",
        "refusal",
        "reply_no",
        "retry_ns",
        "rival_ns",
        "service_up",
        "settings",
        "since_ns",
        "state",
        "stop_why",
        "surrender",
        "unarmed",
        "unwilling_ns",
        "vouched",
        "want_no",
    )

    def __init__(self, settings: GroupSettings, epoch: int, now_ns: int) -> None:
        """Begin by cleaning up what an earlier agent may have left."""
        self.settings = settings
        self.id = settings.id
        self.state = State.CLEANING
        self.phase = Phase.STOPPING
        self.since_ns = now_ns
        self.epoch = epoch
        self.held_epoch = 0
        self.certificate: Certificate | None = None
        self.from_peer = False
        self.stop_why = ""
        self.blocked_why = ""
        # steps
        self.index = len(settings.vips) - 1
        self.op: Op | None = None
        self.retry_ns = NEVER
        self.failures = 0
        self.unwilling_ns = NEVER
        self.held_off = False
        self.vouched = False
        self.service_up = True
        # gate and announcements
        self.gate_ns = NEVER
        self.announced = 0
        self.announced_ns = self.again_ns = self.rival_ns = NEVER
        # durable intent: (epoch, certificate) and the token of the write that carries it
        self.intent: tuple[int, Certificate] | None = None
        self.intent_token = 0
        # arming (see reflection)
        self.arming_no = 0
        self.want_no = 0
        self.armed = False
        self.granted_no = 0
        self.unarmed = False
        self.lease = Lease() if settings.leased else None
        # hand-over
        self.offer_no = 0
        self.offer_deadline_ns = NEVER
        self.consumed_offer = (0, 0)
        self.quarantine_ns = NEVER
        self.surrender = False
        self.ask = Ask.NOTHING
        self.ask_no = 0
        self.ask_deadline_ns = NEVER
        self.ask_why = ""
        self.ask_failed = ""
        self.reply_no = 0
        self.refusal = Refusal.NONE
        self.ping_fewer_ns = FOREVER
        self.failback_due = False
        self.failback_seen_ns = FOREVER
        self.failbacks: tuple[int, ...] = ()
        # address probe: the operation in flight, when the newest silent one began, who answered
        self.probe: Op | None = None
        self.probe_answer = ""
        self.probe_silent_ns = self.probe_next_ns = NEVER

    @property
    def held(self) -> bool:
        """Whether the group may be running here."""
        return self.phase is not Phase.CLEAR

    def _become(self, state: State, engine: Engine) -> None:
        assert state in TRANSITIONS[self.state], f"{self.state} -> {state} is not in the table"
        self.state = state
        self.phase = PHASES[state]
        self.since_ns = engine.now_ns
        engine.changed()

    # --- the right to hold --------------------------------------------------------------------

    def right_ns(self, engine: Engine) -> int:
        """Until when the evidence permits to hold (BOOTTIME ns)."""
        binds = self.settings.binds
        if not binds:
            return FOREVER
        return hold_until(self.evidence(engine, unarmed=self.unarmed), binds, engine.settings)

    def evidence(self, engine: Engine, *, unarmed: bool) -> HolderEvidence:
        """What this node would rest on, if the peer were known to be unarmed, or not."""
        peer, reflector = engine.peer, engine.reflector
        return HolderEvidence(
            peer.heard_ns,
            reflector.mth_ns if reflector is not None else NEVER,
            engine.ping_evidence_ns(),
            self.lease.evidence_ns(of_start(self)) if self.lease is not None else NEVER,
            peer.promised_ns,
            unarmed,
            engine.fencing.evidence_ns(engine.now_ns),
        )

    def could_hold(self, certificate: Certificate, engine: Engine, *, won: bool = False) -> bool:
        """Whether the evidence would let this node go on with what it starts now.

        Not if the right would end before newer evidence can come: it would start and let go, over
        and over. `won`: if the lease were ours as of now.
        """
        until_ns = self._right_of_start_ns(certificate, engine, won=won)
        return until_ns > engine.now_ns + engine.settings.begin_ns

    def _right_of_start_ns(self, certificate: Certificate, engine: Engine, *, won: bool) -> int:
        word = engine.peer.groups.get(self.id)
        unarmed = self.unarmed or certificate in PROVES_UNARMED
        if certificate is Certificate.RELEASED:
            unarmed = unarmed or (word is not None and not word.want)
        evidence = self.evidence(engine, unarmed=unarmed)
        if won:
            evidence = evidence._replace(renewed_ns=engine.now_ns)
        return hold_until(evidence, self.settings.binds, engine.settings)

    def judge_right(self, engine: Engine) -> None:
        """Let go if the right has ended. Called first in every step, before anything is read."""
        if self.phase not in (Phase.STARTING, Phase.ACTIVE):
            return
        if engine.now_ns >= self.right_ns(engine):
            engine.note(
                "group.right_ended",
                self.id,
                "the evidence that allowed to hold it is too old: letting go",
            )
            engine.right_endings += 1
            engine.right_ended_ns = engine.now_ns
            self.let_go("the right to hold it ended", engine)

    def renew_gate(self, engine: Engine) -> None:
        """Keep the address open for as long as the evidence permits, and not longer."""
        right_ns = self.right_ns(engine)
        if not self.settings.binds:
            if self.gate_ns != FOREVER:
                self.gate_ns = FOREVER
                engine.emit(HoldGate(self.id, None))
            return
        # Even where no clock ends the right, the gate must close on an agent that is dead.
        until_ns = min(right_ns, engine.now_ns + engine.settings.hold_ns)
        if until_ns - self.gate_ns >= engine.settings.beat_ns // 4:
            self.gate_ns = until_ns
            engine.emit(HoldGate(self.id, until_ns))

    def rebind(self, settings: GroupSettings, engine: Engine) -> None:
        """Other settings bind this node from now on: its kernel learns of it before the peer does.

        What it was told before may last longer than the peer will wait, or for good.
        """
        self.settings = settings
        self.gate_ns = NEVER
        if self.state is State.ACTIVE:
            self.renew_gate(engine)

    # --- start --------------------------------------------------------------------------------

    def start(self, certificate: Certificate, engine: Engine) -> None:
        """Begin to start, under `certificate`. The intent for it must be durable already."""
        assert self.intent is not None
        assert self.intent[1] is certificate
        assert engine.durable(self.intent_token)
        self.held_epoch = self.epoch = self.intent[0]
        maintenance.held(self, self.held_epoch, engine)
        self.intent = None
        self.certificate = certificate
        self.blocked_why = ""
        self.held_off = self.vouched = False
        self.quarantine_ns = NEVER
        self.withdraw_offer()
        self.disarm()
        self.unarmed = self.unarmed or certificate in PROVES_UNARMED
        self.index = 0
        self.announced = 0
        self.gate_ns = NEVER
        self._become(State.STARTING, engine)
        engine.note(
            "group.starting",
            self.id,
            f"starting under epoch {self.held_epoch}, certificate {certificate}",
        )
        self._start_next(engine)

    def _start_next(self, engine: Engine) -> None:
        if self.index < len(self.settings.vips):
            self._order(OpKind.START, self.settings.start_budget_ns, engine)
            return
        self._become(State.ACTIVE, engine)
        self.failures = 0
        self.renew_gate(engine)
        announcing.announce(self, engine)
        engine.note("group.active", self.id, f"active, epoch {self.held_epoch}")
        engine.group_started(self)

    def _order(self, kind: OpKind, budget_ns: int, engine: Engine) -> None:
        if kind is OpKind.START and self.lease is not None:  # S4: it must not outlive the lease
            budget_ns = min(budget_ns, self.right_ns(engine) - engine.now_ns)
        self.op = engine.new_op(kind, self.id, self.index, self.held_epoch, budget_ns)
        engine.emit(StartOp(self.op))

    def address_lost(self, index: int, engine: Engine) -> None:
        """Another program removed the VIP: put it back, as if starting that resource again."""
        if self.state is State.ACTIVE and self.op is None:
            engine.note("vip.removed", self.id, "another program removed the address; restoring it")
            self.index = index
            self._order(OpKind.START, self.settings.start_budget_ns, engine)

    # --- let go -------------------------------------------------------------------------------

    def let_go(self, why: str, engine: Engine) -> None:
        """Shut the gate now, then stop every resource in reverse. Never taken back once begun."""
        if self.phase not in (Phase.STARTING, Phase.ACTIVE):
            return
        engine.emit(ShutGate(self.id))
        self.gate_ns = NEVER
        self.stop_why = why
        self._become(State.STOPPING, engine)
        engine.note("group.stopping", self.id, f"stopping: {why}")
        self.index = len(self.settings.vips) - 1
        if self.op is None:  # else its end is awaited: a stop overtaking a start leaves the start
            self._stop_next(engine)

    def _stop_next(self, engine: Engine) -> None:
        if self.index >= 0:
            kind = OpKind.CLEAN if self.state is State.CLEANING else OpKind.STOP
            self._order(kind, self.settings.stop_budget_ns, engine)
            return
        cleaned = self.state is State.CLEANING
        self.certificate = None
        self._become(State.STANDBY, engine)
        if not cleaned:
            engine.note("group.stopped", self.id, f"stopped: {self.stop_why}")
        engine.group_stopped(self)

    # --- operations ---------------------------------------------------------------------------

    def op_ended(self, event: OpEnded, engine: Engine) -> None:
        """An operation of this group ended. One that is not awaited changes nothing."""
        if self.probe is not None and event.op == self.probe.id:
            self._probe_ended(event, engine)
            return
        if self.op is None or event.op != self.op.id:
            return
        op, self.op = self.op, None
        if self.state in (State.STARTING, State.ACTIVE):
            self._start_ended(event, engine)
        elif op.kind is OpKind.START:
            # The start that was in flight when we let go: whatever it did, now undo all of it.
            self.index = len(self.settings.vips) - 1
            self._stop_next(engine)
        else:
            self._stop_ended(event, engine)

    def _start_ended(self, event: OpEnded, engine: Engine) -> None:
        if event.outcome is Outcome.OK:
            if self.state is State.ACTIVE:
                announcing.again(self, engine)
                return
            self.index += 1
            self._start_next(engine)
            return
        self.failures += 1
        self.unwilling_ns = engine.now_ns + self.hold_down_ns()
        self.ask_failed = f"start failed: {event.detail}"
        # The other node gets its chance, or, in maintenance, what it gave by order.
        self.surrender = self.from_peer or not maintenance.forbids_moves(engine)
        engine.note("group.start_failed", self.id, f"start failed: {event.detail}")
        self.let_go(f"start failed: {event.detail}", engine)

    def hold_down_ns(self) -> int:
        """How long nothing is started here by itself after the last failure: ever longer."""
        return min(START_HOLD_DOWN_NS << min(self.failures - 1, 7), HOLD_DOWN_MAX_NS)

    def _stop_ended(self, event: OpEnded, engine: Engine) -> None:
        if event.outcome is Outcome.OK:
            self.index -= 1
            self._stop_next(engine)
            return
        # Not confirmed: it counts as held, and is tried again until it is.
        self.retry_ns = engine.now_ns + STOP_RETRY_NS
        engine.note("group.stop_failed", self.id, f"stop not confirmed: {event.detail}; retrying")

    def _probe_ended(self, event: OpEnded, engine: Engine) -> None:
        assert self.probe is not None
        began_ns = self.probe.deadline_ns - engine.probe_budget_ns
        self.probe = None
        silent = event.outcome is Outcome.OK
        self.probe_silent_ns = began_ns if silent else NEVER
        self.probe_answer = "" if silent else event.detail

    def run(self, engine: Engine) -> None:
        """What is due by the clock alone, while the group is held."""
        if self.state is State.ACTIVE:
            self.renew_gate(engine)
            if engine.now_ns >= announcing.next_ns(self):
                announcing.announce(self, engine)
        elif self.phase is Phase.STOPPING and self.op is None and engine.now_ns >= self.retry_ns:
            self.retry_ns = NEVER
            self._stop_next(engine)

    def next_ns(self, engine: Engine) -> int:
        """When the clock alone makes something due here."""
        if self.state is State.ACTIVE:
            return min(announcing.wake_ns(self), self.right_ns(engine))
        if self.state is State.STARTING:
            return self.right_ns(engine)
        if self.state in (State.STOPPING, State.CLEANING) and self.op is None:
            return self.retry_ns if self.retry_ns != NEVER else FOREVER
        return FOREVER

    # --- small parts --------------------------------------------------------------------------

    def disarm(self) -> None:
        """Stop wanting: a later arming has a new number and needs a new grant."""
        self.want_no = 0
        self.armed = False

    def heard_of(self, epoch: int, engine: Engine) -> None:
        """Somebody knows of this epoch. An offer that was made under an older one is void.

        Whoever started under the newer one may offer the group as well: of two offers that cross,
        one counts, or each node would take the other's.
        """
        if epoch > self.epoch:
            self.epoch = epoch
            if self.offer_no:
                self.end_offer(engine)

    def end_offer(self, engine: Engine) -> None:
        """The offer no longer stands; until a deadtime later the other node may yet act on it."""
        self.withdraw_offer()
        self.quarantine_ns = engine.now_ns + engine.settings.timing.deadtime_ns
        engine.changed()

    def withdraw_offer(self) -> None:
        """The offer no longer stands."""
        self.offer_no = 0
        self.offer_deadline_ns = NEVER

    def willing(self, engine: Engine) -> bool:
        """Whether this node could and would run the group now."""
        return (
            self.service_up
            and engine.worker_up
            and self.id not in engine.cold
            and not engine.leaving
            and not self.held_off
            and engine.now_ns >= self.unwilling_ns
        )

    def ready(self, engine: Engine) -> bool:
        """Whether this node could take the group from the other now, and keep it."""
        stays = not engine.notice
        until_ns = self._right_of_start_ns(Certificate.RELEASED, engine, won=False)
        return stays and self.willing(engine) and until_ns > engine.now_ns

    def beat(self, engine: Engine) -> GroupBeat:
        """What a beat says of this group."""
        binds, shut_ns = reload.announced(self, engine)
        if engine.fencing.off:  # what it rests on now, no other class would end
            binds &= Classes.FENCED
        return GroupBeat(
            self.id,
            self.phase,
            self.phase is Phase.CLEAR and self.ready(engine),
            self.held_epoch if self.held and self.held_epoch else self.epoch,
            self.offer_no,
            self.want_no,
            self.granted_no,
            self.ask,
            self.ask_no if self.ask is not Ask.NOTHING else 0,
            self.reply_no,
            self.refusal,
            binds,
            shut_ns // MS if binds else 0,
        )
