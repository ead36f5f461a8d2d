"""Asks the plugins what the services under this machine have announced for it.

One rule: what is far off is nobody's business yet, and what cannot be asked is no evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core.model import Outcome
from hafw.hooks.errors import Retryable
from hafw.hooks.hookspecs import Notice, NoticeRequest
from hafw.worker.protocol import NOBODY, Reply

if TYPE_CHECKING:
    from hafw.hooks.registry import Registry
    from hafw.worker.protocol import NoticeOrder

SOON_S: Final = 900.0
"""AWS announces a retirement two weeks ahead; a quarter of an hour before it, the groups go."""


def run(order: NoticeOrder, registry: Registry) -> Reply:
    """What is announced, in words that stay the same until it changes; '' for nothing.

    Raises Retryable for an answer of the wrong kind, or what a plugin raises.
    """
    answers = registry.call_all(
        "hafw_notice_read", request=NoticeRequest(deadline_ns=order.deadline_ns)
    )
    if not answers:
        return Reply(order.number, Outcome.FAILED_NO_EFFECT, NOBODY)
    notices = [notice for answer in answers for notice in _checked(answer)]
    soon = {notice.what for notice in notices if notice.within_s <= SOON_S}
    return Reply(order.number, Outcome.OK, "; ".join(sorted(soon)))


def _checked(answer: object) -> tuple[Notice, ...]:
    if isinstance(answer, tuple) and all(isinstance(one, Notice) for one in answer):
        return answer
    raise Retryable(f"hafw_notice_read answered {answer!r:.80}, which is no tuple of notices", 0.0)
