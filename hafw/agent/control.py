"""The control socket: a Unix stream socket, one JSON object a line, each way.

One rule: a client that is slow, wrong or garbage holds nobody up and changes nothing. Who may write
is decided by the kernel's word for who is at the other end (SO_PEERCRED).
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

MAX_LINE_BYTES: Final = 64 * 1024
IDLE_S: Final = 10.0
"""A client that sends no whole request by then is cut off."""
WRITE_S: Final = 5.0
"""A client that does not read its answer by then is cut off."""
MAX_CLIENTS: Final = 64
READ_VERBS: Final = frozenset({"status", "events", "ping"})
_UCRED: Final = struct.Struct("iII")  # struct ucred: pid, uid, gid (unix(7))

Request = dict[str, object]
Reply = dict[str, object]

PERMISSION: Final = 6
USAGE: Final = 2


class Stream:
    """An answer of many lines: one per event, until the client goes."""

    def __init__(self, first: Reply) -> None:
        """`first` is sent at once; the queue is bounded, a client that lags loses events."""
        self.first = first
        self.queue: asyncio.Queue[Reply] = asyncio.Queue(maxsize=1_000)


class ControlServer:
    """Serves the socket; `handle` turns a request into its answer."""

    def __init__(self, path: Path, handle: Callable[[Request], Awaitable[Reply | Stream]]) -> None:
        """Not listening yet."""
        self._path = path
        self._handle = handle
        self._server: asyncio.Server | None = None
        self._clients = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises OSError; FileExistsError if another agent answers at the socket."""
        if self._path.exists():
            if _answers(self._path):
                raise FileExistsError(f"an agent answers at {self._path} already")
            self._path.unlink()
        before = os.umask(0o117)
        try:
            self._server = await asyncio.start_unix_server(
                self._accepted, self._path, limit=MAX_LINE_BYTES
            )
        finally:
            os.umask(before)

    async def stop(self) -> None:
        """Stop listening, let the answers under way be written, remove the socket."""
        if self._server is not None:
            self._server.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=0.5)
        with suppress(OSError):
            self._path.unlink()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            if self._clients <= MAX_CLIENTS:
                await self._converse(reader, writer)
        except (TimeoutError, ValueError, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._clients -= 1
            with suppress(ConnectionError):
                writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(IDLE_S):
            line = await reader.readline()
        if not line:
            return
        answer = await self._answer(line, writer)
        if isinstance(answer, Stream):
            await _write(writer, answer.first)
            while True:
                await _write(writer, await answer.queue.get())
        await _write(writer, answer)

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> Reply | Stream:
        try:
            request = json.loads(line)
            verb = request["verb"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return {"ok": False, "code": USAGE, "message": "not a request: one JSON object a line"}
        if verb not in READ_VERBS and not _may_write(writer.get_extra_info("socket")):
            return {
                "ok": False,
                "code": PERMISSION,
                "message": f"{verb} needs root (or the user that the agent runs as)",
            }
        return await self._handle(request)


def _may_write(connection: socket.socket) -> bool:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _pid, uid, _gid = _UCRED.unpack(raw)
    return uid in (0, os.geteuid())


async def _write(writer: asyncio.StreamWriter, reply: Reply) -> None:
    writer.write(json.dumps(reply).encode() + b"\n")
    async with asyncio.timeout(WRITE_S):
        await writer.drain()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
