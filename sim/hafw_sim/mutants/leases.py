"""Seeded bugs of the lease, one per rule; see `hafw_sim.mutants`.

One rule: what a lease is worth hangs on which instant counts, whose word counts, and who waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from hafw.core import lease, takeover
from hafw.core.duties import DUTIES, FOREVER, NEVER, Certificate
from hafw.core.model import LeaseOutcome, LeaseReading
from hafw.core.settings import Settings
from hafw_sim.mutants import Patch, seeded
from hafw_sim.mutants.certificates import row

if TYPE_CHECKING:
    from hafw.core.duties import HolderEvidence, TakerView
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import GroupBeat, LeaseTold


@seeded(
    "leased, holder: shut when the newest renewal and the newest promise are too old",
    "owner_loses_peer_and_store",
)
def leased_holder_never_lets_go() -> list[Patch]:
    return [row(Certificate.LEASED, hold_until=lambda *_: FOREVER)]


@seeded(
    "a claim ends with the silence in which it was made",
    "claim_ends_with_the_silence_in_which_it_was_made",
)
def claim_outlives_its_silence() -> list[Patch]:
    def in_hand(group: Group, engine: Engine) -> bool:
        assert group.lease is not None
        sent_ns = group.lease.evidence_ns(lease.of_start(group))
        return engine.now_ns < sent_ns + engine.settings.lease_hold_ns

    return [patch.object(lease, "in_hand", in_hand)]


@seeded(
    "a lease that was given back is no evidence",
    "lease_that_was_given_back_is_no_ticket_to_shoot",
)
def evidence_of_a_lease_that_was_given_back() -> list[Patch]:
    def evidence_ns(self: lease.Lease, epoch: int) -> int:
        return self.renewed_ns if epoch == self.renewed_epoch else NEVER

    return [patch.object(lease.Lease, "evidence_ns", evidence_ns)]


@seeded("leased, holder: the loss of the store alone stops nothing", "leased_owner_crashes")
def leased_holder_ignores_the_peer() -> list[Patch]:
    def hold(evidence: HolderEvidence, settings: Settings) -> int:
        return evidence.renewed_ns + settings.lease_hold_ns

    return [row(Certificate.LEASED, hold_until=hold)]


@seeded(
    "leased, holder: what the peer's last start promised, its next one keeps",
    "standby_restarts_while_the_store_is_down",
)
def leased_promise_forgotten() -> list[Patch]:
    def hold(evidence: HolderEvidence, settings: Settings) -> int:
        lease_ns = evidence.renewed_ns + settings.lease_hold_ns
        return max(lease_ns, evidence.heard_ns + settings.hold_ns)

    return [row(Certificate.LEASED, hold_until=hold)]


def _taker(skipped: str) -> list[Patch]:
    original = DUTIES[Certificate.LEASED].refusal

    def refusal(view: TakerView, settings: Settings) -> str | None:
        return original(view._replace(**{skipped: _GRANTED[skipped]}), settings)

    return [row(Certificate.LEASED, refusal=refusal)]


_GRANTED: dict[str, Any] = {
    "lease_ripe": True,
    "lease_won": True,
    "silence_ns": 1 << 60,
    "bound": DUTIES[Certificate.LEASED].binds,
}


@seeded("leased, taker: W passes before a lease of the other is claimed", "leased_owner_crashes")
def leased_taker_waits_for_nothing() -> list[Patch]:
    return _taker("lease_ripe")


@seeded("leased, taker: the swap must be won", "both_are_needed_and_the_store_is_gone")
def leased_taker_without_the_lease() -> list[Patch]:
    return [*_taker("lease_won"), patch.object(takeover, "_claimed", lambda *_: None)]


@seeded(
    "leased, taker: a lease that nobody renews is not enough, the peer must be silent",
    "holder_by_a_shot_goes_on_without_a_store",
)
def leased_taker_in_spite_of_the_peer() -> list[Patch]:
    def consider(group: Group, engine: Engine) -> None:
        if group.lease is not None:
            group.lease.wanted = 0
        if group.willing(engine) and group.lease is not None:
            certificate, _ = takeover.by_silence(group, engine)
            if certificate is not None:
                takeover.take(group, certificate, engine)
                return
        original(group, engine)

    original = takeover.consider
    return [*_taker("silence_ns"), patch.object(takeover, "consider", consider)]


@seeded(
    "the store is asked in rhythm, whatever it shows",
    "a_stop_that_hangs_leaves_the_store_in_peace",
)
def what_cannot_be_written_is_due_at_once() -> list[Patch]:
    original = lease._due_ns

    def due_ns(group_: Group, engine_: Engine) -> int:
        own = group_.lease
        assert own is not None
        lost = own.record is not None and own.record.epoch > group_.held_epoch
        idle = group_.held and lost and own.op is None
        return own.retry_ns if idle else original(group_, engine_)

    return [patch.object(lease, "_due_ns", due_ns)]


@seeded("W is that of the longer of both files", "leased_owner_crashes")
def wait_is_too_short() -> list[Patch]:
    original = lease.Lease.ripe_ns

    def ripe_ns(self: lease.Lease, node: int, ttl_ns: int) -> int:
        short = self.seen_ns + ttl_ns // 2 if self.seen is not None else FOREVER
        return min(short, original(self, node, ttl_ns))

    return [patch.object(lease.Lease, "ripe_ns", ripe_ns)]


@seeded("a renewal counts from its sending, not from its answer", "renewal_that_is_answered_late")
def renewal_counts_from_the_answer() -> list[Patch]:
    original = lease._written

    def written(group: Group, new: Any, _ordered_ns: int, engine: Engine) -> None:
        original(group, new, engine.now_ns, engine)

    return [patch.object(lease, "_written", written)]


def _awaited_swap(group: Group, event: LeaseTold) -> lease.Lease | None:
    """The lease whose swap this is the end of."""
    own = group.lease
    if own is None or own.op is None or own.new is None or own.op.id != event.op:
        return None
    return own


@seeded("a renewal of unknown outcome proves nothing", "store_is_down_and_then_the_links")
def unknown_renewal_counts() -> list[Patch]:
    original = lease.told

    def told(group: Group, event: LeaseTold, engine: Engine) -> None:
        own = _awaited_swap(group, event)
        if own is not None and own.new is not None and event.outcome is LeaseOutcome.UNKNOWN:
            lease._written(group, own.new, own.ordered_ns, engine)
        original(group, event, engine)

    return [patch.object(lease, "told", told)]


@seeded(
    "a refused renewal proves that somebody else wrote: it is no renewal",
    "owner_that_was_given_up_is_told_by_the_store",
)
def conflict_counts_as_renewal() -> list[Patch]:
    original = lease.told

    def told(group: Group, event: LeaseTold, engine: Engine) -> None:
        own = _awaited_swap(group, event)
        if own is not None and event.outcome is LeaseOutcome.CONFLICT:
            reading = LeaseReading(own.new, "")
            event = event._replace(outcome=LeaseOutcome.OK, reading=reading)
        original(group, event, engine)

    return [patch.object(lease, "told", told)]


@seeded(
    "a reading that shows a higher epoch ends the hold",
    "owner_that_was_given_up_is_told_by_the_store",
)
def higher_epoch_ignored() -> list[Patch]:
    original = lease._read

    def read(group: Group, reading: LeaseReading, engine: Engine) -> None:
        if group.held and reading.record is not None and reading.record.epoch > group.held_epoch:
            return
        original(group, reading, engine)

    return [patch.object(lease, "_read", read)]


@seeded(
    "a lost reply is looked for: a reading with our own nonce proves that it was written",
    "replies_to_all_swaps_are_lost",
)
def doubt_never_resolved() -> list[Patch]:
    original = lease._written

    def written(group: Group, new: Any, ordered_ns: int, engine: Engine) -> None:
        own = group.lease
        if own is not None and ordered_ns == own.doubt_ns:
            return
        original(group, new, ordered_ns, engine)

    return [patch.object(lease, "_written", written)]


@seeded(
    "a lease that is given back is no evidence, whatever becomes of the giving",
    "ticket_that_was_given_back_is_no_ticket",
)
def given_back_and_still_in_hand() -> list[Patch]:
    original = lease._order_swap

    def order(group: Group, epoch: int, holder: int | None, budget_ns: int, engine: Engine) -> None:
        assert group.lease is not None
        if holder is None:
            group.lease.renewed_epoch = epoch
        original(group, epoch, holder, budget_ns, engine)

    return [patch.object(lease, "_order_swap", order)]


@seeded(
    "the lease of a group that was stopped is given back", "released_lease_is_taken_without_a_wait"
)
def lease_is_never_given_back() -> list[Patch]:
    return [patch.object(lease, "_to_be_released", lambda *_: False)]


@seeded(
    "evidence is of one epoch: a renewal of an earlier hold is none",
    "renewal_of_a_lost_hold_is_no_claim",
)
def evidence_of_an_earlier_epoch() -> list[Patch]:
    return [patch.object(lease.Lease, "evidence_ns", lambda self, _epoch: self.renewed_ns)]


@seeded(
    "every start in silence needs the lease where the lease binds",
    "lease_is_free_and_its_taker_was_never_met",
)
def other_certificates_need_no_lease() -> list[Patch]:
    original = takeover._claimed

    def claimed(group: Group, certificate: Certificate, seen: TakerView, engine: Engine) -> Any:
        if certificate is Certificate.LEASED:
            return original(group, certificate, seen, engine)
        return None

    return [patch.object(takeover, "_claimed", claimed)]


@seeded(
    "a person's word is checked against the lease: who renews it is not off",
    "person_errs_about_a_node_that_renews",
)
def person_is_always_right() -> list[Patch]:
    return [patch.object(lease, "checked_ns", lambda *_: NEVER)]


@seeded(
    "a frozen holder is shut by the kernel: its gate is late by H, so the lease is H shorter",
    "frozen_within_the_last_renewal_of_a_gate",
)
def gate_lateness_left_out() -> list[Patch]:
    original = Settings._lease

    def bounds(self: Settings, _hold_ns: int) -> dict[str, int]:
        return original(self, 0)

    return [patch.object(Settings, "_lease", bounds)]


@seeded("an op that is not awaited changes nothing", "answer_to_another_request")
def late_answer_is_taken() -> list[Patch]:
    original = lease.told

    def told(group: Group, event: LeaseTold, engine: Engine) -> None:
        own = group.lease
        if own is not None and own.op is not None:
            event = event._replace(op=own.op.id)
        original(group, event, engine)

    return [patch.object(lease, "told", told)]


@seeded(
    "a word that knows less of epochs than we do releases nothing",
    "owner_that_was_given_up_is_told_by_the_store",
)
def released_by_an_old_word() -> list[Patch]:
    original = takeover.released_to_us

    def released(group: Group, word: GroupBeat, engine: Engine) -> bool:
        return original(group, word._replace(epoch=1 << 60), engine)

    return [patch.object(takeover, "released_to_us", released)]


@seeded(
    "the last heartbeat must have said that the lease binds the holder",
    "owner_whose_file_knows_no_lease",
)
def leased_from_one_who_is_not_bound() -> list[Patch]:
    return _taker("bound")
