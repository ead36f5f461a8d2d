"""JSON over HTTPS to a management controller, within a deadline.

One rule: a request that may have been heard and was not answered is an unknown outcome if it was to
change something, and none of the controller's business otherwise. Nothing is sent twice.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

from hafw.fence_options import remaining_s
from hafw.hooks.errors import (
    Denied,
    Misconfigured,
    ProviderError,
    Retryable,
    UnknownOutcome,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hafw.hooks.hookspecs import FenceRequest

MAX_BYTES: Final = 1024 * 1024
"""Far more than any document of one system."""
AGAIN_S: Final = 1.0
"""After this long a controller that did not answer may be asked again."""
CONNECT_S: Final = 5.0
"""A controller that does not speak by then is taken to be dead, so that the next level is tried."""
SESSIONS: Final = "/redfish/v1/SessionService/Sessions"


class Reply(NamedTuple):
    """An answer, with the headers that a session is known by."""

    status: int
    body: bytes
    token: str | None
    location: str | None


class Rest:
    """One controller, for one request; a context in which its session is open, if it wants one."""

    def __init__(
        self,
        request: FenceRequest,
        address: tuple[str, int],
        login: tuple[str, str],
        context: ssl.SSLContext,
        *,
        session: bool,
    ) -> None:
        """`login`: user and password. `session`: log in once, instead of with every call."""
        self._request = request
        self._address = address
        self._login = login
        self._context = context
        self._wants_session = session
        self._session: str | None = None
        self._headers = {"Accept": "application/json"}
        if not session:
            basic = base64.b64encode(":".join(login).encode()).decode()
            self._headers["Authorization"] = f"Basic {basic}"

    def __enter__(self) -> Self:
        """Open the session. Raises Denied, Retryable."""
        if self._wants_session:
            self._open_session()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the session: a controller has room for few, and keeps them for long."""
        if self._session is not None:
            with suppress(ProviderError):  # no time left, or no answer: it times out by itself
                self._exchange("DELETE", self._session, None)

    @property
    def where(self) -> str:
        """The controller, for a message."""
        host, port = self._address
        return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"

    def get(self, path: str) -> Mapping[str, Any]:
        """A document. Raises Retryable when there is no answer."""
        reply = self._exchange("GET", path, None)
        if reply.status != HTTPStatus.OK:
            raise self._refused(path, reply)
        with suppress(ValueError):
            document = json.loads(reply.body)
            if isinstance(document, dict):
                return document
        raise Retryable(f"{self.where}{path} answered no JSON object", AGAIN_S)

    def post(self, path: str, message: Mapping[str, str]) -> None:
        """Order something. Raises UnknownOutcome when it may have been heard."""
        reply = self._exchange("POST", path, json.dumps(message).encode())
        if _broke(reply.status):
            raise UnknownOutcome(f"{self.where}{path}: {_told(reply)}")
        if reply.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._refused(path, reply)

    def _open_session(self) -> None:
        """Log in; the password goes over the line once."""
        user, password = self._login
        message = json.dumps({"UserName": user, "Password": password}).encode()
        try:
            reply = self._exchange("POST", SESSIONS, message)
        except UnknownOutcome as problem:
            raise Retryable(str(problem), AGAIN_S) from None
        if reply.status not in (HTTPStatus.OK, HTTPStatus.CREATED) or reply.token is None:
            raise self._refused(SESSIONS, reply)
        self._headers["X-Auth-Token"] = reply.token
        if reply.location is not None:
            self._session = urlsplit(reply.location).path

    def _exchange(self, verb: str, path: str, message: bytes | None) -> Reply:
        connection = http.client.HTTPSConnection(
            *self._address,
            timeout=min(remaining_s(self._request), CONNECT_S),
            context=self._context,
        )
        try:
            self._connect(connection)
            connection.sock.settimeout(remaining_s(self._request))
            with self._cut_off_at_the_deadline(connection):
                connection.request(verb, path, message, self._headers | _kind(message))
                reply = connection.getresponse()
                body = reply.read(MAX_BYTES)
                token, location = reply.getheader("X-Auth-Token"), reply.getheader("Location")
                return Reply(reply.status, body, token, location)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            told = f"{self.where}{path}: {str(problem) or type(problem).__name__}"
            if message is None:
                raise Retryable(told, AGAIN_S) from None
            raise UnknownOutcome(told) from None
        finally:
            connection.close()

    def _connect(self, connection: http.client.HTTPSConnection) -> None:
        """Nothing was ordered as long as this has not succeeded."""
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as problem:
            raise Misconfigured(
                f"{self.where} has a certificate that is not trusted ({problem.verify_message}); "
                "name the file of its authority, or its own: ca_file = …"
            ) from None
        except OSError as problem:
            raise Retryable(f"{self.where} is not reached: {problem}", AGAIN_S) from None

    @contextmanager
    def _cut_off_at_the_deadline(self, connection: http.client.HTTPSConnection) -> Iterator[None]:
        """Shut the connection down in time, even under a peer that sends a byte now and then."""
        sock = connection.sock

        def cut_off() -> None:
            with suppress(OSError):  # below TLS: a goodbye would wait for the peer
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

        timer = threading.Timer(remaining_s(self._request), cut_off)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _refused(self, path: str, reply: Reply) -> ProviderError:
        told = f"{self.where}{path}: {_told(reply)}"
        match reply.status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                return Denied(f"{told}; check username, password_file and the user's role")
            case HTTPStatus.NOT_FOUND:
                return Misconfigured(f"{told}; check address and system")
            case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
                return Retryable(told, AGAIN_S)
            case status if _broke(status):
                return Retryable(told, AGAIN_S)
            case _:
                return ProviderError(told)


def trust(ca_file: str | None, *, insecure: bool) -> ssl.SSLContext:
    """Whose certificates are good: the file's, the system's, or everybody's.

    Raises Misconfigured.
    """
    if ca_file is not None and not Path(ca_file).is_file():
        raise Misconfigured(f"ca_file: there is no file {ca_file}")
    context = ssl.create_default_context(cafile=ca_file)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _kind(message: bytes | None) -> dict[str, str]:
    return {} if message is None else {"Content-Type": "application/json"}


def _broke(status: int) -> bool:
    """Did the controller fail over it? It may have done what it was told before."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.SERVICE_UNAVAILABLE


def _told(reply: Reply) -> str:
    """The status, and what a Redfish error says of it."""
    text = ""
    with suppress(ValueError, AttributeError):
        text = str(json.loads(reply.body)["error"].get("message", ""))[:200]
    return f"HTTP {reply.status} {text}".rstrip()
