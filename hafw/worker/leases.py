"""Carries out an order about a lease: one read or one swap at the store that its URL names.

One rule: only what the store itself has proved is a conflict; whatever else a swap ends with says
whether it can have been written.
"""

from __future__ import annotations

import dataclasses
import traceback
from typing import TYPE_CHECKING

import msgspec

from hafw.core.model import Outcome
from hafw.core.wire import Key
from hafw.hooks import hookspecs
from hafw.hooks.errors import Conflict, UnknownOutcome
from hafw.hooks.registry import store_of
from hafw.worker.protocol import LeaseReading, Reply

if TYPE_CHECKING:
    from hafw.hooks.registry import Registry
    from hafw.worker.protocol import LeaseOrder, LeaseValue


def warm(order: LeaseOrder, registry: Registry) -> None:
    """Prepare a store. What is wrong with it is said by every read; a service needs no store."""
    try:
        registry.warm_lease(_request(order))
    except Exception:  # noqa: BLE001 - a plugin may raise anything
        traceback.print_exc()


def run(order: LeaseOrder, registry: Registry) -> Reply:
    """Read or swap. Raises whatever the store raises, but for a conflict."""
    store = store_of(order.url)
    if order.new is None:
        value = registry.call(store, "hafw_lease_read", request=_request(order))
    else:
        try:
            value = registry.call(store, "hafw_lease_swap", request=_swap(order))
        except Conflict as problem:
            why = str(problem)
            return Reply(order.number, Outcome.FAILED_NO_EFFECT, why, conflict=True)
    if not isinstance(value, hookspecs.LeaseReading):
        raise UnknownOutcome(f"{order.url}: the store answered a {type(value).__name__}")
    reading = msgspec.convert(value, LeaseReading, from_attributes=True)
    return Reply(order.number, Outcome.OK, reading=reading)


def _request(order: LeaseOrder) -> hookspecs.LeaseRequest:
    return hookspecs.LeaseRequest(
        url=order.url,
        cluster_id=order.cluster_id,
        group=order.group,
        node=order.node,
        ttl_s=order.ttl_s,
        deadline_ns=order.deadline_ns,
        keys=tuple(Key(*key) for key in order.keys),
    )


def _swap(order: LeaseOrder) -> hookspecs.LeaseSwap:
    assert order.expected is not None
    assert order.new is not None
    read = _request(order)
    fields = {field.name: getattr(read, field.name) for field in dataclasses.fields(read)}
    value = order.expected.value
    expected = hookspecs.LeaseReading(
        value=None if value is None else _value(value), version=order.expected.version
    )
    return hookspecs.LeaseSwap(**fields, expected=expected, new=_value(order.new))


def _value(value: LeaseValue) -> hookspecs.LeaseValue:
    return hookspecs.LeaseValue(**msgspec.structs.asdict(value))
