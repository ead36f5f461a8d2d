"""A watchdog: what switches this machine off unless it is petted in time.

One rule: it is armed with the time that was asked for or little less; what rounds up is refused.

Two kinds: a device of the kernel (Linux: Documentation/watchdog/watchdog-api), and a Unix socket of
a daemon that keeps such a device for several programs, in the manner of Proxmox' `watchdog-mux`: a
byte pets, `V` ends it, and a connection that breaks off without it is not petted any more.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

PET: Final = b"\0"
DISARM: Final = b"V"
"""The "magic close": a device that is closed without it goes on counting."""
SOCKET_PATIENCE_S: Final = 1.0
_INT: Final = struct.Struct("i")
# linux/watchdog.h: _IOWR('W', 6, int), _IOR('W', 7, int)
_SETTIMEOUT: Final = 0xC004_5706
_GETTIMEOUT: Final = 0x8004_5707


class WatchdogRefused(Exception):
    """It cannot be relied on; the text says why, and what to do."""


class Watchdog(Protocol):
    """An armed watchdog."""

    def pet(self) -> None:
        """Begin its time anew. Raises OSError."""

    def close(self, *, disarm: bool) -> None:
        """Let go of it; unless `disarm`, it goes on counting."""


def arm(path: str, timeout_s: int) -> Watchdog:
    """Open it: from now on this machine goes off when it is not petted for so long.

    Raises OSError and WatchdogRefused.
    """
    if stat.S_ISSOCK(Path(path).stat().st_mode):
        return _Daemon(path)
    return _Device(path, timeout_s)


class _Device:
    def __init__(self, path: str, timeout_s: int) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            _set_timeout(self._fd, path, timeout_s)
        except BaseException:
            self.close(disarm=True)
            raise

    def pet(self) -> None:
        os.write(self._fd, PET)

    def close(self, *, disarm: bool) -> None:
        if disarm:
            with suppress(OSError):
                os.write(self._fd, DISARM)
        os.close(self._fd)


def _set_timeout(fd: int, path: str, timeout_s: int) -> None:
    """Ask for it, and read it back: drivers round, and some ignore it. Raises WatchdogRefused."""
    fcntl.ioctl(fd, _SETTIMEOUT, _INT.pack(timeout_s))
    (granted,) = _INT.unpack(fcntl.ioctl(fd, _GETTIMEOUT, _INT.pack(0)))
    if not timeout_s <= 2 * granted <= 2 * timeout_s:  # much less would strike between two pets
        raise WatchdogRefused(
            f"{path} counts {granted} s where {timeout_s} s were asked for; set the timeout in "
            "[nodes.NAME.watchdog] to what it can do"
        )


class _Daemon:
    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(SOCKET_PATIENCE_S)
            self._socket.connect(path)
            self._socket.setblocking(False)  # noqa: FBT003 - the standard library's signature
            self.pet()
        except BaseException:
            self._socket.close()
            raise

    def pet(self) -> None:
        self._socket.send(PET)

    def close(self, *, disarm: bool) -> None:
        if disarm:
            with suppress(OSError):
                self._socket.send(DISARM)
        self._socket.close()
