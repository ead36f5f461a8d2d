"""What a worker makes of the notices of its plugins."""

from __future__ import annotations

from typing import Final

import pytest

from hafw.core.model import Outcome
from hafw.hooks.errors import Retryable
from hafw.hooks.hookspecs import Notice, NoticeRequest, hookimpl
from hafw.hooks.registry import Registry
from hafw.worker import notices
from hafw.worker.protocol import NOBODY, NoticeOrder, Reply

ORDER: Final = NoticeOrder(-3, 2**62)


class Cloud:
    """A plugin that tells of these."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    @hookimpl
    def hafw_notice_read(self, request: NoticeRequest) -> object:
        assert request.deadline_ns == ORDER.deadline_ns
        return self.answer


def asked(*answers: object) -> Reply:
    registry = Registry()
    for answer in answers:
        registry.manager.register(Cloud(answer))
    return notices.run(ORDER, registry)


def test_all_that_is_near_is_told_in_an_order_that_does_not_change() -> None:
    first, second = Notice("b: a freeze", 0.0), Notice("a: the end", 899.0)
    assert asked((first, second)) == asked((second,), (first,))
    assert asked((first, second)) == Reply(-3, Outcome.OK, "a: the end; b: a freeze")


def test_what_is_far_off_is_not_told_yet() -> None:
    assert asked((Notice("retirement", 901.0),)) == Reply(-3, Outcome.OK, "")


def test_nothing_announced_is_an_answer() -> None:
    assert asked(()) == Reply(-3, Outcome.OK, "")


def test_where_no_plugin_can_tell_nobody_need_ask_again() -> None:
    assert asked() == Reply(-3, Outcome.FAILED_NO_EFFECT, NOBODY)


@pytest.mark.parametrize("answer", ["soon", None, ("soon",)])
def test_an_answer_of_the_wrong_kind_is_named(answer: object) -> None:
    with pytest.raises(Retryable, match="hafw_notice_read"):
        asked(answer or "")
