"""Seeded bugs of the engine, one per rule, and the stories that must go red for each.

One rule: a mutant is written from the rule, not from the code: it is the deletion or the reversal
that a tired engineer could make. A mutant that no story kills shows a rule that is not tested.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from hafw.core import (
    announcing,
    duties,
    engine,
    group,
    handover,
    hearing,
    liveness,
    operator,
    reflection,
    reload,
    takeover,
)
from hafw.core.duties import DUTIES, FOREVER, Certificate
from hafw.core.liveness import Heard, PeerState
from hafw.core.model import HoldGate, Outcome, Phase, ShutGate
from hafw.core.states import State
from hafw_sim.play import play
from hafw_sim.schedule import load
from hafw_sim.stories import STORIES
from hafw_sim.world import kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hafw.core.model import OpEnded
    from hafw.core.settings import Settings

Patch = Any  # what unittest.mock.patch gives


@dataclass(frozen=True, slots=True)
class Mutant:
    """One seeded bug: the rule that it breaks, and how."""

    name: str
    rule: str
    patches: Callable[[], list[Patch]]


MUTANTS: Final[dict[str, Mutant]] = {}


def seeded(rule: str) -> Callable[[Callable[[], list[Patch]]], Callable[[], list[Patch]]]:
    """Register a bug under its function's name."""

    def register(function: Callable[[], list[Patch]]) -> Callable[[], list[Patch]]:
        name = function.__name__
        MUTANTS[name] = Mutant(name, rule, function)
        return function

    return register


@contextmanager
def applied(mutant: Mutant) -> Iterator[None]:
    """The engine with this bug, within the `with` block."""
    patches = mutant.patches()
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in reversed(patches):
            each.stop()


def killer(mutant: Mutant) -> str | None:
    """The first story, or schedule of the corpus, that goes red with this bug, if any does."""
    with applied(mutant):
        for name, story in STORIES.items():
            try:
                if story():
                    return name
            except AssertionError:
                return f"{name} (an assertion of the engine)"
        for path in corpus():
            if play(load(path)).violations:
                return path.name
    return None


def corpus() -> list[Path]:
    """The schedules that failed once; they are kept beside the package, not in it."""
    return sorted((Path(__file__).parents[1] / "corpus").glob("*.hasim.jsonl"))


def row(certificate: Certificate, **changes: object) -> Patch:
    """Another row in the table of certificates."""
    changed = replace(DUTIES[certificate], **changes)  # type: ignore[arg-type]
    return patch.dict(duties.DUTIES, {certificate: changed})


def _granted(*_: object) -> None:
    return None


def _for_ever(*_: object) -> int:
    return FOREVER


# --- one mutant for each half of each row of the table -----------------------------------------


@seeded("released, holder: the word is given only after the stop is confirmed")
def released_before_the_stop() -> list[Patch]:
    original = group.Group.let_go

    def let_go(self: group.Group, why: str, engine_: engine.Engine) -> None:
        original(self, why, engine_)
        if self.surrender:
            self.phase = Phase.CLEAR
            handover.offer(self, engine_)

    return [patch.object(group.Group, "let_go", let_go)]


@seeded("released, taker: the word must answer a beat of ours sent within H")
def released_however_old() -> list[Patch]:
    return [patch.object(engine.Engine, "fresh", engine.Engine.addressed)]


@seeded("reflected, holder: let go H after the newest evidence was sent")
def reflected_holder_never_lets_go() -> list[Patch]:
    return [row(Certificate.REFLECTED, hold_until=_for_ever)]


@seeded("reflected, taker: every part of the certificate is needed")
def reflected_taker_needs_nothing() -> list[Patch]:
    return [row(Certificate.REFLECTED, refusal=_granted)]


@seeded("best-effort, holder: who lost peer and ping node lets go")
def best_effort_holder_never_lets_go() -> list[Patch]:
    return [row(Certificate.BEST_EFFORT, hold_until=_for_ever)]


@seeded("best-effort, taker: every part of the certificate is needed")
def best_effort_taker_needs_nothing() -> list[Patch]:
    return [row(Certificate.BEST_EFFORT, refusal=_granted)]


@seeded("operator, taker: the peer's name must be typed, and a reason")
def operator_without_name() -> list[Patch]:
    return [patch.object(operator, "_no_fetching", _granted)]


# --- the parts of the halves -------------------------------------------------------------------


