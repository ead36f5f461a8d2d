"""The shared disk as sectors: a header that names the cluster, and two blocks for each group.

One rule: every read and write is one logical sector, past every cache, and checked by its checksum.
A buffered read may return what stood there for ever: another host's write invalidates nothing here.

Layout: units of 4,096 bytes, whatever the sector size, so that both sizes can be served; only the
first sector of a unit is used. Unit 0: header; unit 1 + 2 * group + node: the block of a node.
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
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from hafw.hooks.errors import Denied, Misconfigured
from hafw.stores.disk.ballots import Block, Value

if TYPE_CHECKING:
    from collections.abc import Callable

UNIT: Final = 4_096
GROUPS: Final = 256
SIZE: Final = UNIT * (1 + 2 * GROUPS)
MAX_HOLDER: Final = 64
ID_LEN: Final = 16
POLL_S: Final = 0.002
_READS: Final = 20
"""How often a sector with a wrong checksum is read again: it may be being written."""

_MAGIC: Final = b"hafwdisk"
_FORMAT: Final = 1
_HEADER: Final = struct.Struct("!8sB16s")
_BLOCK: Final = struct.Struct("!8sB16sBBQQBQQ16sIB64s")
_CRC: Final = struct.Struct("!I")
_F_OFD_SETLK: Final = 37  # linux/fcntl.h
_FLOCK: Final = struct.Struct("hhqqi4x")


class Damaged(Exception):
    """A sector does not say anything that hafw wrote; the message says which."""


class Disk:
    """An open disk of one cluster."""

    def __init__(self, path: str, cluster: bytes, expired: Callable[[], bool]) -> None:
        """`expired`: has the deadline passed? Raises Misconfigured, OSError, TimeoutError."""
        self._path = path
        self._cluster = cluster
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
        """Close it; that also lets go of the lock."""
        os.close(self._fd)
        self._buffer.close()

    def lock(self, group: int, node: int) -> None:
        """Keep every other process of this node off its block until the disk is closed.

        A process that hangs in a write keeps the lock, so that no write of it can land after a
        younger one of its successor's.
        """
        wanted = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _offset(group, node), 1, 0)
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

    def read(self, group: int, node: int) -> Block:
        """The block of a node. Raises Damaged, OSError, TimeoutError."""
        data = self._checked(_offset(group, node))
        if not any(data):
            return Block()
        magic, form, cluster, its_group, its_node, promised, ballot, has_value, *value = (
            _BLOCK.unpack_from(data)
        )
        self._check_owner(magic, form, cluster)
        if (its_group, its_node) != (group, node):
            raise Damaged(f"the sector of group {group}, node {node} is another's")
        return Block(promised, ballot, _value(*value) if has_value else None)

    def write(self, group: int, node: int, block: Block) -> None:
        """Write the block of a node, durably. Raises OSError; its effect is open then."""
        value = block.value or Value(0, 0, bytes(ID_LEN), "", 0)
        holder = value.holder.encode()
        data = _BLOCK.pack(
            _MAGIC,
            _FORMAT,
            self._cluster,
            group,
            node,
            block.promised,
            block.ballot,
            block.value is not None,
            value.epoch,
            value.incarnation,
            value.nonce,
            value.ttl_ms,
            len(holder),
            holder,
        )
        self._write(_offset(group, node), data)

    def _check_header(self) -> None:
        """Make sure that the disk is this cluster's; a blank one becomes it."""
        if os.lseek(self._fd, 0, os.SEEK_END) < SIZE:
            raise Misconfigured(f"disk:{self._path} is smaller than {SIZE // 1024} KiB")
        data = self._checked(0)
        if not any(data):
            if any(any(self._read(offset, UNIT)) for offset in range(0, SIZE, UNIT)):
                data = self._checked(0)  # the other node may have been first
            else:
                self._write(0, _HEADER.pack(_MAGIC, _FORMAT, self._cluster))
                data = self._checked(0)
        self._check_owner(*_HEADER.unpack_from(data))

    def _check_owner(self, magic: bytes, form: int, cluster: bytes) -> None:
        if magic != _MAGIC or form != _FORMAT:
            raise Misconfigured(
                f"disk:{self._path} is not blank, and is no lease disk of this version; if nothing "
                f"on it is wanted any more: dd if=/dev/zero of={self._path} bs=1M count=3"
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
            if not data.startswith(_MAGIC):
                self._check_owner(data[: len(_MAGIC)], 0, b"")
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


def _offset(group: int, node: int) -> int:
    return UNIT * (1 + 2 * group + node)


def _value(  # noqa: PLR0913, PLR0917 - the fields of the layout
    epoch: int, incarnation: int, nonce: bytes, ttl_ms: int, size: int, holder: bytes
) -> Value:
    return Value(epoch, incarnation, nonce, holder[: min(size, MAX_HOLDER)].decode(), ttl_ms)
