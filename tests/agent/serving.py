"""A real control server in a process of its own, and clients that behave as badly as they like.

Rule: clients are plain sockets, so that nothing but the server decides what they get.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import shutil
import signal
import socket
import tempfile
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from hafw.agent.control import ControlServer
from tests.agent.users import IS_ROOT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from hafw.agent.control import Reply, Request, Stream

    Handle = Callable[[Request], Awaitable[Reply | Stream]]

PATIENCE_S: Final = 10.0


@contextmanager
def public_directory() -> Iterator[Path]:
    """A directory that every user may enter."""
    directory = Path(tempfile.mkdtemp(prefix="hafw-test-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def serving(handle: Handle, group: str | None = None) -> Iterator[Server]:
    """A server that answers by `handle` and admits `group`.

    Where the tests do not run as root every client is the same user as the server; the server is
    then made to believe that it is another.
    """
    with public_directory() as directory:
        path = directory / "control.sock"
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            try:
                pretended = os.geteuid() if IS_ROOT else os.geteuid() + 1
                with patch("os.geteuid", return_value=pretended):
                    asyncio.run(_serve(path, handle, group, writer))
            except BaseException:  # noqa: BLE001 - the parent's clients show what is missing
                traceback.print_exc()
            os._exit(0)
        os.close(writer)
        server = Server(path, child)
        try:
            assert os.read(reader, 1) == b"!", "the server did not start"
            yield server
        finally:
            os.close(reader)
            server.stop()
            for client in server.clients:
                client.close()


async def _serve(path: Path, handle: Handle, group: str | None, ready: int) -> None:
    server = ControlServer(path, handle)
    await server.start()
    server.admit(group)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    os.write(ready, b"!")
    await stopped.wait()
    await server.stop()


@dataclass
class Server:
    """The server, seen from outside."""

    path: Path
    child: int
    clients: list[Client] = field(default_factory=list)

    def connect(self) -> Client:
        client = Client(self.path)
        self.clients.append(client)
        return client

    def ask(self, verb: str, **more: object) -> Reply | None:
        return ask(self.path, verb, **more)

    def stop(self) -> None:
        """Ask it to stop, and wait until it did."""
        if self.child:
            os.kill(self.child, signal.SIGTERM)
            os.waitpid(self.child, 0)
            self.child = 0


class Client:
    """One connection."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(str(path))
        self._buffer = b""

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def asks(self, verb: str, **more: object) -> Client:
        self.say(json.dumps({"verb": verb, **more}).encode() + b"\n")
        return self

    def hears(self) -> Reply | None:
        """The next answer; None when the server hung up."""
        while b"\n" not in self._buffer:
            try:
                data = self.socket.recv(65_536)
            except ConnectionResetError:
                data = b""
            if not data:
                assert not self._buffer, "half an answer"
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: Reply = json.loads(line)
        return answer

    def is_hung_up(self) -> bool:
        """Whether the other end closes in time, however much there is left to read."""
        poll = select.poll()
        poll.register(self.socket, 0)
        return bool(poll.poll(PATIENCE_S * 1_000))

    def close(self) -> None:
        self.socket.close()


def ask(path: Path, verb: str, **more: object) -> Reply | None:
    """The one answer to one request."""
    client = Client(path)
    try:
        return client.asks(verb, **more).hears()
    finally:
        client.close()
