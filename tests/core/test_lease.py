"""What a node makes of the lease of a group, and of what the store says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.core import lease as lease_of
from hafw.core.duties import FOREVER, NEVER, Certificate
from hafw.core.effects import Note
from hafw.core.lease import RETRIES_PER_PERIOD, Lease
from hafw.core.model import LeaseOutcome, LeaseReading, LeaseRecord, LeaseTold, OpKind, Phase
from hafw.core.settings import MS, SECOND
from hafw.core.states import State
from hafw_sim.pairs import ALPHA, BETA
from tests.core.lessees import (
    RENEW_NS,
    SEEN_NS,
    SETTINGS,
    TTL_NS,
    asked,
    leased,
    of,
    other_record,
    tell,
)

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group

# --- from when on it may be claimed -----------------------------------------------------------


def test_a_lease_that_was_never_read_is_never_ripe() -> None:
    assert Lease().ripe_ns(BETA, TTL_NS) == FOREVER


@pytest.mark.parametrize(
    "record",
    [None, other_record(holder=None), other_record(holder=BETA)],
    ids=["unwritten", "released", "one's own"],
)
def test_who_finds_the_lease_free_or_its_own_need_not_wait(record: LeaseRecord | None) -> None:
    lease = Lease()
    lease.seen, lease.seen_ns = LeaseReading(record, "1"), SEEN_NS

    assert lease.ripe_ns(BETA, TTL_NS) == NEVER


@pytest.mark.parametrize("theirs", [0.5, 1, 2], ids=["shorter", "as long", "longer"])
def test_the_lease_of_the_other_is_ripe_when_it_stood_for_the_longer_of_both_files(
    theirs: float,
) -> None:
    lease = Lease()
    record = other_record(ttl_ms=int(theirs * TTL_NS) // MS)
    lease.seen, lease.seen_ns = LeaseReading(record, "1"), SEEN_NS

    assert lease.ripe_ns(BETA, TTL_NS) == SEEN_NS + max(TTL_NS, int(theirs * TTL_NS))


# --- which evidence it is ---------------------------------------------------------------------


@pytest.mark.parametrize(("epoch", "counts"), [(1, False), (2, True), (3, False)])
def test_a_renewal_is_evidence_for_the_epoch_under_which_it_was_written(
    epoch: int, *, counts: bool
) -> None:
    lease = Lease()
    lease.renewed_epoch, lease.renewed_ns = 2, SEEN_NS

    assert lease.evidence_ns(epoch) == (SEEN_NS if counts else NEVER)


@pytest.mark.parametrize(("left_ns", "in_hand"), [(1, True), (0, False)])
def test_the_lease_is_in_hand_until_its_right_would_have_ended(
    left_ns: int, *, in_hand: bool
) -> None:
    _, group, lease, engine = leased(ALPHA)

    lease.renewed_ns = engine.now_ns - SETTINGS.lease_hold_ns + left_ns

    assert lease_of.in_hand(group, engine) is in_hand


@pytest.mark.parametrize(("later_ns", "in_hand"), [(1, True), (0, False)])
def test_a_claim_ends_with_the_silence_in_which_it_was_made(
    later_ns: int, *, in_hand: bool
) -> None:
    _, group, lease, engine = leased(BETA)
    group.intent = (8, Certificate.LEASED)
    lease.renewed_epoch = 8

    lease.renewed_ns = engine.peer.last_ns + later_ns

    assert lease_of.in_hand(group, engine) is in_hand


@pytest.mark.parametrize(
    ("held", "intent", "epoch"),
    [
        (True, (8, Certificate.LEASED), 2),
        (False, (8, Certificate.LEASED), 8),
        (False, None, 0),
    ],
    ids=["held", "prepared", "neither"],
)
def test_the_epoch_at_hand_is_that_of_the_hold_or_of_the_prepared_start(
    intent: tuple[int, Certificate] | None, epoch: int, *, held: bool
) -> None:
    _, group, _, _ = leased(ALPHA if held else BETA)

    group.intent = intent

    assert lease_of.of_start(group) == epoch


# --- what the store says ----------------------------------------------------------------------


def test_the_end_of_a_request_that_is_not_awaited_changes_nothing() -> None:
    _, group, lease, engine = leased(BETA)
    op = asked(group, engine)
    before = of(lease)

    stranger = LeaseTold(op.id._replace(n=op.id.n + 1), LeaseOutcome.CONFLICT, None, "")
    lease_of.told(group, stranger, engine)

    assert of(lease) == before


def test_a_second_end_of_a_request_changes_nothing() -> None:
    _, group, lease, engine = leased(BETA)
    op = asked(group, engine)
    tell(group, engine, lease.seen)
    before = of(lease)

    lease_of.told(group, LeaseTold(op.id, LeaseOutcome.CONFLICT, None, ""), engine)

    assert of(lease) == before


def test_a_swap_is_evidence_from_the_moment_at_which_it_was_ordered() -> None:
    _, group, lease, engine = leased(ALPHA)
    asked(group, engine, OpKind.SWAP)
    lease.new = other_record(epoch=group.held_epoch)

    tell(group, engine, LeaseReading(lease.new, "20"))

    assert lease.evidence_ns(group.held_epoch) == engine.now_ns - SECOND


@pytest.mark.parametrize(("newer", "stands"), [(0, True), (1, False)])
def test_an_offer_is_void_once_the_lease_shows_a_newer_epoch(newer: int, *, stands: bool) -> None:
    _, group, _, engine = leased(BETA)
    asked(group, engine)
    group.offer_no = 7

    tell(group, engine, LeaseReading(other_record(epoch=group.epoch + newer), "20"))

    assert bool(group.offer_no) is stands


def test_a_release_is_no_evidence_for_anybody() -> None:
    _, group, lease, engine = leased(BETA)
    asked(group, engine, OpKind.SWAP)
    lease.new = other_record(holder=None)

    tell(group, engine, LeaseReading(lease.new, "20"))

    assert (lease.renewed_epoch, lease.renewed_ns) == (0, NEVER)


@pytest.mark.parametrize("later_ns", [0, -1], ids=["as old", "older"])
def test_evidence_never_goes_back(later_ns: int) -> None:
    _, group, lease, engine = leased(ALPHA)
    asked(group, engine, OpKind.SWAP)
    lease.new = other_record(epoch=1)
    newest_ns = lease.renewed_ns = lease.ordered_ns - later_ns

    tell(group, engine, LeaseReading(lease.new, "20"))

    assert (lease.renewed_epoch, lease.renewed_ns) == (2, newest_ns)


def test_a_lease_that_stays_as_it_is_keeps_the_date_of_its_first_reading() -> None:
    _, group, lease, engine = leased(BETA)
    before_ns = lease.seen_ns
    asked(group, engine)

    tell(group, engine, lease.seen)

    assert (lease.seen_ns, lease.answered_ns) == (before_ns, engine.now_ns)


def test_a_lease_that_has_changed_is_watched_anew() -> None:
    _, group, lease, engine = leased(BETA)
    changed = LeaseReading(other_record(nonce=100), "20")
    asked(group, engine)

    tell(group, engine, changed)

    assert (lease.seen, lease.seen_ns) == (changed, engine.now_ns)


def test_after_a_conflict_the_lease_must_be_read() -> None:
    _, group, lease, engine = leased(BETA)
    asked(group, engine, OpKind.SWAP)

    tell(group, engine, None, LeaseOutcome.CONFLICT)

    assert lease.record is None
    assert lease.ripe_ns(BETA, TTL_NS) == FOREVER


@pytest.mark.parametrize("outcome", [LeaseOutcome.FAILED_NO_EFFECT, LeaseOutcome.UNKNOWN])
def test_a_request_that_failed_is_tried_again_after_a_part_of_the_period(
    outcome: LeaseOutcome,
) -> None:
    _, group, lease, engine = leased(BETA)
    asked(group, engine)

    tell(group, engine, None, outcome)

    assert lease.retry_ns == engine.now_ns + RENEW_NS // RETRIES_PER_PERIOD
    assert lease.trouble == "by a test"


def test_a_store_that_goes_and_comes_back_is_noted_once_each() -> None:
    _, group, lease, engine = leased(BETA)
    for outcome in (*[LeaseOutcome.UNKNOWN] * 3, LeaseOutcome.OK, LeaseOutcome.OK):
        asked(group, engine)
        tell(group, engine, lease.seen, outcome)

    noted = [each.name for each in engine._effects if isinstance(each, Note)]

    assert noted == ["lease.store_down", "lease.store_up"]
    assert lease.trouble == ""


def test_a_store_that_answers_from_the_beginning_is_no_news() -> None:
    world, *_ = leased(BETA)

    told = [note.name for node in world.nodes for _, note in node.notes]

    assert [name for name in told if name.startswith("lease.")] == []


# --- what is in doubt -------------------------------------------------------------------------


def doubtful(number: int) -> tuple[Group, Lease, Engine, LeaseRecord]:
    """A swap was ordered two seconds ago, and nobody knows what became of it; a read runs."""
    _, group, lease, engine = leased(number)
    written = other_record(epoch=group.epoch, holder=number, nonce=555)
    lease.new = written
    asked(group, engine, OpKind.SWAP)
    lease.ordered_ns = engine.now_ns - 2 * SECOND
    tell(group, engine, None, LeaseOutcome.UNKNOWN)
    asked(group, engine)
    return group, lease, engine, written


def test_a_swap_in_doubt_is_no_evidence() -> None:
    _, lease, engine, _ = doubtful(ALPHA)

    assert lease.renewed_ns < engine.now_ns - 2 * SECOND
    assert lease.doubt_ns == engine.now_ns - 2 * SECOND


def test_a_reading_that_shows_its_nonce_proves_a_swap_from_when_it_was_ordered() -> None:
    group, lease, engine, written = doubtful(ALPHA)

    tell(group, engine, LeaseReading(written, "20"))

    assert lease.evidence_ns(group.held_epoch) == engine.now_ns - 2 * SECOND
    assert lease.doubt is None


def test_a_reading_that_shows_another_nonce_proves_nothing() -> None:
    group, lease, engine, written = doubtful(ALPHA)

    tell(group, engine, LeaseReading(written._replace(nonce=556), "20"))

    assert lease.renewed_ns < engine.now_ns - 2 * SECOND
    assert lease.doubt is None


def test_a_lost_read_leaves_nothing_in_doubt() -> None:
    _, group, lease, engine = leased(BETA)
    asked(group, engine)

    tell(group, engine, None, LeaseOutcome.UNKNOWN)

    assert lease.doubt is None


# --- epochs that the lease shows --------------------------------------------------------------


@pytest.mark.parametrize(("shown", "epoch"), [(1, 2), (2, 2), (9, 9)])
def test_who_holds_nothing_takes_on_the_higher_epoch_of_the_lease(shown: int, epoch: int) -> None:
    _, group, _, engine = leased(BETA)
    asked(group, engine)

    tell(group, engine, LeaseReading(other_record(epoch=shown), "20"))

    assert group.epoch == epoch


@pytest.mark.parametrize(("higher", "state"), [(0, State.ACTIVE), (1, State.STOPPING)])
def test_a_holder_lets_go_when_the_lease_shows_a_higher_epoch(higher: int, state: State) -> None:
    _, group, _, engine = leased(ALPHA)
    asked(group, engine)

    tell(group, engine, LeaseReading(other_record(epoch=2 + higher, holder=BETA), "20"))

    assert group.state is state
    assert group.epoch == 2 + higher


def test_what_an_earlier_incarnation_left_is_cleaned_whatever_the_lease_shows() -> None:
    _, group, _, engine = leased(ALPHA)
    group.state, group.phase = State.CLEANING, Phase.STOPPING
    asked(group, engine)

    tell(group, engine, LeaseReading(other_record(epoch=9, holder=BETA), "20"))

    assert group.state is State.CLEANING
    assert group.epoch == 9


@pytest.mark.parametrize(
    ("holder", "incarnation", "epoch"),
    [(BETA, 0, 2), (BETA, -1, 9), (ALPHA, 0, 9), (None, 0, 9)],
    ids=["this start", "an earlier start", "the other node", "a release"],
)
def test_what_this_start_wrote_itself_teaches_it_no_epoch(
    holder: int | None, incarnation: int, epoch: int
) -> None:
    """`incarnation`: of the writer, counted from this start's."""
    _, group, _, engine = leased(BETA)
    asked(group, engine)
    record = other_record(epoch=9, holder=holder, incarnation=engine.incarnation + incarnation)

    tell(group, engine, LeaseReading(record, "20"))

    assert group.epoch == epoch


