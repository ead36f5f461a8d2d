"""Seeded bugs of how a node conducts itself: reloads, operations, epochs, liveness, hand-overs.

One rule: as in `hafw_sim.mutants`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from hafw.core import (
    announcing,
    engine,
    group,
    handover,
    hearing,
    liveness,
    reflection,
    reload,
    takeover,
)
from hafw.core.model import Ask, Outcome, Phase, Refusal
from hafw.core.settings import GroupSettings, Settings
from hafw.core.states import State
from hafw_sim.mutants import Patch, seeded

if TYPE_CHECKING:
    from hafw.core.liveness import Heard, PeerState
    from hafw.core.model import OpEnded


# --- reload -------------------------------------------------------------------------------------


@seeded(
    "reload: what binds this node changes only when the peer has the file and knows it",
    "longer_times_that_the_other_has_not_heard_of",
)
def reload_without_the_peer() -> list[Patch]:
    return [patch.object(reload, "_is_time", lambda *_: True)]


@seeded(
    "reload: until then the weaker of old and new is announced",
    "longer_times_in_force_on_one_node_when_the_cut_comes",
)
def reload_announces_the_old() -> list[Patch]:
    def announced(group_: group.Group, engine_: engine.Engine) -> tuple[int, int]:
        return group_.settings.binds, engine_.settings.shut_ns

    return [patch.object(reload, "announced", announced)]


@seeded(
    "reload: the gate is moved before what binds now is announced",
    "owner_is_killed_just_after_shorter_times_are_in_force",
)
def reload_keeps_the_gate() -> list[Patch]:
    def rebind(self: group.Group, settings: GroupSettings, _engine: engine.Engine) -> None:
        self.settings = settings

    return [patch.object(group.Group, "rebind", rebind)]


@seeded(
    "reload: shorter times count only once the evidence bears them",
    "shorter_times_wait_for_fresh_evidence",
)
def reload_without_evidence() -> list[Patch]:
    return [patch.object(reload, "_bears", lambda *_: True)]


# --- freshness, operations, epochs --------------------------------------------------------------


@seeded(
    "a message proves its sender alive only if its number is new",
    "replayed_datagrams_keep_nobody_alive",
)
def replay_counts() -> list[Patch]:
    original = liveness.Peer.hear

    def hear(self: liveness.Peer, path: int, beat: Any, now_ns: int, settings: Settings) -> Heard:
        verdict = original(self, path, beat, now_ns, settings)
        self.last_ns = now_ns
        return verdict

    return [patch.object(liveness.Peer, "hear", hear)]


@seeded("UNKNOWN is never taken for OK", "stop_in_doubt_is_no_release")
def unknown_is_ok() -> list[Patch]:
    original = group.Group.op_ended

    def op_ended(self: group.Group, event: OpEnded, engine_: engine.Engine) -> None:
        if event.outcome is Outcome.UNKNOWN:
            event = event._replace(outcome=Outcome.OK)
        original(self, event, engine_)

    return [patch.object(group.Group, "op_ended", op_ended)]


@seeded(
    "a reply changes something only if it is to the awaited operation",
    "crash_with_a_lossy_way_to_the_ping_node",
)
def any_reply_counts() -> list[Patch]:
    original = group.Group.op_ended

    def op_ended(self: group.Group, event: OpEnded, engine_: engine.Engine) -> None:
        if self.op is not None:
            event = event._replace(op=self.op.id)
        original(self, event, engine_)

    return [patch.object(group.Group, "op_ended", op_ended)]


@seeded("an address that another program removed is put back", "address_removed_by_another_program")
def removed_address_stays_away() -> list[Patch]:
    return [patch.object(group.Group, "address_lost", lambda *_: None)]


@seeded(
    "nobody starts what the evidence would not let it hold", "lease_and_reflection_bind_together"
)
def start_without_evidence_to_hold() -> list[Patch]:
    return [patch.object(group.Group, "could_hold", lambda *_, **__: True)]


@seeded(
    "without a ping node, the service interface is asked so often that the answer lasts",
    "whoever_is_left_without_a_ping_node_keeps_what_it_took",
)
def interface_asked_too_seldom() -> list[Patch]:
    original = Settings.__post_init__

    def post_init(self: Settings) -> None:
        original(self)
        if not self.pings:
            object.__setattr__(self, "beat_ns", self.timing.keepalive_ns)

    return [patch.object(Settings, "__post_init__", post_init)]


@seeded("a start needs its intent on disk first", "crash_with_a_lossy_way_to_the_ping_node")
def start_before_durable() -> list[Patch]:
    return [patch.object(engine.Engine, "durable", lambda *_: True)]


@seeded("no two nodes ever use the same epoch", "both_boot_apart_and_unseen")
def epochs_shared() -> list[Patch]:
    return [patch.object(engine.Engine, "next_epoch", lambda _self, group_: group_.epoch + 1)]


@seeded("when both hold it, only the lower epoch yields", "heal_after_a_dual_split")
def both_yield() -> list[Patch]:
    original = hearing._compare_epochs

    def compare(group_: group.Group, word: Any, engine_: engine.Engine) -> None:
        if group_.state is State.ACTIVE and word.phase is Phase.ACTIVE:
            group_.let_go("the peer holds it too", engine_)
        original(group_, word, engine_)

    return [patch.object(hearing, "_compare_epochs", compare)]


@seeded("when both hold it, the lower epoch yields", "heal_after_a_dual_split")
def nobody_yields() -> list[Patch]:
    return [patch.object(hearing, "_compare_epochs", lambda *_: None)]


# --- liveness and links -------------------------------------------------------------------------


@seeded("the peer is alive while any link brings it", "one_way_cut")
def every_link_is_needed() -> list[Patch]:
    original = liveness.Peer.hear

    def hear(self: liveness.Peer, *rest: Any) -> Heard:
        verdict = original(self, *rest)
        self.last_ns = min(self.link_ns)
        return verdict

    return [patch.object(liveness.Peer, "hear", hear)]


@seeded(
    "initdead, not deadtime, until the peer was heard or declared dead",
    "lone_boot_best_effort_waits_initdead",
)
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


@seeded(
    "a beat that was not sent is a beat that was not answered",
    "standby_with_a_bad_way_to_the_ping_node",
)
def gaps_count_as_answered() -> list[Patch]:
    return [patch.object(reflection.Echoes, "unbroken", lambda *_: True)]


# --- hand-over ------------------------------------------------------------------------------------


@seeded(
    "an offer is void once a newer epoch is heard of: of two that cross, one counts",
    "offers-that-crossed.hasim.jsonl",
)
def an_old_offer_stands() -> list[Patch]:
    def heard_of(self: group.Group, epoch: int, _engine: engine.Engine) -> None:
        self.epoch = max(self.epoch, epoch)

    return [patch.object(group.Group, "heard_of", heard_of)]


@seeded("an ask that is not agreed releases nothing", "standby_that_is_not_agreed_releases_nothing")
def release_without_agreement() -> list[Patch]:
    def give(group_: group.Group, why: str, engine_: engine.Engine) -> None:
        handover.surrender(group_, why, engine_)

    return [patch.object(handover, "give", give)]


@seeded(
    "an agreement about what was let go meanwhile moves nothing later",
    "agreed-after-it-was-let-go.hasim.jsonl",
)
def agreed_too_late() -> list[Patch]:
    original = handover._answered

    def answered(group_: group.Group, word: Any, engine_: engine.Engine) -> None:
        agreed = group_.ask is Ask.TAKE_IT and word.refusal is Refusal.NONE
        original(group_, word, engine_)
        group_.surrender = group_.surrender or agreed

    return [patch.object(handover, "_answered", answered)]


@seeded(
    "after an offer its maker takes nothing back for a deadtime",
    "offer_is_taken_and_let_go_before_its_maker_knows",
)
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


@seeded(
    "who gives a group back takes no offer of it any more",
    "an_offer_that_was_given_back_is_not_taken_later",
)
def offer_and_counter_offer() -> list[Patch]:
    original = handover.offer

    def offer(group_: group.Group, engine_: engine.Engine) -> None:
        consumed = group_.consumed_offer
        original(group_, engine_)
        group_.consumed_offer = consumed

    return [patch.object(handover, "offer", offer)]


@seeded("an answer is to one incarnation of the asker", "a_restarted_node_is_answered_again")
def answers_outlive_the_asker() -> list[Patch]:
    original = hearing._peer_restarted

    def restarted(before: Any, silence_ns: int, engine_: engine.Engine) -> None:
        replies = {each.id: each.reply_no for each in engine_.groups.values()}
        original(before, silence_ns, engine_)
        for each in engine_.groups.values():
            each.reply_no = replies[each.id]

    return [patch.object(hearing, "_peer_restarted", restarted)]


@seeded("drifted files block what goes by agreement", "drifted_files_move_nothing_by_agreement")
def drift_ignored() -> list[Patch]:
    return [patch.object(engine.Engine, "drift", lambda _self: False)]


@seeded("a group whose agent was restarted in time does not move", "agent_restarts_within_deadtime")
def restart_moves_the_group() -> list[Patch]:
    return [patch.object(engine.Engine, "should_return", lambda *_: False)]


@seeded(
    "auto failback only after a recorded death or shutdown",
    "auto_failback_never_undoes_a_manual_move",
)
def failback_after_a_manual_move() -> list[Patch]:
    original = handover._failback_due

    def due(group_: group.Group, engine_: engine.Engine) -> str | None:
        group_.failback_due = True
        return original(group_, engine_)

    return [patch.object(handover, "_failback_due", due)]


@seeded("failbacks are capped", "auto_failback_after_a_death")
def failbacks_uncapped() -> list[Patch]:
    return [
        patch.object(handover, "FAILBACKS_MAX", 10**6),
        patch.object(handover, "HOLD_DOWN_MAX_NS", 10**9),
    ]


@seeded(
    "a machine whose end is announced gives its groups away",
    "an_announced_end_moves_the_group_before_it_comes",
)
def notices_ignored() -> list[Patch]:
    original = handover._reason_to_give

    def reason(group_: group.Group, word: Any, engine_: engine.Engine) -> str | None:
        with patch.object(engine_, "notice", ""):
            return original(group_, word, engine_)

    return [patch.object(handover, "_reason_to_give", reason)]


@seeded(
    "no group is given to a machine whose end is announced",
    "announced_to_both_nodes_it_moves_nothing_to_and_fro",
)
def ready_in_spite_of_a_notice() -> list[Patch]:
    original = group.Group.ready

    def ready(self: group.Group, engine_: engine.Engine) -> bool:
        with patch.object(engine_, "notice", ""):
            return original(self, engine_)

    return [patch.object(group.Group, "ready", ready)]


@seeded(
    "notice: what nobody else can run is started all the same",
    "what_nobody_holds_is_started_whatever_is_announced",
)
def noticed_starts_nothing() -> list[Patch]:
    return [patch.object(takeover, "_leaves_it", lambda _, it: bool(it.notice))]


@seeded(
    "notice: what nobody holds is passed on to the other node",
    "what_nobody_holds_is_started_whatever_is_announced",
)
def noticed_passes_nothing_on() -> list[Patch]:
    original = handover._pass_on

    def pass_on(group_: group.Group, word: Any, engine_: engine.Engine) -> None:
        with patch.object(engine_, "notice", ""):
            original(group_, word, engine_)

    return [patch.object(handover, "_pass_on", pass_on)]


@seeded("state that cannot be trusted takes nothing by silence", "lost_state_joins_as_standby")
def distrust_ignored() -> list[Patch]:
    return [patch.object(engine.Engine, "trusted", property(lambda _self: True))]


@seeded(
    "a node of which the peer remembers more starts again above that",
    "rolled_back_state_is_noticed",
)
def rollback_not_noticed() -> list[Patch]:
    def acknowledged(beat: Any, engine_: engine.Engine) -> None:
        engine_.peer.acknowledge(engine_.sent.sent_ns(beat.acked_n))

    return [patch.object(hearing, "_acknowledged", acknowledged)]


@seeded(
    "an owner contradicts a rival, but does not shout", "owner_and_rival_do_not_fill_the_network"
)
def rivals_shout_each_other_down() -> list[Patch]:
    return [patch.object(announcing, "AGAIN_NS", 0)]


@seeded(
    "the lone node that is not preferred lets the other go first", "both_boot_apart_best_effort"
)
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
