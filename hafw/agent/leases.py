"""The leases of this cluster as the worker is asked about them, and its answers as the engine's.

One rule: what names a node that is not of this cluster is no lease of ours; that is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafw.core import model
from hafw.core.effects import ReadLease
from hafw.core.model import LeaseOutcome, LeaseRecord, LeaseTold, Outcome
from hafw.core.settings import SECOND
from hafw.worker.protocol import LeaseOrder, LeaseReading, LeaseValue

if TYPE_CHECKING:
    from hafw.config import Cluster
    from hafw.core.effects import SwapLease
    from hafw.core.model import Op
    from hafw.core.wire import Key
    from hafw.worker.protocol import Reply

_NONCE_DIGITS = 32


class Leases:
    """The leases of one cluster, at the store that its file names."""

    def __init__(self, cluster: Cluster, node: int, keys: tuple[Key, ...]) -> None:
        """`keys` authenticate to a witness."""
        self._cluster = cluster
        self._node = node
        self.keys = keys

    def plugins(self) -> set[str]:
        """The plugin that serves the store, if there is one."""
        authority = self._cluster.authority
        return set() if authority is None else {authority.store}

    def warm(self) -> tuple[LeaseOrder, ...]:
        """What the worker is to prepare."""
        if self._cluster.authority is None:
            return ()
        return tuple(self._order(0, group.id, 0) for group in self._cluster.groups)

    def order(self, request: ReadLease | SwapLease) -> LeaseOrder:
        """The order to the worker."""
        op = request.op
        if isinstance(request, ReadLease):
            return self._order(op.id.n, op.group, op.deadline_ns)
        expected = self._reading(request.expected)
        new = self._value(request.new)
        return self._order(op.id.n, op.group, op.deadline_ns, expected, new)

    def _order(
        self,
        number: int,
        group: int,
        deadline_ns: int,
        expected: LeaseReading | None = None,
        new: LeaseValue | None = None,
    ) -> LeaseOrder:
        authority = self._cluster.authority
        assert authority is not None, "the engine asks only where the file names a store"
        return LeaseOrder(
            number=number,
            url=authority.lease,
            cluster_id=self._cluster.id.hex,
            group=group,
            node=self._node,
            ttl_s=authority.lease_ttl_ns / SECOND,
            deadline_ns=deadline_ns,
            keys=tuple((key.id, key.secret) for key in self.keys),
            expected=expected,
            new=new,
        )

    def _reading(self, reading: model.LeaseReading) -> LeaseReading:
        value = None if reading.record is None else self._value(reading.record)
        return LeaseReading(value, reading.version)

    def _value(self, record: LeaseRecord) -> LeaseValue:
        return LeaseValue(
            epoch=record.epoch,
            holder="" if record.holder is None else self._cluster.nodes[record.holder],
            incarnation=record.incarnation,
            nonce=f"{record.nonce:0{_NONCE_DIGITS}x}",
            ttl_ms=record.ttl_ms,
        )

    def told(self, op: Op, reply: Reply) -> LeaseTold:
        """What the engine hears of a worker's reply."""
        if reply.conflict:
            return LeaseTold(op.id, LeaseOutcome.CONFLICT, None, reply.detail)
        if reply.outcome is not Outcome.OK:
            return LeaseTold(op.id, LeaseOutcome(reply.outcome.value), None, reply.detail)
        try:
            assert reply.reading is not None, "the worker answers with a reading"
            return LeaseTold(op.id, LeaseOutcome.OK, self._record(reply.reading), "")
        except ValueError as problem:
            return LeaseTold(op.id, LeaseOutcome.UNKNOWN, None, str(problem))

    def _record(self, reading: LeaseReading) -> model.LeaseReading:
        """Raises ValueError for what this cluster did not write."""
        value = reading.value
        if value is None:
            return model.LeaseReading(None, reading.version)
        if value.holder and value.holder not in self._cluster.nodes:
            raise ValueError(
                f'the lease is held by "{value.holder}", which is no node of this cluster; '
                "is its id in another cluster's file as well?"
            )
        holder = self._cluster.nodes.index(value.holder) if value.holder else None
        nonce = int(value.nonce, 16)
        record = LeaseRecord(value.epoch, holder, value.incarnation, nonce, value.ttl_ms)
        return model.LeaseReading(record, reading.version)
