"""Tells systemd how the agent is (sd_notify(3)): ready, status, leaving, and the watchdog.

One rule: the watchdog is fed by the engine's own step, never by a timer beside it. Nobody who does
not listen can hold the agent up.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Final

from hafw.core.duties import FOREVER
from hafw.core.operator import LINGER_NS, STOP_NS

LEAVING_USEC: Final = (STOP_NS + LINGER_NS + 5_000_000_000) // 1_000
"""How long a graceful stop may take, plus what the agent needs to end."""


class SystemdNotifier:
    """Sends to $NOTIFY_SOCKET; without one it does nothing."""

    def __init__(self) -> None:
        """Take the address out of the environment, so that no child inherits it."""
        self._address = os.environ.pop("NOTIFY_SOCKET", "")
        usec = os.environ.pop("WATCHDOG_USEC", "")
        for_us = os.environ.pop("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self._feed_ns = int(usec) * 1_000 // 2 if for_us and usec.isdigit() else 0
        self._fed_ns = 0
        self._status = ""
        self._leaving = False

    def send(self, *lines: str) -> None:
        """Send assignments such as READY=1."""
        if not self._address:
            return
        address = self._address
        if address.startswith("@"):
            address = "\0" + address[1:]
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        with suppress(OSError), socket.socket(socket.AF_UNIX, kind) as out:
            out.sendto("\n".join(lines).encode(), address)

    def status(self, text: str) -> None:
        """What `systemctl status` shows; sent when it changed."""
        if text != self._status:
            self._status = text
            self.send(f"STATUS={text}")

    def stepped(self, now_ns: int, *, leaving: bool) -> None:
        """The engine made a step at `now_ns`; `leaving`: a graceful stop is under way."""
        if leaving and not self._leaving:
            self._leaving = True
            self.send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={LEAVING_USEC}")
        if self._feed_ns and now_ns - self._fed_ns >= self._feed_ns:
            self._fed_ns = now_ns
            self.send("WATCHDOG=1")

    def due_ns(self) -> int:
        """A step is wanted no later than this, to feed the watchdog."""
        return self._fed_ns + self._feed_ns if self._feed_ns else FOREVER
