"""Seeded bugs of the table of certificates: of each half of each row, and of its parts.

One rule: as in `hafw_sim.mutants`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from hafw.core import (
    arming,
    duties,
    engine,
    group,
    handover,
    hearing,
    liveness,
    operator,
    takeover,
)
from hafw.core.duties import DUTIES, FOREVER, Certificate
from hafw.core.effects import HoldGate, ShutGate
from hafw.core.liveness import PeerState
from hafw.core.model import Phase
from hafw_sim.mutants import Patch, seeded
from hafw_sim.world import kernel

if TYPE_CHECKING:
    from hafw.core.settings import Settings


def row(certificate: Certificate, **changes: object) -> Patch:
    """Another row in the table of certificates."""
    changed = replace(DUTIES[certificate], **changes)  # type: ignore[arg-type]
    return patch.dict(duties.DUTIES, {certificate: changed})


def _granted(*_: object) -> None:
    return None


def _for_ever(*_: object) -> int:
    return FOREVER


# --- one mutant for each half of each row of the table -----------------------------------------


@seeded(
    "released, holder: the word is given only after the stop is confirmed",
    "service_lan_lost_by_the_owner",
)
def released_before_the_stop() -> list[Patch]:
    original = group.Group.let_go

    def let_go(self: group.Group, why: str, engine_: engine.Engine) -> None:
        original(self, why, engine_)
        if self.surrender:
            self.phase = Phase.CLEAR
            handover.offer(self, engine_)

    return [patch.object(group.Group, "let_go", let_go)]


@seeded(
    "released, taker: the word must answer a beat of ours sent within H",
    "offer_that_arrives_much_too_late",
)
def released_however_old() -> list[Patch]:
    return [patch.object(engine.Engine, "fresh", engine.Engine.addressed)]


@seeded(
    "reflected, holder: let go H after the newest evidence was sent", "owner_isolated_reflected"
)
def reflected_holder_never_lets_go() -> list[Patch]:
    return [row(Certificate.REFLECTED, hold_until=_for_ever)]


@seeded("reflected, taker: every part of the certificate is needed", "owner_isolated_reflected")
def reflected_taker_needs_nothing() -> list[Patch]:
    return [row(Certificate.REFLECTED, refusal=_granted)]


@seeded("best-effort, holder: who lost peer and ping node lets go", "owner_isolated_best_effort")
def best_effort_holder_never_lets_go() -> list[Patch]:
    return [row(Certificate.BEST_EFFORT, hold_until=_for_ever)]


@seeded(
    "best-effort, taker: every part of the certificate is needed",
    "standby_loses_the_ping_node_just_before_the_end_of_the_silence",
)
def best_effort_taker_needs_nothing() -> list[Patch]:
    return [row(Certificate.BEST_EFFORT, refusal=_granted)]


@seeded("operator, taker: the peer's name must be typed, and a reason", "operator_vouches")
def operator_without_name() -> list[Patch]:
    return [patch.object(operator, "_no_fetching", _granted)]


# --- the parts of the halves -------------------------------------------------------------------


def _seeing(**facts: object) -> list[Patch]:
    original = takeover.view

    def view(*arguments: Any) -> duties.TakerView:
        return original(*arguments)._replace(**facts)  # type: ignore[arg-type]

    return [patch.object(takeover, "view", view)]


@seeded(
    "taker: wait for the announced bound and deadtime",
    "standby_loses_the_ping_node_just_before_the_end_of_the_silence",
)
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


@seeded(
    "taker: own echoes must be answered throughout the silence",
    "standby_with_a_bad_way_to_the_ping_node",
)
def echoes_not_needed() -> list[Patch]:
    return _seeing(echoes_unbroken=True)


@seeded("taker: armed, with the holder's grant", "gateway_stopped_reflecting_long_before_the_split")
def arming_not_needed() -> list[Patch]:
    return _seeing(armed=True, known=True)


@seeded(
    "taker: a reflected beat that was held up says nothing of the path now",
    "reflected_beat_that_was_held_up_for_a_minute",
)
def late_reflection_counts() -> list[Patch]:
    return [patch.object(liveness.Peer, "_raise_floor", lambda *_: None)]


@seeded(
    "holder: a grant ends its resting on the peer's not being armed", "owner_isolated_reflected"
)
def granting_keeps_unarmed() -> list[Patch]:
    original = arming.heard

    def heard(group_: group.Group, *rest: Any) -> None:
        unarmed = group_.unarmed
        original(group_, *rest)
        group_.unarmed = group_.unarmed or unarmed

    return [patch.object(arming, "heard", heard)]


@seeded(
    "holder: no grant by one that rests on the peer's not being armed",
    "standby_is_armed_only_by_a_holder_with_other_evidence",
)
def granting_without_other_evidence() -> list[Patch]:
    return [patch.object(arming, "_holds_by_other_evidence", lambda *_: True)]


@seeded(
    "taker (best-effort): a ping node must answer",
    "standby_loses_the_ping_node_just_before_the_end_of_the_silence",
)
def ping_not_needed() -> list[Patch]:
    return _seeing(ping_answers=True)


@seeded(
    "taker (best-effort): nobody may answer the probe", "split_while_the_gateway_does_not_reflect"
)
def probe_not_needed() -> list[Patch]:
    return _seeing(probe_silent=True)


@seeded(
    "evidence is dated by its sending, never by the receipt of the answer",
    "standby_hears_nothing_while_the_owner_hears_it",
)
def evidence_dated_by_receipt() -> list[Patch]:
    original = hearing.beat_heard

    def beat_heard(path: int, beat: Any, engine_: engine.Engine) -> None:
        original(path, beat, engine_)
        engine_.peer.acknowledge(engine_.now_ns)

    return [patch.object(hearing, "beat_heard", beat_heard)]


@seeded("what lapsed is judged before anything is read", "thaw_with_fresh_answers_waiting")
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


@seeded("after an own pause the peer's silence is counted anew", "stalled_standby_does_not_take")
def pause_not_noticed() -> list[Patch]:
    def notice(self: engine.Engine, now: Any) -> None:
        self.now, self.now_ns = now, now.boot_ns

    return [patch.object(engine.Engine, "_notice_pause", notice)]


@seeded(
    "the gate has a timeout, renewed from the evidence", "silent_peer_is_not_taken_before_its_bound"
)
def gate_without_timeout() -> list[Patch]:
    original = group.Group.renew_gate

    def renew(self: group.Group, engine_: engine.Engine) -> None:
        original(self, engine_)
        if self.gate_ns != FOREVER:
            self.gate_ns = FOREVER
            engine_.emit(HoldGate(self.id, None))

    return [patch.object(group.Group, "renew_gate", renew)]


@seeded(
    "a renewal that comes too late does not open the gate again",
    "frozen_within_a_renewal_of_the_gate",
)
def late_renewal_reopens() -> list[Patch]:
    def _renew(self: kernel.Kernels, machine: Any, group_id: int, left_ns: int) -> None:
        self._set(machine, group_id, self._clockwork.now_ns + machine.span_ns(left_ns))

    return [patch.object(kernel.Kernels, "_renew", _renew)]


@seeded(
    "an opening that comes too late does not open the gate",
    "loser_of_a_heal_shuts_its_address_at_once",
)
def late_opening_opens() -> list[Patch]:
    return [
        patch.object(kernel, "PRIMED_NS", FOREVER),
        patch.object(kernel, "min", max, create=True),
    ]


@seeded(
    "letting go shuts the gate at once, before the stops",
    "loser_of_a_heal_shuts_its_address_at_once",
)
def gate_left_open_at_stop() -> list[Patch]:
    original = engine.Engine.emit

    def emit(self: engine.Engine, effect: Any) -> None:
        if not isinstance(effect, ShutGate):
            original(self, effect)

    return [patch.object(engine.Engine, "emit", emit)]


@seeded(
    "a worker that is only slow to become warm is waited for",
    "a_worker_that_is_slow_to_become_warm_loses_no_group",
)
def slow_worker_loses_the_group() -> list[Patch]:
    return [patch.object(handover, "_worker_is_lost", lambda engine_: not engine_.worker_up)]
