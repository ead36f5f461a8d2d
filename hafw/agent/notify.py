"""Tells systemd how the agent is (sd_notify(3)): ready, status, and the watchdog.

One rule: the watchdog is fed by the engine's own step, never by a timer beside it.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress


class SystemdNotifier:
    """Sends to $NOTIFY_SOCKET; without one it does nothing."""

    def __init__(self) -> None:
        """Take the address out of the environment, so that no child inherits it."""
        self._address = os.environ.pop("NOTIFY_SOCKET", "")
        usec = os.environ.pop("WATCHDOG_USEC", "")
        self.watchdog_ns = int(usec) * 1_000 // 2 if usec.isdigit() else 0
        self._fed_ns = 0
        self._status = ""

    def send(self, *lines: str) -> None:
        """Send assignments such as READY=1."""
        if not self._address:
            return
        address = self._address
        if address.startswith("@"):
            address = "\0" + address[1:]
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto("\n".join(lines).encode(), address)

    def stepped(self, now_ns: int) -> None:
        """The engine made a step at `now_ns`."""
        if self.watchdog_ns and now_ns - self._fed_ns >= self.watchdog_ns:
            self._fed_ns = now_ns
            self.send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """What `systemctl status` shows."""
        if text != self._status:
            self._status = text
            self.send(f"STATUS={text}")
