"""The control socket: a Unix stream socket, one JSON object a line, each way.

One rule: a client that is slow, wrong or garbage holds nobody up and changes nothing. Who may write
is decided by the kernel's word for who is at the other end (SO_PEERCRED, SO_PEERGROUPS).
"""

from __future__ import annotations

import asyncio
import grp
import json
import os
import socket
import struct
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from hafw.agent import log

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

MAX_REQUEST_BYTES: Final = 64 * 1024
MAX_ANSWER_BYTES: Final = 1024 * 1024
"""Longest line of an answer; the largest cluster's status is a quarter of it."""
IDLE_S: Final = 10.0
"""A client that sends no whole request by then is cut off."""
WRITE_S: Final = 5.0
"""A client that does not read its answer by then is cut off."""
CLOSE_S: Final = 0.5
"""A stopping agent waits this long for answers under way."""
MAX_CLIENTS: Final = 64
READ_VERBS: Final = frozenset({"status", "events", "ping"})
_UCRED: Final = struct.Struct("iII")  # struct ucred: pid, uid, gid (unix(7))
_SO_PEERGROUPS: Final = 59  # asm-generic/socket.h; since Linux 4.13
_PEERGROUPS_BYTES: Final = 1024  # of at most 256 groups; who is in more needs to be root

Request = dict[str, object]
Reply = dict[str, object]

UNEXPECTED: Final = 1
USAGE: Final = 2
PERMISSION: Final = 6


class Stream:
    """An answer of many lines: the first at once, then one for each reply put into the queue."""

    def __init__(self, first: Reply, on_end: Callable[[], None]) -> None:
        """`on_end`: called once, when the client is gone. The queue is bounded."""
        self.first = first
        self.on_end = on_end
        self.queue: asyncio.Queue[Reply] = asyncio.Queue(maxsize=1_000)

    def offer(self, reply: Reply) -> None:
        """Send `reply` as well; a client that lags so much that there is no room misses it."""
        with suppress(asyncio.QueueFull):
            self.queue.put_nowait(reply)


class ControlServer:
    """Serves the socket; `handle` turns a request into its answer."""

    def __init__(self, path: Path, handle: Callable[[Request], Awaitable[Reply | Stream]]) -> None:
        """Not listening yet. The directory must be this agent's own (see `hafw.agent.lock`)."""
        self._path = path
        self._handle = handle
        self._server: asyncio.Server | None = None
        self._clients = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._group: str | None = None
        self._gid: int | None = None
        self.trouble = ""

    async def start(self) -> None:
        """Listen; only this user and its group can connect. Raises OSError."""
        if self._path.is_socket():
            self._path.unlink()  # an earlier agent's, which was killed
        before = os.umask(0o117)
        try:
            self._server = await asyncio.start_unix_server(
                self._accepted, self._path, limit=MAX_REQUEST_BYTES
            )
        finally:
            os.umask(before)

    def admit(self, group: str | None) -> None:
        """Let the members of `group` read and write; None: nobody beside root and this user.

        Where that cannot be done nobody is admitted, and `trouble` says why.
        """
        self._group, self._gid, self.trouble = group, None, ""
        try:
            gid = os.getegid() if group is None else grp.getgrnam(group).gr_gid
            os.chown(self._path, -1, gid)
        except KeyError:
            self.trouble = f'this machine has no group "{group}", so only root may give orders'
        except OSError as problem:
            self.trouble = f'{self._path} cannot be given to the group "{group}": {problem}'
        else:
            self._gid = None if group is None else gid

    async def stop(self) -> None:
        """Stop listening, let the answers under way be written, remove the socket."""
        if self._server is None:
            return
        self._server.close()
        if self._tasks:
            _, unfinished = await asyncio.wait(self._tasks, timeout=CLOSE_S)
            for task in unfinished:
                task.cancel()
        with suppress(OSError):
            self._path.unlink()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(0)  # what was drained is in the kernel's hands
        self._clients += 1
        try:
            if self._clients > MAX_CLIENTS:
                await _write(writer, _refusal(UNEXPECTED, "too many clients; try again"))
            else:
                await self._converse(reader, writer)
        except (TimeoutError, ValueError, ConnectionError):
            pass  # too slow, too long, or gone
        finally:
            self._clients -= 1
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(IDLE_S):
            line = await reader.readline()
        if not line.endswith(b"\n"):
            return
        answer = await self._answer(line, writer)
        if not isinstance(answer, Stream):
            await _write(writer, answer)
            return
        try:
            await _send_all(answer, reader, writer)
        finally:
            answer.on_end()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> Reply | Stream:
        request = _parse(line)
        if request is None:
            return _refusal(USAGE, 'not a request: one JSON object a line, with a "verb"')
        verb = str(request["verb"])
        if verb not in READ_VERBS and not self._may_write(writer.get_extra_info("socket")):
            return _refusal(PERMISSION, f"{verb} needs {self._whose_orders()}")
        try:
            return await self._handle(request)
        except Exception:  # noqa: BLE001 - a bug of ours must not take the others' answers
            log.text(traceback.format_exc())
            return _refusal(UNEXPECTED, f"{verb} failed inside the agent; its log says more")

    def _may_write(self, connection: socket.socket) -> bool:
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        _pid, uid, gid = _UCRED.unpack(raw)
        if uid in (0, os.geteuid()):
            return True
        return self._gid is not None and (gid == self._gid or self._gid in _groups(connection))

    def _whose_orders(self) -> str:
        if self._gid is not None:
            return f'root, or a member of the group "{self._group}"'
        return "root; control_group under [agent] in the cluster file admits a group"


def _groups(connection: socket.socket) -> tuple[int, ...]:
    """The supplementary groups of the process at the other end."""
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _PEERGROUPS_BYTES)
    except OSError:  # a kernel that does not tell, or more groups than we ask for
        return ()
    return struct.unpack(f"{len(raw) // 4}I", raw)


def _parse(line: bytes) -> Request | None:
    """The request in a line; None if it is none."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return None
    is_request = isinstance(request, dict) and isinstance(request.get("verb"), str)
    return request if is_request else None


async def _send_all(
    stream: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Send what the stream gives until the client goes, which it shows by the end of its input."""
    gone = asyncio.ensure_future(reader.read(1))
    try:
        reply: Reply = stream.first
        while True:
            await _write(writer, reply)
            following = asyncio.ensure_future(stream.queue.get())
            await asyncio.wait({gone, following}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                following.cancel()
                return
            reply = following.result()
    finally:
        gone.cancel()


async def _write(writer: asyncio.StreamWriter, reply: Reply) -> None:
    line = json.dumps(reply).encode() + b"\n"
    if len(line) > MAX_ANSWER_BYTES:
        too_long = _refusal(UNEXPECTED, f"the answer would be longer than {MAX_ANSWER_BYTES} bytes")
        line = json.dumps(too_long).encode() + b"\n"
    writer.write(line)
    async with asyncio.timeout(WRITE_S):
        await writer.drain()


def _refusal(code: int, message: str) -> Reply:
    return {"ok": False, "code": code, "message": message}
