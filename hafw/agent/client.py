"""How every other program talks to a running agent: one request, its answers, a deadline.

One rule: the caller learns whether the request was sent. What failed before is `AgentUnreachable`
or `AgentForbidden` (nothing happened); what failed after is `AgentSilent` (the outcome is unknown).

The protocol: a Unix stream socket; one JSON object a line each way, UTF-8, a request of at most
64 KiB and answers of at most 1 MiB.
"""

from __future__ import annotations

import json
import socket
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from pathlib import Path

MAX_REQUEST_BYTES: Final = 64 * 1024
MAX_ANSWER_BYTES: Final = 1024 * 1024
"""Longest line each way, its newline included."""
_CHUNK: Final = 65_536
SOCKET_NAME: Final = "control.sock"
"""Name of the socket inside an agent's run directory."""
CONNECT_TIMEOUT_S: Final = 5.0
"""A live agent accepts within milliseconds; a full queue of waiting clients means it hangs."""

Message = dict[str, object]


class ControlError(Exception):
    """The conversation with the agent failed; the message says why, and what to do."""


class AgentUnreachable(ControlError):
    """No agent answers at the socket. Nothing was asked of it."""


class AgentForbidden(ControlError):
    """This user may not use the socket. Nothing was asked of the agent."""


class AgentSilent(ControlError):
    """The request was sent, but no whole answer came: what became of it is unknown."""


class ControlClient:
    """Talks to the agent behind one control socket. Each request has its own connection."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def request(self, request: Mapping[str, object], timeout_s: float) -> Message:
        """Send the request and return its one answer. Raises `ControlError`."""
        with closing(self.stream(request, timeout_s)) as answers:
            return next(answers)

    def stream(
        self, request: Mapping[str, object], timeout_s: float
    ) -> Generator[Message, None, None]:
        """Send the request and return its answers as they come, at least one.

        `timeout_s` bounds the wait for the first; the others come when something happens, until
        the agent ends the stream. Raises `ControlError`.
        """
        line = json.dumps(request, separators=(",", ":")).encode() + b"\n"
        if len(line) > MAX_REQUEST_BYTES:
            raise ControlError(f"the request is longer than {MAX_REQUEST_BYTES} bytes; shorten it")
        with self._connected() as connection:
            answers = _Answers(connection)
            try:
                with suppress(BrokenPipeError):  # it refused before it heard us, and says why
                    connection.sendall(line)
                first = answers.next(time.monotonic() + timeout_s)
            except OSError as error:
                raise self._silent(f"did not answer within {timeout_s:g} s ({error})") from None
            if first is None:
                raise self._silent("hung up without an answer")
            yield first
            while (following := answers.next(None)) is not None:
                yield following

    def _silent(self, what: str) -> AgentSilent:
        return AgentSilent(
            f"the agent behind {self.path} {what}; what became of the request is unknown, "
            "see `hafw status`"
        )

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(CONNECT_TIMEOUT_S)
            try:
                connection.connect(str(self.path))
            except PermissionError:
                raise AgentForbidden(
                    f"this user may not use {self.path}; use root, or a member of the group that "
                    "owns the socket"
                ) from None
            except (FileNotFoundError, ConnectionRefusedError):
                raise AgentUnreachable(
                    f"no agent runs behind {self.path}; start it with `hafw start`"
                ) from None
            except (TimeoutError, BlockingIOError):
                raise AgentUnreachable(
                    f"the agent behind {self.path} accepts nobody; it hangs or is overrun"
                ) from None
            except OSError as error:
                raise AgentUnreachable(f"{self.path} cannot be used: {error}") from None
            yield connection


class _Answers:
    """Cuts what arrives into lines, and parses them."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def next(self, deadline_s: float | None) -> Message | None:
        """The next answer; None at the end of the stream. `deadline_s`: of `time.monotonic`.

        Raises OSError (TimeoutError at the deadline), and `ControlError` for what is no answer.
        """
        while b"\n" not in self._buffer:
            if len(self._buffer) > MAX_ANSWER_BYTES:
                raise ControlError(f"the agent's answer is longer than {MAX_ANSWER_BYTES} bytes")
            left_s = None if deadline_s is None else max(deadline_s - time.monotonic(), 0.001)
            self._connection.settimeout(left_s)
            try:
                chunk = self._connection.recv(_CHUNK)
            except ConnectionError:
                return None
            if not chunk:
                return None
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return _parse(line)


def _parse(line: bytes) -> Message:
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ControlError("the agent answered something that is no JSON object; is it an agent?")
    return answer
