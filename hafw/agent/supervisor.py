"""Keeps the worker process alive, gives it orders, and answers for it when it does not.

One rule: every order ends, once: with the worker's reply, or as UNKNOWN at its deadline or when the
worker died. A worker that lets a deadline pass and does not come back is replaced.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import msgspec

from hafw.agent import clock
from hafw.core.model import Outcome
from hafw.worker.protocol import READY, Frames, Hello, Order, Reply, frame

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

RESPAWN_S: Final = (0.0, 0.2, 1.0, 2.0, 5.0)
"""Pauses before the next attempts; the last repeats."""
WARM_S: Final = 30.0
"""A worker that is not warm by then is replaced (cloud SDKs take up to 10 s without .pyc files)."""
GRACE_S: Final = 2.0
"""A worker that lets a deadline pass has this long to come back before it is replaced."""
SEND_BUFFER_BYTES: Final = 262_144
"""More than this unsent means that the worker hangs."""


class Supervisor:
    """The agent's side of the worker."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        hello: Hello,
        on_change: Callable[[bool, str], None],
        on_reply: Callable[[Reply], None],
    ) -> None:
        """`on_change(up, why)` when it becomes warm or dies; `on_reply` once for each order."""
        self._loop = loop
        self._hello = hello
        self._on_change = on_change
        self._on_reply = on_reply
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._frames = Frames()
        self._unsent = bytearray()
        self._deadlines: dict[int, asyncio.TimerHandle] = {}
        self._grace: asyncio.TimerHandle | None = None
        self._attempt = 0
        self._stopping = False
        self.warm = False
        self.trouble = "starting"
        self.restarts = -1

    @property
    def pid(self) -> int | None:
        """The worker's process id, while it runs."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Spawn the worker; `on_change` tells when it is warm."""
        if self._stopping:
            return
        self.restarts += 1
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)  # noqa: FBT003 - the standard library's signature
        command = [sys.executable, "-m", "hafw.worker.main", str(theirs.fileno())]
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL
        )
        theirs.close()
        self._channel = ours
        self._frames = Frames()
        self._unsent.clear()
        self._loop.add_reader(ours, self._readable)
        self._grace = self._loop.call_later(WARM_S, self._replace, "not warm in time")
        self._write(frame(self._hello))

    def stop(self) -> None:
        """End the worker; nothing is spawned any more."""
        self._stopping = True
        self._end("the agent is stopping")

    def order(self, order: Order, deadline_ns: int) -> None:
        """Give an order; it is answered by `deadline_ns` (BOOTTIME) at the latest."""
        if self._channel is None or not self.warm:
            self._loop.call_soon(
                self._on_reply, Reply(order.number, Outcome.UNKNOWN, "there is no worker")
            )
            return
        delay_s = max((deadline_ns - clock.boot_ns()) / 1e9, 0) + 0.05
        self._deadlines[order.number] = self._loop.call_later(delay_s, self._overdue, order.number)
        self._write(frame(order))

    def _overdue(self, number: int) -> None:
        if self._deadlines.pop(number, None) is None:
            return
        self._on_reply(Reply(number, Outcome.UNKNOWN, "no answer by the deadline"))
        if self._grace is None:
            self._grace = self._loop.call_later(GRACE_S, self._replace, "it hangs")

    def _readable(self) -> None:
        assert self._channel is not None
        try:
            data = self._channel.recv(65_536)
            messages = self._frames.feed(data)
        except BlockingIOError:
            return
        except (OSError, ValueError) as problem:
            self._replace(str(problem))
            return
        if not data:
            self._replace("it died")
            return
        for message in messages:
            self._take(msgspec.msgpack.decode(message, type=Reply))

    def _take(self, reply: Reply) -> None:
        if self._grace is not None:  # it answers: no need to replace it
            self._grace.cancel()
            self._grace = None
        if reply.number == READY:
            if reply.outcome is not Outcome.OK:
                self._replace(reply.detail)
                return
            self.warm, self.trouble, self._attempt = True, "", 0
            self._on_change(True, "")  # noqa: FBT003 - a callback's one flag
            return
        timer = self._deadlines.pop(reply.number, None)
        if timer is not None:  # else it was answered for already
            timer.cancel()
            self._on_reply(reply)

    def _write(self, data: bytes) -> None:
        if self._channel is None:
            return
        self._unsent += data
        if len(self._unsent) > SEND_BUFFER_BYTES:
            self._replace("it does not read its orders")
            return
        self._flush()

    def _flush(self) -> None:
        assert self._channel is not None
        try:
            sent = self._channel.send(self._unsent)
            del self._unsent[:sent]
        except BlockingIOError:
            pass
        except OSError as problem:
            self._replace(str(problem))
            return
        if self._unsent:
            self._loop.add_writer(self._channel, self._flush)
        else:
            self._loop.remove_writer(self._channel)

    def _replace(self, why: str) -> None:
        """The worker is of no use any more: end it, answer for it, start another."""
        pause_s = RESPAWN_S[min(self._attempt, len(RESPAWN_S) - 1)]
        self._attempt += 1
        self._end(why)
        if not self._stopping:
            self._loop.call_later(pause_s, self.start)

    def _end(self, why: str) -> None:
        was_warm, self.warm, self.trouble = self.warm, False, why
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
        if self._channel is not None:
            self._loop.remove_reader(self._channel)
            self._loop.remove_writer(self._channel)
            self._channel.close()
            self._channel = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if was_warm and not self._stopping:
            self._on_change(False, why)  # noqa: FBT003 - a callback's one flag
        orphans, self._deadlines = self._deadlines, {}
        for number, timer in orphans.items():
            timer.cancel()
            self._on_reply(Reply(number, Outcome.UNKNOWN, f"the worker: {why}"))
