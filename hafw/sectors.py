"""A shared block device as sectors, each with a header that names its purpose and its cluster.

One rule: every read and write is one logical sector, past every cache, and checked by its checksum.
A buffered read may return what stood there for ever: another host's write invalidates nothing here.

Layout: units of 4,096 bytes, whatever the sector size, so that both sizes can be served; only the
first sector of a unit is used. Unit 0 has the header alone, and says whose the device is.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import struct
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from hafw.hooks.errors import Denied, Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable

UNIT: Final = 4_096
POLL_S: Final = 0.002
_READS: Final = 20
"""How often a sector with a wrong checksum is read again: it may be being written."""

_HEADER: Final = struct.Struct("!8sB16s")
_CRC: Final = struct.Struct("!I")
_F_OFD_SETLK: Final = 37  # linux/fcntl.h
_FLOCK: Final = struct.Struct("hhqqi4x")


@dataclass(frozen=True, slots=True)
class Layout:
    """What a device is for: eight letters, the version of its format, and its units.

    `kind`: what it is called in a message.
    """

    magic: bytes
    form: int
    units: int
    kind: str

    @property
    def size(self) -> int:
        """The bytes that are needed."""
        return UNIT * self.units


class Damaged(Exception):
    """A sector does not say anything that hafw wrote; the message says which."""


class Sectors:
    """An open device of one cluster."""

    def __init__(
        self, path: str, cluster: bytes, layout: Layout, expired: Callable[[], bool]
    ) -> None:
        """`expired`: has the deadline passed? Raises Misconfigured, OSError, TimeoutError."""
        self._path = path
        self._cluster = cluster
        self._layout = layout
        self._expired = expired
        self._buffer = mmap.mmap(-1, UNIT)  # of a page: aligned as every device wants it
        self._fd = _open(path)
        try:
            self._sector = self._sector_size()
            self._check_header()
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> Self:
        """It is open already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it; that also lets go of every lock."""
        os.close(self._fd)
        self._buffer.close()

    def lock(self, unit: int) -> None:
        """Keep every other process of this node off a unit until the device is closed.

        A process that hangs in a write keeps the lock, so that no write of it can land after a
        younger one of its successor's.
        """
        wanted = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, unit * UNIT, 1, 0)
        while True:
            try:
                fcntl.fcntl(self._fd, _F_OFD_SETLK, wanted)
            except OSError as problem:
                if problem.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
            else:
                return
            if self._expired():
                raise TimeoutError("another process of this node uses the disk")
            time.sleep(POLL_S)

    def read(self, unit: int) -> bytes:
        """What was written there, with zeros after it; empty if nothing ever was.

        Raises Damaged, Misconfigured, OSError, TimeoutError.
        """
        data = self._checked(unit * UNIT)
        if not any(data):
            return b""
        self._check_owner(data)
        return data[_HEADER.size : -_CRC.size]

    def write(self, unit: int, data: bytes) -> None:
        """Write a unit, durably. Raises OSError; its effect is open then."""
        self._write(unit * UNIT, self._header() + data)

    def _header(self) -> bytes:
        return _HEADER.pack(self._layout.magic, self._layout.form, self._cluster)

    def _check_header(self) -> None:
        """Make sure that the device is this cluster's; a blank one becomes it."""
        size = self._layout.size
        if os.lseek(self._fd, 0, os.SEEK_END) < size:
            raise Misconfigured(f"disk:{self._path} is smaller than {size // 1024} KiB")
        data = self._checked(0)
        if not any(data):
            if any(any(self._read(offset, UNIT)) for offset in range(0, size, UNIT)):
                data = self._checked(0)  # the other node may have been first
            else:
                self._write(0, self._header())
                data = self._checked(0)
        self._check_owner(data)

    def _check_owner(self, data: bytes) -> None:
        magic, form, cluster = _HEADER.unpack_from(data)
        if (magic, form) != (self._layout.magic, self._layout.form):
            count = -(-self._layout.size // 2**20)
            raise Misconfigured(
                f"disk:{self._path} is not blank, and is no {self._layout.kind} of this version; "
                "if nothing on it is wanted any more: "
                f"dd if=/dev/zero of={self._path} bs=1M count={count}"
            )
        if cluster != self._cluster:
            raise Misconfigured(
                f"disk:{self._path} belongs to another cluster ({cluster.hex()}); each cluster "
                "needs a disk or partition of its own"
            )

    def _checked(self, offset: int) -> bytes:
        """A sector, read again as long as it is not whole: the disk may not write it at once."""
        for _ in range(_READS):
            data = self._read(offset, self._sector)
            crc = _CRC.unpack_from(data, self._sector - _CRC.size)[0]
            if not any(data) or crc == zlib.crc32(data[: self._sector - _CRC.size]):
                return data
            if not data.startswith(self._layout.magic):
                self._check_owner(data)
            time.sleep(POLL_S)
        raise Damaged(f"the sector at byte {offset} of {self._path} has a wrong checksum")

    def _read(self, offset: int, size: int) -> bytes:
        if self._expired():
            raise TimeoutError("the deadline has passed")
        if os.preadv(self._fd, [memoryview(self._buffer)[:size]], offset) != size:
            raise OSError(errno.EIO, "a sector was read in part")
        return self._buffer[:size]

    def _write(self, offset: int, data: bytes) -> None:
        if self._expired():
            raise TimeoutError("the deadline has passed")
        padded = data.ljust(self._sector - _CRC.size, b"\0")
        self._buffer[: self._sector] = padded + _CRC.pack(zlib.crc32(padded))
        count = os.pwritev(self._fd, [memoryview(self._buffer)[: self._sector]], offset)
        if count != self._sector:
            raise OSError(errno.EIO, "a sector was written in part")

    def _sector_size(self) -> int:
        """The smallest piece that the disk reads past the cache: its logical sector."""
        for size in (512, UNIT):
            try:
                os.preadv(self._fd, [memoryview(self._buffer)[:size]], 0)
            except OSError as problem:
                if problem.errno != errno.EINVAL:
                    raise
            else:
                return size
        raise Misconfigured(f"disk:{self._path} has sectors larger than {UNIT} bytes")


def _open(path: str) -> int:
    """Open a block device, or a file that stands for one, past the cache."""
    try:
        mode = Path(path).stat().st_mode
        if not stat.S_ISBLK(mode) and not stat.S_ISREG(mode):
            raise Misconfigured(f"disk:{path} is no block device")
        return os.open(path, os.O_RDWR | os.O_DIRECT | os.O_DSYNC | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Misconfigured(
            f"disk:{path} does not exist; name a block device that both nodes see"
        ) from None
    except PermissionError:
        raise Denied(f"disk:{path} may not be written by this user") from None
    except OSError as problem:
        if problem.errno != errno.EINVAL:
            raise
        raise Misconfigured(f"disk:{path} cannot be read past the cache (O_DIRECT)") from None
