"""Carries out an order about a resource that is no VIP, such as a disk: a start, or a stop.

One rule: a receipt is all that says that it is done; an answer of another kind leaves it open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hafw.core.model import Outcome
from hafw.hooks.errors import UnknownOutcome
from hafw.hooks.resources import ResourceReceipt, ResourceRequest
from hafw.worker.protocol import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hafw.hooks.registry import Registry
    from hafw.worker.protocol import ResourceOrder


def warm(orders: Iterable[ResourceOrder], provider: str, registry: Registry) -> None:
    """Let a provider prepare for what it has in the cluster file. Raises what it raises."""
    theirs = tuple(_request(order) for order in orders if order.provider == provider)
    if theirs:
        registry.prepare(provider, "hafw_resource_warm", requests=theirs)


def run(order: ResourceOrder, registry: Registry) -> Reply:
    """Start or stop it. Raises what the plugin raises."""
    value = registry.call(order.provider, order.hook, request=_request(order))
    if not isinstance(value, ResourceReceipt):
        wrong = f"{order.hook} of {order.provider} answered a {type(value).__name__}"
        raise UnknownOutcome(wrong)
    return Reply(order.number, Outcome.OK, value.detail)


def _request(order: ResourceOrder) -> ResourceRequest:
    return ResourceRequest(**msgspec.structs.asdict(order.resource))
