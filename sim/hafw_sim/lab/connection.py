"""The owner's end of the channel to a lab server, and how a server is started.

Rule: after anything unexpected the channel is closed, so that no answer meets a later request.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final, TypeVar

from hafw_sim.lab import protocol
from hafw_sim.lab.namespaces import NamespacesForbidden
from hafw_sim.lab.protocol import ChannelClosed, Forbidden, Refused

if TYPE_CHECKING:
    import socket

    from hafw_sim.lab.protocol import Options

_ANSWER_TIMEOUT_S: Final = 20.0

_A = TypeVar("_A", bound=protocol.Message)


class LabError(Exception):
    """The lab could not do what was asked; the text says what and why."""


class Connection:
    """A channel to a lab server, usable by several threads."""

    def __init__(self, channel: socket.socket) -> None:
        """Take over ``channel``."""
        channel.settimeout(_ANSWER_TIMEOUT_S)
        self._channel = channel
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the channel; the lab that it owns ends."""
        self._channel.close()

    def ask(self, request: protocol.Request, expected: type[_A]) -> _A:
        """Have ``request`` carried out; raises `LabError`."""
        answer, files = self.ask_with_files(request, expected)
        assert not files
        return answer

    def ask_with_files(
        self,
        request: protocol.Request,
        expected: type[_A],
        files: tuple[int, ...] = (),
    ) -> tuple[_A, tuple[int, ...]]:
        """Have ``request`` carried out, with ``files``; returns the answer with the files of it."""
        with self._lock:
            try:
                protocol.send(self._channel, request, files)
                received = protocol.receive(self._channel)
            except BaseException as problem:
                self._channel.close()  # an answer that comes late must not answer the next request
                if isinstance(problem, ChannelClosed | OSError):
                    what = type(request).__name__
                    raise LabError(f"the lab has ended or hangs, asked to {what}") from problem
                raise
        answer = received.answer()
        if isinstance(answer, Refused):
            raise LabError(answer.reason)
        assert isinstance(answer, expected)
        return answer, received.files


def launch(
    options: Options,
    owner: socket.socket,
    listener: socket.socket | None = None,
    *,
    kept: tuple[int, ...] = (),
    stderr: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a lab server, outside the caller's session so that Ctrl-C does not reach it.

    The files ``kept`` stay open as long as anything of the lab is left.
    """
    channels = [channel.fileno() for channel in (owner, listener) if channel is not None]
    words = [*map(str, channels), *["-1"] * (listener is None), protocol.encode(options)]
    return subprocess.Popen(
        [sys.executable, "-m", "hafw_sim.lab.server", *words],
        pass_fds=(*channels, *kept),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        start_new_session=True,
    )


def await_start(channel: socket.socket) -> None:
    """Return once the lab is built. Raises `NamespacesForbidden` or `LabError`."""
    try:
        answer = protocol.receive(channel).answer()
    except (ChannelClosed, TimeoutError) as problem:
        raise LabError("the lab did not start; its error output says why") from problem
    if isinstance(answer, Forbidden):
        raise NamespacesForbidden(answer.step, answer.reason, answer.remedy)
    if isinstance(answer, Refused):
        raise LabError(answer.reason)
