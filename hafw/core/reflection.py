"""Echoes to the ping nodes, and what they prove.

One rule: a beat that was not sent is a beat that was not answered. Everything is dated by the
moment of sending.

Why an answered echo is evidence: each beat sends first a heartbeat that the ping node reflects to
the peer, then the echo. If the echo came back, the way to the ping node works; if the peer's own
echoes come back, the way from there to the peer works; so the peer hears us. Who hears nothing on
any path while its echoes are answered knows that the other's are not, or that it is dead.
The rules were checked exhaustively at small bounds in a model of their own.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from hafw.core.duties import NEVER
from hafw.core.liveness import SENT_KEPT
from hafw.core.settings import REFLECT_FORGIVEN, REFLECT_MIN_ANSWERED

if TYPE_CHECKING:
    from hafw.core.settings import Settings


class Echoes:
    """Our echoes to one ping node: sent, answered, and what follows."""

    __slots__ = ("_answered", "_newest_answered", "_sent")

    def __init__(self) -> None:
        """Start with nothing sent."""
        self._sent: deque[tuple[int, int]] = deque()  # (number, sent_ns), oldest first
        self._answered: set[int] = set()
        self._newest_answered: list[int] = [NEVER] * REFLECT_MIN_ANSWERED  # sent_ns, newest first

    def send(self, n: int, now_ns: int, oldest_ns: int) -> None:
        """Echo `n` goes out now. Forgets what is older."""
        self._sent.append((n, now_ns))
        while self._sent[0][1] < oldest_ns or len(self._sent) > SENT_KEPT:
            forgotten, _ = self._sent.popleft()
            self._answered.discard(forgotten)

    def answer(self, n: int) -> bool:
        """Echo `n` was answered; False if it is unknown, forgotten or answered before."""
        if n in self._answered or not self._sent or n < self._sent[0][0]:
            return False
        for number, sent_ns in reversed(self._sent):
            if number == n:
                self._answered.add(n)
                newest = self._newest_answered
                newest.append(sent_ns)
                newest.sort(reverse=True)
                newest.pop()
                return True
            if number < n:
                return False
        return False

    @property
    def newest_ns(self) -> int:
        """When the newest answered echo was sent."""
        return self._newest_answered[0]

    @property
    def mth_ns(self) -> int:
        """When the M-th newest answered echo was sent: M of them show that the path works."""
        return self._newest_answered[-1]

    def unbroken(self, now_ns: int, since_ns: int, settings: Settings) -> bool:
        """Whether every echo since `since_ns` was sent in time and answered, but K.

        An echo younger than L may still be on its way.
        """
        spacing_ns = settings.beat_ns + settings.max_delay_ns
        missed = 0
        later_ns = now_ns
        for number, sent_ns in reversed(self._sent):
            if later_ns - sent_ns > spacing_ns:
                return False
            if number not in self._answered and now_ns - sent_ns >= settings.max_delay_ns:
                missed += 1
                if missed > REFLECT_FORGIVEN:
                    return False
            if sent_ns <= since_ns:
                return True
            later_ns = sent_ns
        return False
