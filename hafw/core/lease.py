"""The lease of a group: read, watched, claimed, renewed and released at the store.

One rule: a swap is evidence from the moment at which it was ORDERED, and only once a reply, or a
reading that shows its nonce, proves that it was written.

Who may claim is decided in `takeover`: here is only what the store says and what is asked of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core.duties import FOREVER, NEVER
from hafw.core.effects import ReadLease, SwapLease
from hafw.core.model import LeaseOutcome, LeaseReading, LeaseRecord, OpKind
from hafw.core.settings import MS
from hafw.core.states import State

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import LeaseTold, Op

RETRIES_PER_PERIOD: Final = 4
"""A request that failed is tried again so often within a renew period."""


class Lease:
    """What this node knows of the lease of one group, and what it has asked of the store."""

    __slots__ = (
        "answered_ns",
        "doubt",
        "doubt_ns",
        "new",
        "op",
        "ordered_ns",
        "renewed_epoch",
        "renewed_ns",
        "retry_ns",
        "seen",
        "seen_ns",
        "trouble",
        "wanted",
    )

    def __init__(self) -> None:
        """Nothing is known yet."""
        # the request in flight: None, a read (`new` None) or a swap
        self.op: Op | None = None
        self.new: LeaseRecord | None = None
        self.ordered_ns = self.retry_ns = NEVER
        self.trouble = ""
        # the newest reading, when it was first seen so, and when the store answered last
        self.seen: LeaseReading | None = None
        self.seen_ns = self.answered_ns = NEVER
        # the newest own record that is known to have been written: its epoch, when it was ordered
        self.renewed_epoch = 0
        self.renewed_ns = NEVER
        # a swap whose outcome is unknown, and when it was ordered
        self.doubt: LeaseRecord | None = None
        self.doubt_ns = NEVER
        # the epoch under which a group that is not held is to be taken; 0: none
        self.wanted = 0

    @property
    def record(self) -> LeaseRecord | None:
        """What the lease said last."""
        return self.seen.record if self.seen is not None else None

    def evidence_ns(self, epoch: int) -> int:
        """When the newest renewal under this epoch was sent that is known to have been written.

        Epoch 0 is that of no start, and what stands for a lease that was given back.
        """
        return self.renewed_ns if epoch and epoch == self.renewed_epoch else NEVER

    def ripe_ns(self, node: int, ttl_ns: int) -> int:
        """From when on `node` may claim it, if it stays as it is; FOREVER before it was read."""
        if self.seen is None:
            return FOREVER
        record = self.seen.record
        if record is None or record.holder in (None, node):
            return NEVER
        return self.seen_ns + max(ttl_ns, record.ttl_ms * MS)


def checked_ns(group: Group, engine: Engine) -> int:
    """When a holder that lives would have been seen to renew; FOREVER before it was read."""
    lease, settings = group.lease, engine.settings
    assert lease is not None
    watched_ns = settings.renew_ns + settings.renew_ns // RETRIES_PER_PERIOD
    ripe_ns = lease.ripe_ns(settings.node, settings.lease_ttl_ns)
    return min(ripe_ns, lease.seen_ns + watched_ns if lease.seen is not None else FOREVER)


def of_start(group: Group) -> int:
    """The epoch that a hold has, or that the prepared start would have."""
    if group.held:
        return group.held_epoch
    return group.intent[0] if group.intent is not None else 0


def in_hand(group: Group, engine: Engine) -> bool:
    """Whether the lease is ours for the epoch at hand, and long enough to begin with.

    A claim ends with the silence in which it was made: since the other node was heard it may have
    taken the group by our own word, and written the lease over.
    """
    assert group.lease is not None
    sent_ns = group.lease.evidence_ns(of_start(group))
    stands = group.held or sent_ns > engine.peer.last_ns
    return stands and engine.now_ns < sent_ns + engine.settings.lease_hold_ns


# --- what the store says ------------------------------------------------------------------------


def told(group: Group, event: LeaseTold, engine: Engine) -> None:
    """A request ended. The end of one that is not awaited changes nothing."""
    lease = group.lease
    if lease is None or lease.op is None or event.op != lease.op.id:
        return
    new, ordered_ns = lease.new, lease.ordered_ns
    lease.op = lease.new = None
    match event.outcome:
        case LeaseOutcome.OK:
            assert event.reading is not None
            if lease.trouble:
                lease.trouble = ""
                engine.note("lease.store_up", group.id, "the lease store answers again")
            if new is not None:
                _written(group, new, ordered_ns, engine)
            _read(group, event.reading, engine)
        case LeaseOutcome.CONFLICT:
            lease.seen = None  # it has changed: what it is now must be read
        case LeaseOutcome.FAILED_NO_EFFECT:
            _failed(group, event.detail, engine)
        case LeaseOutcome.UNKNOWN:
            if new is not None:
                lease.doubt, lease.doubt_ns = new, ordered_ns
            _failed(group, event.detail, engine)


def _written(group: Group, new: LeaseRecord, ordered_ns: int, engine: Engine) -> None:
    """This record of ours was certainly written after it was ordered."""
    lease = group.lease
    assert lease is not None
    if new.holder == engine.settings.node and ordered_ns > lease.renewed_ns:
        lease.renewed_epoch, lease.renewed_ns = new.epoch, ordered_ns


def _read(group: Group, reading: LeaseReading, engine: Engine) -> None:
    lease, record = group.lease, reading.record
    assert lease is not None
    if lease.seen != reading:
        if group.vouched and _renewed_in_silence(lease, reading, engine):
            group.vouched = False
            group.ask_failed = "the other node has just renewed its lease: it is not off"
        lease.seen, lease.seen_ns = reading, engine.now_ns
    lease.answered_ns = engine.now_ns
    doubt, lease.doubt = lease.doubt, None
    if record is None:
        return
    if doubt is not None and record.nonce == doubt.nonce:
        _written(group, doubt, lease.doubt_ns, engine)
    if _is_ours(record, engine):
        return
    if not group.held or group.state is State.CLEANING:
        group.heard_of(record.epoch, engine)
    elif record.epoch > group.held_epoch:
        group.epoch = record.epoch
        group.let_go("the lease shows a higher epoch", engine)


def _renewed_in_silence(lease: Lease, reading: LeaseReading, engine: Engine) -> bool:
    """Whether the other node wrote this after the store was read in the same silence."""
    record = reading.record
    read_ns = engine.peer.first_missed_ns(engine.settings)
    return (
        record is not None
        and record.holder == engine.settings.peer
        and lease.answered_ns >= read_ns
    )


def _is_ours(record: LeaseRecord, engine: Engine) -> bool:
    """Written by this incarnation, and not a release."""
    own = engine.settings.node, engine.incarnation
    return (record.holder, record.incarnation) == own


def _failed(group: Group, why: str, engine: Engine) -> None:
    lease = group.lease
    assert lease is not None
    if not lease.trouble:
        engine.note("lease.store_down", group.id, f"the lease store does not answer: {why}")
    lease.trouble = why
    lease.retry_ns = engine.now_ns + engine.settings.renew_ns // RETRIES_PER_PERIOD


# --- what is asked of it ------------------------------------------------------------------------


def run(group: Group, engine: Engine) -> None:
    """Ask the store for whatever is due."""
    lease = group.lease
    if lease is None or engine.now_ns < _due_ns(group, engine):
        return
    record = lease.record
    epoch = _epoch_to_write(group)
    lease.ordered_ns = engine.now_ns
    budget_ns = engine.settings.renew_ns
    if lease.seen is None or lease.doubt is not None:
        _order_read(group, budget_ns, engine)
    elif epoch:
        _order_swap(group, epoch, engine.settings.node, budget_ns, engine)
    elif _to_be_released(group, engine):
        assert record is not None
        lease.renewed_epoch = 0  # from now on it is no evidence, whatever becomes of this request
        _order_swap(group, record.epoch, None, budget_ns, engine)
    else:
        _order_read(group, budget_ns, engine)


def _order_read(group: Group, budget_ns: int, engine: Engine) -> None:
    assert group.lease is not None
    op = engine.new_op(OpKind.READ, group.id, 0, group.epoch, budget_ns)
    group.lease.op, group.lease.new = op, None
    engine.emit(ReadLease(op))


def _order_swap(
    group: Group, epoch: int, holder: int | None, budget_ns: int, engine: Engine
) -> None:
    lease = group.lease
    assert lease is not None
    assert lease.seen is not None
    lease.op = engine.new_op(OpKind.SWAP, group.id, 0, epoch, budget_ns)
    ttl_ms = engine.settings.lease_ttl_ns // MS
    lease.new = LeaseRecord(epoch, holder, engine.incarnation, engine.nonce(lease.op), ttl_ms)
    engine.emit(SwapLease(lease.op, lease.seen, lease.new))


def _epoch_to_write(group: Group) -> int:
    """The epoch under which the lease must be ours, of the hold or the claim; 0 if it cannot be."""
    assert group.lease is not None
    epoch, record = group.lease.wanted, group.lease.record
    if group.held:
        epoch = 0 if group.state is State.CLEANING else group.held_epoch
    return 0 if record is not None and record.epoch > epoch else epoch


def _to_be_released(group: Group, engine: Engine) -> bool:
    """The lease names this node, which holds nothing: the other one need not wait for its end."""
    assert group.lease is not None
    record = group.lease.record
    mine = record is not None and record.holder == engine.settings.node
    return mine and not group.held and not group.lease.wanted


def is_releasing(group: Group, engine: Engine) -> bool:
    """Whether a release is still to be written, by a store that answers."""
    lease = group.lease
    return lease is not None and not lease.trouble and _to_be_released(group, engine)


def _due_ns(group: Group, engine: Engine) -> int:
    """When the store is to be asked next, if nothing else happens."""
    lease, settings = group.lease, engine.settings
    assert lease is not None
    if lease.op is not None or not engine.worker_up:
        return FOREVER  # the end of the one, or the other's coming, is an event
    if lease.seen is None or lease.doubt is not None or _to_be_released(group, engine):
        return lease.retry_ns
    epoch = _epoch_to_write(group)
    if epoch:
        renewed_ns = lease.evidence_ns(epoch)
        return max(lease.retry_ns, renewed_ns + settings.renew_ns)
    silent = engine.now_ns >= engine.peer.first_missed_ns(settings)
    period_ns = settings.renew_ns if silent else settings.lease_ttl_ns
    return max(lease.retry_ns, lease.answered_ns + period_ns)


def next_ns(group: Group, engine: Engine) -> int:
    """When the clock alone makes something of the lease due."""
    lease = group.lease
    if lease is None:
        return FOREVER
    due_ns = _due_ns(group, engine)
    if not group.held:
        ripe_ns = lease.ripe_ns(engine.settings.node, engine.settings.lease_ttl_ns)
        if ripe_ns > engine.now_ns:
            due_ns = min(due_ns, ripe_ns)
    return due_ns if due_ns > engine.now_ns else FOREVER