def _seeing(**facts: object) -> list[Patch]:
    original = takeover.view

    def view(*arguments: Any) -> duties.TakerView:
        return original(*arguments)._replace(**facts)  # type: ignore[arg-type]

    return [patch.object(takeover, "view", view)]


@seeded("taker: wait for the announced bound and deadtime")
def no_wait() -> list[Patch]:
    def judge(self: liveness.Peer, now_ns: int, _settings: Settings) -> PeerState:
        silent = now_ns - self.last_ns > 5 * 10**9
        self.state = PeerState.DEAD if silent else PeerState.UP
        return self.state

    return [
        patch.object(duties, "wait_ns", lambda *_: 5 * 10**9),
        patch.object(takeover, "wait_ns", lambda *_: 5 * 10**9),
        patch.object(liveness.Peer, "judge", judge),
    ]


@seeded("taker: own echoes must be answered throughout the silence")
def echoes_not_needed() -> list[Patch]:
    return _seeing(echoes_unbroken=True)


@seeded("taker: armed, with the holder's grant")
def arming_not_needed() -> list[Patch]:
    return _seeing(armed=True, known=True)


@seeded("taker: a reflected beat that was held up says nothing of the path now")
def late_reflection_counts() -> list[Patch]:
    return [patch.object(liveness.Peer, "_raise_floor", lambda *_: None)]


@seeded("holder: a grant ends its resting on the peer's not being armed")
def granting_keeps_unarmed() -> list[Patch]:
    original = takeover.arming_heard

    def arming_heard(group_: group.Group, *rest: Any) -> None:
        unarmed = group_.unarmed
        original(group_, *rest)
        group_.unarmed = group_.unarmed or unarmed

    return [patch.object(takeover, "arming_heard", arming_heard)]


@seeded("holder: no grant by one that rests on the peer's not being armed")
def granting_without_other_evidence() -> list[Patch]:
    return [patch.object(takeover, "_holds_by_other_evidence", lambda *_: True)]


@seeded("taker (best-effort): a ping node must answer")
def ping_not_needed() -> list[Patch]:
    return _seeing(ping_answers=True)


@seeded("taker (best-effort): nobody may answer the probe")
def probe_not_needed() -> list[Patch]:
    return _seeing(probe_silent=True)


@seeded("evidence is dated by its sending, never by the receipt of the answer")
def evidence_dated_by_receipt() -> list[Patch]:
    original = hearing.beat_heard

    def beat_heard(path: int, beat: Any, engine_: engine.Engine) -> None:
        original(path, beat, engine_)
        engine_.peer.acknowledge(engine_.now_ns)

    return [patch.object(hearing, "beat_heard", beat_heard)]


@seeded("what lapsed is judged before anything is read")
def lapse_judged_last() -> list[Patch]:
    original = engine.Engine._settle

    def settle(self: engine.Engine) -> None:
        original(self)
        for each in self.groups.values():
            judge_right(each, self)

    judge_right = group.Group.judge_right
    return [
        patch.object(group.Group, "judge_right", lambda *_: None),
        patch.object(engine.Engine, "_settle", settle),
    ]


@seeded("after an own pause the peer's silence is counted anew")
def pause_not_noticed() -> list[Patch]:
    def notice(self: engine.Engine, now: Any) -> None:
        self.now, self.now_ns = now, now.boot_ns

    return [patch.object(engine.Engine, "_notice_pause", notice)]


@seeded("the gate has a timeout, renewed from the evidence")
def gate_without_timeout() -> list[Patch]:
    original = group.Group.renew_gate

    def renew(self: group.Group, engine_: engine.Engine) -> None:
        original(self, engine_)
        if self.gate_ns != FOREVER:
            self.gate_ns = FOREVER
            engine_.emit(HoldGate(self.id, None))

    return [patch.object(group.Group, "renew_gate", renew)]


@seeded("a renewal that comes too late does not open the gate again")
def late_renewal_reopens() -> list[Patch]:
    def _renew(self: kernel.Kernels, machine: Any, group_id: int, left_ns: int) -> None:
        self._set(machine, group_id, self._clockwork.now_ns + machine.span_ns(left_ns))

    return [patch.object(kernel.Kernels, "_renew", _renew)]


@seeded("an opening that comes too late does not open the gate")
def late_opening_opens() -> list[Patch]:
    return [
        patch.object(kernel, "PRIMED_NS", FOREVER),
        patch.object(kernel, "min", max, create=True),
    ]


