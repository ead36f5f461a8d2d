"""Seeded bugs of fencing, one per rule; see `hafw_sim.mutants`.

One rule: a shot is worth what its device proved, and whoever shoots must be the one who may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from hafw.core import fencing, group, reboot, takeover
from hafw.core.duties import FENCE_RUNS, NEVER, Certificate
from hafw.core.liveness import PeerState
from hafw.core.model import OpEnded, Outcome
from hafw.core.settings import Classes
from hafw_sim.mutants import Patch, seeded
from hafw_sim.mutants.certificates import row

if TYPE_CHECKING:
    from hafw.core.duties import TakerView
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import GroupBeat


@seeded("fenced, taker: the other node must be confirmed off", "fenced_pair_is_split")
def fenced_taker_shoots_nobody() -> list[Patch]:
    return [row(Certificate.FENCED, refusal=lambda *_: None)]


@seeded(
    "fenced, holder: nobody takes from it what it holds, but by switching it off",
    "nobody_can_shoot",
)
def fenced_holder_holds_by_nothing() -> list[Patch]:
    return [row(Certificate.FENCED, hold_until=lambda *_: NEVER)]


@seeded("asked to be off is not off", "fence_that_never_answers")
def unknown_fence_counts() -> list[Patch]:
    original = fencing.ended

    def ended(event: OpEnded, engine: Engine) -> None:
        if event.outcome is Outcome.UNKNOWN:
            event = event._replace(outcome=Outcome.OK)
        original(event, engine)

    return [patch.object(fencing, "ended", ended)]


@seeded(
    "what binds the holder counts only if it was said in answer to this start",
    "shot_node_hears_its_shooter_before_the_answer_does",
)
def any_word_says_what_binds() -> list[Patch]:
    def bound(of: Group, word: GroupBeat | None, engine: Engine) -> Classes:
        if not engine.peer.met():
            return Classes.FENCED if of.settings.fenced else of.settings.classes
        return Classes(word.binds) if word is not None else Classes.NONE

    return [patch.object(takeover, "_bound", bound)]


@seeded(
    "who has not heard the other since its machine booted does not shoot back",
    "shot_node_returns_into_the_split",
)
def shot_node_shoots_back() -> list[Patch]:
    return [patch.object(fencing, "_may_shoot", lambda *_: True)]


@seeded(
    "a start of the agent is no boot of the machine: what an earlier start heard counts",
    "survivor_whose_agent_is_restarted_takes_over_again",
)
def restarted_agent_may_not_shoot() -> list[Patch]:
    return [
        patch.object(fencing, "_may_shoot", lambda _group, engine: engine.peer.met()),
    ]


@seeded("who served shoots first, the other waits", "fenced_pair_is_split")
def both_shoot_at_once() -> list[Patch]:
    return [patch.object(fencing, "_delay_ns", lambda *_: 0)]


@seeded("who serves what only a shot can move, shoots", "fenced_pair_is_split")
def owner_waits_to_be_shot() -> list[Patch]:
    return [patch.object(fencing, "_holder_defends", lambda *_: False)]


@seeded(
    "the answer is void when the other was heard after the order",
    "answer_about_a_machine_that_was_switched_on_again",
)
def answer_is_never_void() -> list[Patch]:
    original = fencing.ended

    def ended(event: OpEnded, engine: Engine) -> None:
        engine.fencing.ordered_ns = engine.now_ns
        original(event, engine)

    return [patch.object(fencing, "ended", ended)]


@seeded("the proof ends when the other is heard again", "link_that_flaps_is_left_to_a_person")
def proof_never_ends() -> list[Patch]:
    return [patch.object(fencing, "judge", lambda *_: None)]


@seeded(
    "who holds by the other's being off goes on until it is heard, and H longer",
    "holder_by_a_shot_goes_on_without_a_store",
)
def proof_is_no_evidence() -> list[Patch]:
    return [patch.object(fencing.Fencing, "evidence_ns", lambda *_: NEVER)]


@seeded(
    "who holds by the other's being off says that no other class binds it",
    "shot_node_that_lost_its_disk_believes_itself_addressed",
)
def proof_is_not_announced() -> list[Patch]:
    original = group.Group.beat

    def beat(self: group.Group, engine: Engine) -> GroupBeat:
        said = original(self, engine)
        return said._replace(binds=self.settings.binds) if engine.fencing.off else said

    return [patch.object(group.Group, "beat", beat)]


@seeded(
    "no start of a node has the number of an earlier one, whatever its disk has forgotten",
    "shot_node_that_lost_its_disk_is_not_who_was_answered",
)
def starts_are_only_counted() -> list[Patch]:
    return [patch.object(reboot, "next_start", lambda last, _: last + 1)]


@seeded(
    "who never heard the other takes nothing by the lease alone where a shot may be the proof",
    "lease_is_free_and_its_taker_was_never_met",
)
def unmet_taker_trusts_the_lease() -> list[Patch]:
    original = takeover.view

    def view(group_: group.Group, engine: Engine) -> TakerView:
        seen = original(group_, engine)
        return seen if seen.met else seen._replace(bound=group_.settings.classes)

    return [patch.object(takeover, "view", view)]


@seeded("fenced+leased: a start needs both", "lease_is_free_and_its_taker_was_never_met")
def lease_is_enough() -> list[Patch]:
    original = takeover.by_silence

    def by_silence(group_: group.Group, engine: Engine) -> Any:
        won = group_.lease is not None and takeover.view(group_, engine).lease_won
        return (Certificate.FENCED, []) if won else original(group_, engine)

    return [patch.object(takeover, "by_silence", by_silence)]


@seeded(
    "fenced+leased: the lease is the ticket to shoot", "lease_is_free_and_its_taker_was_never_met"
)
def shot_without_the_ticket() -> list[Patch]:
    def fenced(group_: group.Group, _seen: object, why: str | None, engine: Engine) -> str | None:
        if why is None or (fencing.refusal(group_, engine) and engine.fencing.op is None):
            return why
        fencing.want(engine)
        return FENCE_RUNS

    return [patch.object(takeover, "_fenced", fenced)]


@seeded(
    "nobody is shot where the lease is renewed, or will be had", "store_answers_so_nobody_is_shot"
)
def shot_in_spite_of_the_store() -> list[Patch]:
    return [
        patch.object(takeover, "_store_is_lost", lambda group_: group_.settings.fenced),
    ]


@seeded("the other is switched off a few times, and no more", "link_that_flaps_is_left_to_a_person")
def death_match() -> list[Patch]:
    return [patch.object(fencing, "FENCES_MAX", 1_000)]


@seeded(
    "how often it shot, a node remembers over a boot of its machine",
    "shooter_that_boots_in_a_loop_is_left_to_a_person",
)
def shots_die_with_the_machine() -> list[Patch]:
    return [patch.object(fencing, "shots", lambda _: ())]


@seeded(
    "a shot counts from its order, before anybody knows how it ends",
    "shooter_that_boots_in_a_loop_is_left_to_a_person",
)
def only_confirmed_shots_count() -> list[Patch]:
    return [patch.object(fencing, "shots", lambda engine: engine.fencing.done)]


@seeded(
    "the host of an agent that was stopped is left alone", "stopped_agent_is_no_reason_to_shoot"
)
def stopped_agent_is_shot() -> list[Patch]:
    original = fencing.refusal

    def refusal(group_: group.Group, engine: Engine) -> str:
        before, engine.peer.state = engine.peer.state, PeerState.DEAD
        try:
            return original(group_, engine)
        finally:
            engine.peer.state = before

    return [patch.object(fencing, "refusal", refusal)]
