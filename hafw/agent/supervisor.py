"""Keeps the worker process alive, gives it orders, and answers for it when it does not.

One rule: every order ends, once: with the worker's reply, or as UNKNOWN at its deadline or when the
worker died. A worker whose hook lets its deadline pass and does not come back is replaced; the next
starts only when it is certainly gone, because until then it could act.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from hafw.agent import clock
from hafw.core.model import Outcome
from hafw.worker.protocol import (
    MAX_FRAME,
    READY,
    AnyOrder,
    Frames,
    Hello,
    Reply,
    Rouse,
    frame,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

COMMAND: Final = (sys.executable, "-m", "hafw.worker.main")
RESPAWN_S: Final = (0.0, 0.2, 1.0, 2.0, 5.0)
"""Pauses before the next attempts; the last repeats."""
WARM_S: Final = 30.0
"""A worker that is not warm by then is replaced (cloud SDKs take up to 10 s without .pyc files)."""
AGAIN_S: Final = RESPAWN_S[-1]
"""How often it tries again to prepare for a group for which it could not."""
SLACK_S: Final = 0.05
"""A worker that ended an order at its deadline has this long to say so."""
GRACE_S: Final = 2.0
"""A hook that lets its deadline pass has this long to come back before the worker is replaced."""
REAP_S: Final = 0.02
"""How often to look whether a killed worker is gone."""
END_S: Final = 1.0
"""An ending agent waits this long for that."""
UNSENT_BYTES: Final = 2 * MAX_FRAME
"""More than this unsent means that the worker does not read."""


class Supervisor:
    """The agent's side of the worker."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        hello: Hello,
        on_change: Callable[[bool, str], None],
        on_reply: Callable[[Reply], None],
        command: Sequence[str] = COMMAND,
    ) -> None:
        """`on_change(up, why)` when it becomes warm, tried what is `cold` again, or is given up.

        `on_reply` once for each order. Both are called by the loop, never from within a call of
        this object. `command` is given the number of the worker's end of a socketpair as its last
        word.
        """
        self._loop = loop
        self._hello = hello
        self._on_change = on_change
        self._on_reply = on_reply
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._dying: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._frames = Frames()
        self._unsent = bytearray()
        self._awaited: dict[int, asyncio.TimerHandle] = {}
        self._overdue: dict[int, asyncio.TimerHandle] = {}
        self._warming: asyncio.TimerHandle | None = None
        self._again: asyncio.TimerHandle | None = None
        self._attempt = 0
        self._stopping = False
        self.warm = False
        self.cold: dict[int, str] = {}
        self.trouble = "starting"
        self.restarts = -1

    @property
    def pid(self) -> int | None:
        """The worker's process id, while it runs."""
        return self._process.pid if self._process is not None else None

    # --- its life -----------------------------------------------------------------------------

    def start(self) -> None:
        """Spawn the worker, once the one before is gone; `on_change` tells when it is warm."""
        if self._stopping:
            return
        if self._dying is not None and self._dying.poll() is None:
            self._loop.call_later(REAP_S, self.start)
            return
        self._dying = None
        self.restarts += 1
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            ours.setblocking(False)  # noqa: FBT003 - the standard library's signature
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own module
                    [*self._command, str(theirs.fileno())],
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=sys.__stderr__,  # what a plugin prints belongs into the agent's log
                )
            except OSError as problem:
                ours.close()
                self._replace(f"it cannot be started: {problem}")
                return
        self._channel = ours
        self._frames = Frames()
        self._loop.add_reader(ours, self._readable)
        self._warming = self._loop.call_later(WARM_S, self._replace, "it was not warm in time")
        self._write(frame(self._hello))

    def stop(self) -> None:
        """End the worker; nothing is spawned any more, and nobody is told."""
        self._stopping = True
        self._end("the agent is stopping")
        if self._dying is not None:
            with suppress(subprocess.TimeoutExpired):
                self._dying.wait(END_S)

    def _replace(self, why: str) -> None:
        """The worker is of no use any more: end it, answer for it, start another."""
        pause_s = RESPAWN_S[min(self._attempt, len(RESPAWN_S) - 1)]
        self._attempt += 1
        self._end(why)
        self._loop.call_later(pause_s, self.start)

    def _end(self, why: str) -> None:
        was_warm, self.warm, self.trouble = self.warm, False, why
        timers = (*self._awaited.values(), *self._overdue.values(), self._warming, self._again)
        for timer in timers:
            if timer is not None:
                timer.cancel()
        orphans, self._awaited, self._overdue = list(self._awaited), {}, {}
        self._warming = None
        self._unsent.clear()
        if self._channel is not None:
            self._loop.remove_reader(self._channel)
            self._loop.remove_writer(self._channel)
            self._channel.close()
            self._channel = None
        if self._process is not None:
            self._process.kill()
            self._dying, self._process = self._process, None
        if self._stopping:
            return
        if was_warm:
            self._loop.call_soon(self._on_change, False, why)  # noqa: FBT003 - a callback's flag
        for number in orphans:
            self._answer(number, Outcome.UNKNOWN, f"the worker: {why}")

    # --- orders and replies -------------------------------------------------------------------

    def order(self, order: AnyOrder, deadline_ns: int) -> None:
        """Give an order; it is answered by `deadline_ns` (BOOTTIME) at the latest."""
        if not self.warm:
            self._answer(order.number, Outcome.FAILED_NO_EFFECT, f"no worker: {self.trouble}")
            return
        left_s = max((deadline_ns - clock.boot_ns()) / 1e9, 0) + SLACK_S
        self._awaited[order.number] = self._loop.call_later(left_s, self._expire, order.number)
        self._write(frame(order))

    def rouse(self) -> None:
        """Wake the worker: an order may follow, and who has slept needs milliseconds for it."""
        if self.warm:
            self._write(frame(Rouse()))

    def _answer(self, number: int, outcome: Outcome, detail: str) -> None:
        self._loop.call_soon(self._on_reply, Reply(number, outcome, detail))

    def _expire(self, number: int) -> None:
        """The deadline of an order has passed."""
        del self._awaited[number]
        self._answer(number, Outcome.UNKNOWN, "no answer by the deadline")
        self._overdue[number] = self._loop.call_later(GRACE_S, self._replace, "it hangs")

    def _readable(self) -> None:
        assert self._channel is not None
        try:
            data = self._channel.recv(65_536)
            replies = [
                msgspec.msgpack.decode(message, type=Reply) for message in self._frames.feed(data)
            ]
        except BlockingIOError:
            return
        except OSError:  # it died with orders unread
            data, replies = b"", []
        except (ValueError, msgspec.MsgspecError) as problem:
            self._replace(f"what it says is no reply: {problem}")
            return
        if not data:
            self._replace("it died")
            return
        for reply in replies:
            self._take(reply)

    def _take(self, reply: Reply) -> None:
        if reply.number == READY:
            self._is_warm(reply)
            return
        came_back = self._overdue.pop(reply.number, None)
        if came_back is not None:  # it was answered for at its deadline
            came_back.cancel()
        timer = self._awaited.pop(reply.number, None)
        if timer is not None:
            timer.cancel()
            self._on_reply(reply)

    def _is_warm(self, reply: Reply) -> None:
        if reply.outcome is not Outcome.OK:
            self._replace(reply.detail)
            return
        self.cold = reply.cold
        if self.cold:
            self._again = self._loop.call_later(AGAIN_S, self._warm_again)
        if self._warming is not None:
            self._warming.cancel()
            self._warming = None
            self.warm, self.trouble, self._attempt = True, "", 0
        self._on_change(True, "")  # noqa: FBT003 - a callback's flag

    def _warm_again(self) -> None:
        """Let the worker try again what it could not prepare for."""
        self._write(frame(self._hello.part(self.cold)))

    # --- the channel --------------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        self._unsent += data
        if len(self._unsent) > UNSENT_BYTES:
            self._replace("it does not read its orders")
            return
        self._flush()

    def _flush(self) -> None:
        if self._channel is None:
            return
        try:
            sent = self._channel.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError as problem:
            self._replace(f"it takes no orders: {problem}")
            return
        del self._unsent[:sent]
        if self._unsent:
            self._loop.add_writer(self._channel, self._flush)
        else:
            self._loop.remove_writer(self._channel)