@seeded("letting go shuts the gate at once, before the stops")
def gate_left_open_at_stop() -> list[Patch]:
    original = engine.Engine.emit

    def emit(self: engine.Engine, effect: Any) -> None:
        if not isinstance(effect, ShutGate):
            original(self, effect)

    return [patch.object(engine.Engine, "emit", emit)]


@seeded("a worker that is only slow to become warm is waited for")
def slow_worker_loses_the_group() -> list[Patch]:
    return [patch.object(handover, "_worker_is_lost", lambda engine_: not engine_.worker_up)]


# --- reload -------------------------------------------------------------------------------------


@seeded("reload: what binds this node changes only when the peer has the file and knows it")
def reload_without_the_peer() -> list[Patch]:
    return [patch.object(reload, "_is_time", lambda *_: True)]


@seeded("reload: until then the weaker of old and new is announced")
def reload_announces_the_old() -> list[Patch]:
    def announced(group_: group.Group, engine_: engine.Engine) -> tuple[int, int]:
        return group_.settings.binds, engine_.settings.shut_ns

    return [patch.object(reload, "announced", announced)]


@seeded("reload: shorter times count only once the evidence bears them")
def reload_without_evidence() -> list[Patch]:
    return [patch.object(reload, "_bears", lambda *_: True)]


# --- freshness, operations, epochs --------------------------------------------------------------


@seeded("a message proves its sender alive only if its number is new")
def replay_counts() -> list[Patch]:
    original = liveness.Peer.hear

    def hear(self: liveness.Peer, path: int, beat: Any, now_ns: int, settings: Settings) -> Heard:
        verdict = original(self, path, beat, now_ns, settings)
        self.last_ns = now_ns
        return verdict

    return [patch.object(liveness.Peer, "hear", hear)]


@seeded("UNKNOWN is never taken for OK")
def unknown_is_ok() -> list[Patch]:
    original = group.Group.op_ended

    def op_ended(self: group.Group, event: OpEnded, engine_: engine.Engine) -> None:
        if event.outcome is Outcome.UNKNOWN:
            event = event._replace(outcome=Outcome.OK)
        original(self, event, engine_)

    return [patch.object(group.Group, "op_ended", op_ended)]


@seeded("a reply changes something only if it is to the awaited operation")
def any_reply_counts() -> list[Patch]:
    original = group.Group.op_ended

    def op_ended(self: group.Group, event: OpEnded, engine_: engine.Engine) -> None:
        if self.op is not None:
            event = event._replace(op=self.op.id)
        original(self, event, engine_)

    return [patch.object(group.Group, "op_ended", op_ended)]


@seeded("an address that another program removed is put back")
def removed_address_stays_away() -> list[Patch]:
    return [patch.object(group.Group, "address_lost", lambda *_: None)]


@seeded("nobody starts what the evidence would not let it hold")
def start_without_evidence_to_hold() -> list[Patch]:
    return [patch.object(group.Group, "could_hold", lambda *_, **__: True)]


@seeded("a start needs its intent on disk first")
def start_before_durable() -> list[Patch]:
    return [patch.object(engine.Engine, "durable", lambda *_: True)]


@seeded("no two nodes ever use the same epoch")
def epochs_shared() -> list[Patch]:
    return [patch.object(engine.Engine, "next_epoch", lambda _self, group_: group_.epoch + 1)]


@seeded("when both hold it, only the lower epoch yields")
def both_yield() -> list[Patch]:
    original = hearing._compare_epochs

    def compare(group_: group.Group, word: Any, engine_: engine.Engine) -> None:
        if group_.state is State.ACTIVE and word.phase is Phase.ACTIVE:
            group_.let_go("the peer holds it too", engine_)
        original(group_, word, engine_)

    return [patch.object(hearing, "_compare_epochs", compare)]


@seeded("when both hold it, the lower epoch yields")
def nobody_yields() -> list[Patch]:
    return [patch.object(hearing, "_compare_epochs", lambda *_: None)]


# --- liveness and links -------------------------------------------------------------------------


@seeded("the peer is alive while any link brings it")
def every_link_is_needed() -> list[Patch]:
    original = liveness.Peer.hear

    def hear(self: liveness.Peer, *rest: Any) -> Heard:
        verdict = original(self, *rest)
        self.last_ns = min(self.link_ns)
        return verdict

    return [patch.object(liveness.Peer, "hear", hear)]


