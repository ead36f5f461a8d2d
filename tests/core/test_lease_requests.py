"""What a node asks of the lease store, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from hafw.core import lease as lease_of
from hafw.core.duties import FOREVER, NEVER
from hafw.core.effects import ReadLease, SwapLease
from hafw.core.model import LeaseReading, LeaseRecord, OpKind, Phase
from hafw.core.settings import MS
from hafw.core.states import State
from hafw_sim.pairs import ALPHA, BETA, running_pair
from tests.core.lessees import (
    CLAIM,
    RENEW_NS,
    TTL_NS,
    leased,
    other_record,
)

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.lease import Lease

# --- what is asked of the store ---------------------------------------------------------------


def ordered(group: Group, engine: Engine) -> ReadLease | SwapLease | None:
    """What is asked of the store now, if anything."""
    engine._effects = []
    lease_of.run(group, engine)
    requests = [each for each in engine._effects if isinstance(each, ReadLease | SwapLease)]
    assert len(requests) <= 1
    return requests[0] if requests else None


def test_a_group_without_a_lease_asks_nothing_of_a_store() -> None:
    engine = running_pair().engine(ALPHA)

    assert ordered(engine.groups[1], engine) is None
    assert lease_of.next_ns(engine.groups[1], engine) == FOREVER
    assert not lease_of.is_releasing(engine.groups[1], engine)


@pytest.mark.parametrize(("late_ns", "asks"), [(-1, False), (0, True)])
def test_a_holder_renews_a_period_after_it_sent_its_newest_renewal(
    late_ns: int, *, asks: bool
) -> None:
    _, group, lease, engine = leased(ALPHA)
    lease.renewed_ns = engine.now_ns - RENEW_NS - late_ns

    assert isinstance(ordered(group, engine), SwapLease) is asks


def test_a_renewal_puts_the_epoch_of_the_hold_where_what_was_read_still_stands() -> None:
    _, group, lease, engine = leased(ALPHA)
    lease.renewed_ns = NEVER

    request = ordered(group, engine)

    assert isinstance(request, SwapLease)
    assert request.expected == lease.seen
    assert request.new == LeaseRecord(
        epoch=group.held_epoch,
        holder=ALPHA,
        incarnation=engine.incarnation,
        nonce=engine.nonce(request.op),
        ttl_ms=TTL_NS // MS,
    )
    assert lease.new == request.new


def test_no_two_swaps_write_the_same_whichever_start_they_are_of() -> None:
    """64 bits by chance for each start, then the number of the operation."""
    _, group, _, engine = leased(ALPHA)
    engine.salt = 0xFEED
    first, second = (engine.new_op(OpKind.SWAP, group.id, 0, group.epoch, 1) for _ in range(2))

    assert engine.nonce(first) == 0xFEED << 64 | first.id.n
    assert engine.nonce(second) == engine.nonce(first) + 1


@pytest.mark.parametrize(
    ("epoch", "claims"), [(CLAIM - 1, True), (CLAIM, True), (CLAIM + 1, False)]
)
def test_a_lease_of_a_higher_epoch_is_not_overwritten(epoch: int, *, claims: bool) -> None:
    _, group, lease, engine = leased(BETA)
    lease.seen = LeaseReading(other_record(epoch=epoch), "20")
    lease.wanted = CLAIM

    request = ordered(group, engine)

    assert isinstance(request, SwapLease) is claims


def test_a_lease_that_was_never_written_is_claimed_as_it_is() -> None:
    _, group, lease, engine = leased(BETA)
    lease.seen = LeaseReading(None, "")
    lease.wanted = CLAIM

    request = ordered(group, engine)

    assert isinstance(request, SwapLease)
    assert (request.new.epoch, request.new.holder) == (CLAIM, BETA)


@pytest.mark.parametrize("unclear", ["seen", "doubt"])
def test_what_stands_there_is_read_before_anything_is_written(unclear: str) -> None:
    _, group, lease, engine = leased(ALPHA)
    lease.renewed_ns = NEVER
    if unclear == "seen":
        lease.seen = None
    else:
        lease.doubt = other_record()

    request = ordered(group, engine)

    assert isinstance(request, ReadLease)
    assert lease.new is None


def test_who_holds_nothing_gives_a_lease_in_its_name_back_and_may_not_rest_on_it() -> None:
    _, group, lease, engine = leased(BETA)
    lease.seen = LeaseReading(other_record(epoch=4, holder=BETA), "20")
    lease.renewed_epoch = 4

    request = ordered(group, engine)

    assert isinstance(request, SwapLease)
    assert (request.new.epoch, request.new.holder) == (4, None)
    assert lease.renewed_epoch == 0


@pytest.mark.parametrize(
    ("number", "holder", "wanted", "releasing"),
    [
        (BETA, BETA, 0, True),
        (BETA, BETA, CLAIM, False),
        (BETA, ALPHA, 0, False),
        (BETA, None, 0, False),
        (ALPHA, ALPHA, 0, False),
    ],
    ids=["not held", "claimed", "the other's", "released already", "held"],
)
def test_a_release_is_due_where_the_lease_names_a_node_that_neither_holds_nor_claims(
    number: int, holder: int | None, wanted: int, *, releasing: bool
) -> None:
    _, group, lease, engine = leased(number)
    lease.seen = LeaseReading(other_record(holder=holder), "20")
    lease.wanted = wanted

    assert lease_of.is_releasing(group, engine) is releasing


def test_a_store_that_does_not_answer_is_not_waited_for_with_a_release() -> None:
    _, group, lease, engine = leased(BETA)
    lease.seen = LeaseReading(other_record(holder=BETA), "20")
    lease.trouble = "by a test"

    assert not lease_of.is_releasing(group, engine)


def test_what_an_earlier_incarnation_left_renews_no_lease() -> None:
    _, group, lease, engine = leased(ALPHA)
    group.state, group.phase = State.CLEANING, Phase.STOPPING
    lease.seen = LeaseReading(None, "")
    lease.renewed_ns = lease.answered_ns = NEVER

    assert isinstance(ordered(group, engine), ReadLease)


@pytest.mark.parametrize("kind", [OpKind.READ, OpKind.SWAP])
def test_one_request_at_a_time_and_none_lasts_longer_than_a_period(kind: OpKind) -> None:
    _, group, lease, engine = leased(ALPHA)
    lease.renewed_ns = NEVER
    if kind is OpKind.READ:
        lease.seen = None

    request = ordered(group, engine)

    assert request is not None
    assert request.op is lease.op
    assert (request.op.kind, request.op.group, request.op.index) == (kind, group.id, 0)
    assert request.op.deadline_ns == engine.now_ns + RENEW_NS
    assert lease.ordered_ns == engine.now_ns
    assert ordered(group, engine) is None


def test_without_a_worker_nothing_is_asked() -> None:
    _, group, lease, engine = leased(ALPHA)
    lease.renewed_ns = NEVER
    engine.worker_up = False

    assert ordered(group, engine) is None


# --- when the store is asked next -------------------------------------------------------------


@pytest.mark.parametrize(("silent", "period_ns"), [(False, TTL_NS), (True, RENEW_NS)])
def test_a_standby_looks_more_often_from_the_first_missed_beat_on(
    period_ns: int, *, silent: bool
) -> None:
    _, group, lease, engine = leased(BETA)
    missed_ns = engine.peer.first_missed_ns(engine.settings) - engine.peer.last_ns
    engine.peer.last_ns = engine.now_ns - missed_ns + (0 if silent else 1)

    assert lease_of._due_ns(group, engine) == lease.answered_ns + period_ns


URGENT: Final = ("unread", "in doubt", "to be released", "claim")


def waiting(case: str) -> tuple[Group, Lease, Engine]:
    """A node that has something to ask of the store, or looks from time to time."""
    _, group, lease, engine = leased(ALPHA if case == "renew" else BETA)
    if case == "unread":
        lease.seen = None
    elif case == "in doubt":
        lease.doubt = other_record()
    elif case == "to be released":
        lease.seen = LeaseReading(other_record(holder=BETA), "20")
    elif case == "claim":
        lease.wanted = CLAIM
    return group, lease, engine


@pytest.mark.parametrize("case", [*URGENT, "renew", "look"])
def test_after_a_failure_nothing_is_asked_before_its_pause_has_passed(case: str) -> None:
    group, lease, engine = waiting(case)
    lease.retry_ns = engine.now_ns + 100 * TTL_NS

    assert lease_of._due_ns(group, engine) == lease.retry_ns


@pytest.mark.parametrize("case", URGENT)
def test_what_is_urgent_is_asked_at_once(case: str) -> None:
    group, lease, engine = waiting(case)
    lease.answered_ns = engine.now_ns

    assert lease_of._due_ns(group, engine) <= engine.now_ns


def test_a_node_wakes_when_the_lease_becomes_ripe() -> None:
    _, group, lease, engine = leased(BETA)
    lease.seen_ns = engine.now_ns - TTL_NS + 1
    lease.answered_ns = engine.now_ns

    assert lease_of.next_ns(group, engine) == engine.now_ns + 1


def test_a_lease_that_is_ripe_hides_nothing_that_comes() -> None:
    _, group, lease, engine = leased(BETA)
    lease.seen_ns = engine.now_ns - TTL_NS
    lease.answered_ns = engine.now_ns - TTL_NS + 5

    assert lease_of.next_ns(group, engine) == engine.now_ns + 5


def test_a_holder_wakes_for_its_renewal_alone() -> None:
    _, group, lease, engine = leased(ALPHA)
    lease.seen = LeaseReading(other_record(holder=BETA), "20")
    lease.seen_ns = engine.now_ns - TTL_NS + 1
    lease.renewed_ns = engine.now_ns

    assert lease_of.next_ns(group, engine) == engine.now_ns + RENEW_NS


@pytest.mark.parametrize("past_ns", [0, 1], ids=["now", "past"])
def test_nothing_is_woken_for_what_is_due_already(past_ns: int) -> None:
    _, group, lease, engine = leased(BETA)
    lease.seen_ns = engine.now_ns - TTL_NS - past_ns
    lease.answered_ns = engine.now_ns - TTL_NS - past_ns

    assert lease_of.next_ns(group, engine) == FOREVER