# --- the word of a person, and what the lease says to it --------------------------------------


@pytest.mark.parametrize(
    ("holder", "read_before_ns", "vouched"),
    [
        (ALPHA, 0, False),
        (ALPHA, 1, True),
        (BETA, 0, True),
        (None, 0, True),
    ],
    ids=["renewed since", "renewed before that, perhaps", "by this node", "released"],
)
def test_who_renews_its_lease_in_the_silence_is_not_off(
    holder: int | None, read_before_ns: int, *, vouched: bool
) -> None:
    _, group, lease, engine = leased(BETA)
    group.vouched = True
    lease.answered_ns = engine.peer.first_missed_ns(engine.settings) - read_before_ns
    asked(group, engine)

    tell(group, engine, LeaseReading(other_record(holder=holder, nonce=100), "20"))

    assert group.vouched is vouched


def test_a_lease_that_stands_still_does_not_contradict_a_person() -> None:
    _, group, lease, engine = leased(BETA)
    group.vouched = True
    lease.answered_ns = engine.now_ns
    asked(group, engine)

    tell(group, engine, lease.seen)

    assert group.vouched


def test_a_lease_that_was_never_written_does_not_contradict_a_person() -> None:
    _, group, lease, engine = leased(BETA)
    group.vouched = True
    lease.answered_ns = engine.now_ns
    asked(group, engine)

    tell(group, engine, LeaseReading(None, "20"))

    assert group.vouched


def test_before_the_lease_was_read_a_persons_word_is_not_checked() -> None:
    _, group, lease, engine = leased(BETA)
    lease.seen = None

    assert lease_of.checked_ns(group, engine) == FOREVER


def test_a_persons_word_is_checked_when_a_holder_that_lives_would_have_renewed() -> None:
    _, group, lease, engine = leased(BETA)

    watched_ns = RENEW_NS + RENEW_NS // RETRIES_PER_PERIOD

    assert lease_of.checked_ns(group, engine) == lease.seen_ns + watched_ns


def test_a_lease_that_is_free_needs_no_watching_before_a_persons_word_counts() -> None:
    _, group, lease, engine = leased(BETA)
    lease.seen = LeaseReading(other_record(holder=None), "20")

    assert lease_of.checked_ns(group, engine) == NEVER
