"""Asks, through the worker, what the cloud has announced for this machine.

One rule: what was last heard stands until something else is heard; silence takes nothing back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.agent import clock
from hafw.core.model import NoticeCame, Outcome
from hafw.worker.protocol import NOBODY, NoticeOrder

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from hafw.agent.supervisor import Supervisor
    from hafw.worker.protocol import Reply

EVERY_S: Final = 5.0
"""Google Cloud announces the end of a preemptible machine 30 s ahead, AWS two minutes."""
WITHIN_NS: Final = 15_000_000_000
"""Longer than any metadata service needs to be given up: a worker that is late is replaced."""


class Notices:
    """The notices of this machine."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        supervisor: Supervisor,
        tell: Callable[[NoticeCame], None],
    ) -> None:
        """`tell` hears what is announced whenever that changes."""
        self._loop = loop
        self._supervisor = supervisor
        self._tell = tell
        self._known = ""
        self._number = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Ask the worker, which has just become warm, and from then on every few seconds."""
        if self._timer is not None:
            self._timer.cancel()
        self._number -= 1  # the engine's operations count upwards
        deadline_ns = clock.boot_ns() + WITHIN_NS
        self._supervisor.order(NoticeOrder(self._number, deadline_ns), deadline_ns)

    def replied(self, reply: Reply) -> None:
        """Hear the answer, and plan the next question; a worker of no such plugin is left alone."""
        if reply.number != self._number or not self._supervisor.warm or reply.detail == NOBODY:
            return
        self._timer = self._loop.call_later(EVERY_S, self.begin)
        if reply.outcome is Outcome.OK and reply.detail != self._known:
            self._known = reply.detail
            self._tell(NoticeCame(reply.detail))
