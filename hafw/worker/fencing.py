"""Carries out an order to switch the other node off.

One rule: OK means that a device was read and said off; whatever else came of it, the other node may
be running.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from hafw.core.model import Outcome
from hafw.fences import levels
from hafw.hooks.errors import UnknownOutcome
from hafw.worker.protocol import Reply

if TYPE_CHECKING:
    from hafw.fences.levels import Attempt
    from hafw.hooks.registry import Registry
    from hafw.worker.protocol import FenceOrder


def warm(order: FenceOrder, registry: Registry) -> None:
    """Prepare every level. What is wrong with one is said when it is needed, and by precheck."""
    for level in order.levels:
        try:
            levels.warm(registry, level, _aim(order))
        except Exception:  # noqa: BLE001 - a plugin may raise anything; the next level is the remedy
            traceback.print_exc()


def run(order: FenceOrder, registry: Registry) -> Reply:
    """Switch it off. Raises Misconfigured, or UnknownOutcome where it may have been ordered."""
    record = levels.switch_off(registry, order.levels, _aim(order))
    told = "; ".join(_told(attempt) for attempt in record.attempts)
    if record.confirmed is not None:
        return Reply(order.number, Outcome.OK, told)
    if record.no_effect:
        return Reply(order.number, Outcome.FAILED_NO_EFFECT, told)
    raise UnknownOutcome(told)


def _aim(order: FenceOrder) -> levels.Aim:
    return levels.Aim(
        cluster_id=order.cluster_id, sender=order.sender, target=order.target, op=order.op
    )


def _told(attempt: Attempt) -> str:
    """The evidence, for the journal."""
    if attempt.receipt is None:
        return f"{attempt.method}: {attempt.result}: {attempt.detail}"
    seen = ", ".join(sighting.state for sighting in attempt.receipt.seen)
    return f"{attempt.method}: {attempt.receipt.identity}: {attempt.result}: {seen}"
