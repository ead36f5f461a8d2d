"""The journal on disk: segments of bounded size, written by a thread, the oldest deleted.

One rule: the journal never holds the agent up. What cannot be written (a full or slow disk) is
counted as lost, and the next segment says how much that was.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import hafw
from hafw import core
from hafw.core.journal import Header, Recorder

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Sequence

    from hafw.core.effects import Effect
    from hafw.core.engine import Engine
    from hafw.core.model import Event, Instant

SUFFIX: Final = ".hafwj"
SEGMENT_BYTES: Final = 4 * 1024 * 1024
SEGMENTS_KEPT: Final = 16
"""64 MB in all: about a week at the default times."""
FLUSH_S: Final = 30.0
"""Steps that decide nothing wait this long before they are written; what decides takes them along.
To wake a thread for a few beats costs an agent at rest as much as the beats do."""
BUFFER_BYTES: Final = 1024 * 1024
"""More than this unwritten means that the disk does not keep up: it is lost."""
RETRY_S: Final = 5.0
"""Pause after a failed write."""


def engine_hash() -> str:
    """A name for exactly this engine: what replays a journal must have the same."""
    return source_hash(core.__path__)


def source_hash(package: Iterable[str]) -> str:
    """A name for exactly this code: all modules of the package with this `__path__`."""
    digest = hashlib.blake2b(digest_size=8)
    root = Path(next(iter(package)))
    for source in sorted(root.rglob("*.py")):
        digest.update(str(source.relative_to(root)).encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()


class Journal:
    """Writes the steps of one engine."""

    def __init__(self, directory: Path, loop: asyncio.AbstractEventLoop, engine: Engine) -> None:
        """Begin a segment with the engine as it is now; nothing is written before the loop runs."""
        self._directory = directory
        self._loop = loop
        self._engine = engine
        self._hash = engine_hash()
        self._number = 0
        self._buffer = bytearray()
        self._size = 0
        self._unwritten = 0
        self._writing = False
        self._flush: asyncio.TimerHandle | None = None
        self._failed = False
        self.lost = 0
        self.trouble = ""
        self._begin(continues=False)

    def _begin(self, *, continues: bool) -> None:
        """Begin a segment; of the one before nothing is unwritten, or it is lost."""
        self._number += 1
        self._path = self._directory / (
            f"{self._engine.incarnation:010d}-{self._number:06d}{SUFFIX}"
        )
        self._recorder = Recorder(self._engine.now)
        header = Header(
            version=hafw.__version__,
            engine=self._hash,
            continues=continues,
            lost=self.lost,
            wall=dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            snapshot=self._engine.snapshot(),
        )
        self._buffer += header.encode()
        self._size = len(self._buffer)

    def record(self, event: Event, now: Instant, effects: Sequence[Effect]) -> None:
        """Take down one step, just made."""
        if self._failed:
            self.lost += 1
            return
        data, decided = self._recorder.record(event, now, effects)
        self._buffer += data
        self._size += len(data)
        self._unwritten += 1
        if len(self._buffer) > BUFFER_BYTES:
            self._fail("the disk does not keep up", self._unwritten)
        elif decided:
            self._write()
        elif self._flush is None:
            self._flush = self._loop.call_later(FLUSH_S, self._write)

    def crash(self, event: Event, now: Instant) -> None:
        """The engine broke on this event: write what there is, and it, before the end."""
        data, _ = self._recorder.record(event, now, ())
        with suppress(OSError):
            _append(self._path, bytes(self._buffer + data), self._directory)

    def close(self) -> None:
        """Write the rest; the agent ends."""
        if self._flush is not None:
            self._flush.cancel()
        if self._buffer and not self._failed:
            with suppress(OSError):
                _append(self._path, bytes(self._buffer), self._directory)

    def _write(self) -> None:
        """Give what is unwritten to a thread, one at a time."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._writing or not self._buffer:
            return
        self._writing = True
        data, path, records = bytes(self._buffer), self._path, self._unwritten
        self._buffer.clear()
        self._unwritten = 0
        if self._size > SEGMENT_BYTES:
            self._begin(continues=True)
        future = self._loop.run_in_executor(None, _append, path, data, self._directory)
        future.add_done_callback(lambda done: self._written(done, records))

    def _written(self, done: asyncio.Future[None], records: int) -> None:
        self._writing = False
        problem = done.exception()
        if problem is not None:
            self._fail(str(problem), records + self._unwritten)
        elif not self._failed:
            self.trouble = ""
            self._write()  # what came meanwhile may have decided something

    def _fail(self, why: str, records: int) -> None:
        """So many records are gone; a new segment begins when it is time to try again."""
        self.trouble = f"{self._directory}: {why}"
        self.lost += records
        self._buffer.clear()
        self._unwritten = 0
        if not self._failed:
            self._failed = True
            self._loop.call_later(RETRY_S, self._retry)

    def _retry(self) -> None:
        self._failed = False
        self._begin(continues=False)
        self._write()


def _append(path: Path, data: bytes, directory: Path) -> None:
    """Append, and delete the oldest segments. Raises OSError."""
    with _opened(path, directory) as file:
        fresh = file.tell() == 0
        file.write(data)
    if fresh:
        for old in sorted(directory.glob("*" + SUFFIX))[:-SEGMENTS_KEPT]:
            old.unlink()


def _opened(path: Path, directory: Path) -> BinaryIO:
    try:
        return path.open("ab")
    except FileNotFoundError:
        directory.mkdir(mode=0o700, exist_ok=True)
        return path.open("ab")