@seeded("initdead, not deadtime, until the peer was heard or declared dead")
def initdead_ignored() -> list[Patch]:
    original = liveness.Peer.judge

    def shortened(settings: Settings) -> Settings:
        timing = replace(settings.timing, initdead_ns=settings.timing.deadtime_ns)
        return replace(settings, timing=timing)

    due = takeover.due_ns

    def judge(self: liveness.Peer, now_ns: int, settings: Settings) -> PeerState:
        return original(self, now_ns, shortened(settings))

    def due_ns(group_: group.Group, engine_: engine.Engine) -> int:
        if engine_.peer.met():
            return due(group_, engine_)
        return engine_.peer.started_ns + engine_.settings.timing.deadtime_ns

    return [patch.object(liveness.Peer, "judge", judge), patch.object(takeover, "due_ns", due_ns)]


@seeded("a beat that was not sent is a beat that was not answered")
def gaps_count_as_answered() -> list[Patch]:
    return [patch.object(reflection.Echoes, "unbroken", lambda *_: True)]


# --- hand-over ------------------------------------------------------------------------------------


@seeded("an ask that is not agreed releases nothing")
def release_without_agreement() -> list[Patch]:
    def give(group_: group.Group, why: str, engine_: engine.Engine) -> None:
        handover.surrender(group_, why, engine_)

    return [patch.object(handover, "give", give)]


@seeded("after an offer its maker takes nothing back for a deadtime")
def no_quarantine() -> list[Patch]:
    original = takeover.released_to_us

    def released(group_: group.Group, word: Any, engine_: engine.Engine) -> bool:
        quarantine_ns, group_.quarantine_ns = group_.quarantine_ns, 0
        offer_no, group_.offer_no = group_.offer_no, 0
        try:
            return original(group_, word, engine_)
        finally:
            group_.quarantine_ns, group_.offer_no = quarantine_ns, offer_no

    return [patch.object(takeover, "released_to_us", released)]


@seeded("an answer is to one incarnation of the asker")
def answers_outlive_the_asker() -> list[Patch]:
    original = hearing._peer_restarted

    def restarted(before: Any, silence_ns: int, engine_: engine.Engine) -> None:
        replies = {each.id: each.reply_no for each in engine_.groups.values()}
        original(before, silence_ns, engine_)
        for each in engine_.groups.values():
            each.reply_no = replies[each.id]

    return [patch.object(hearing, "_peer_restarted", restarted)]


@seeded("drifted files block what goes by agreement")
def drift_ignored() -> list[Patch]:
    return [patch.object(engine.Engine, "drift", lambda _self: False)]


@seeded("a group whose agent was restarted in time does not move")
def restart_moves_the_group() -> list[Patch]:
    return [patch.object(engine.Engine, "should_return", lambda *_: False)]


@seeded("auto failback only after a recorded death or shutdown")
def failback_after_a_manual_move() -> list[Patch]:
    original = handover._failback_due

    def due(group_: group.Group, engine_: engine.Engine) -> str | None:
        group_.failback_due = True
        return original(group_, engine_)

    return [patch.object(handover, "_failback_due", due)]


@seeded("failbacks are capped")
def failbacks_uncapped() -> list[Patch]:
    return [
        patch.object(handover, "FAILBACKS_MAX", 10**6),
        patch.object(handover, "HOLD_DOWN_MAX_NS", 10**9),
    ]


@seeded("state that cannot be trusted takes nothing by silence")
def distrust_ignored() -> list[Patch]:
    return [patch.object(engine.Engine, "trusted", property(lambda _self: True))]


@seeded("a node of which the peer remembers more starts again above that")
def rollback_not_noticed() -> list[Patch]:
    def acknowledged(beat: Any, engine_: engine.Engine) -> None:
        engine_.peer.acknowledge(engine_.sent.sent_ns(beat.acked_n))

    return [patch.object(hearing, "_acknowledged", acknowledged)]


@seeded("an owner contradicts a rival, but does not shout")
def rivals_shout_each_other_down() -> list[Patch]:
    return [patch.object(announcing, "AGAIN_NS", 0)]


@seeded("the lone node that is not preferred lets the other go first")
def both_boot_at_once() -> list[Patch]:
    original = takeover.due_ns

    def due_ns(group_: group.Group, engine_: engine.Engine) -> int:
        own = group_.settings
        group_.settings = replace(own, preferred=engine_.settings.node)
        try:
            return original(group_, engine_)
        finally:
            group_.settings = own

    return [patch.object(takeover, "due_ns", due_ns)]


import_module("hafw_sim.lease_mutants")
