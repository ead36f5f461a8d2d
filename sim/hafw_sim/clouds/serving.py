"""Serves a cloud's model over HTTP, on 127.0.0.1 unless told otherwise.

One rule: it holds an answer back for as long as the model says, and never blocks the others by it.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qsl, urlsplit

from hafw_sim.clouds.exchange import Answer, Later, Lost, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hafw_sim.clouds.faults import Faults

LOCAL: Final = "127.0.0.1"
FAULTS: Final = "/model/faults"
STOP_S: Final = 5.0


class Model(Protocol):
    """What is served."""

    @property
    def faults(self) -> Faults[Any]:
        """Those in force."""

    def handle(self, request: Request, now_s: float) -> Answer:
        """What becomes of a request that was sent at `now_s`."""


class Listeners:
    """Ports of `host` that are served until they are closed.

    `lock`: held by whoever touches the model. `touched`: called with it, before it is released.
    """

    def __init__(self, host: str = LOCAL) -> None:
        """None yet."""
        self.host = host
        self.lock = threading.Lock()
        self.touched: Callable[[], None] = _nobody_follows
        self._closing = threading.Event()
        self._listeners: list[ThreadingHTTPServer] = []
        self._threads: list[threading.Thread] = []

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Touch the model within the block; whoever follows it sees it before anybody else."""
        with self.lock:
            yield
            self.touched()

    def wait_until(self, at_s: float) -> bool:
        """Hold an answer back; says whether it is still wanted then."""
        left_s = at_s - time.time()
        return left_s <= 0 or not self._closing.wait(left_s)

    def close(self) -> None:
        """End every listener."""
        self._closing.set()
        for listener in self._listeners:
            listener.socket.shutdown(socket.SHUT_RDWR)  # wakes whoever waits for a connection
        for thread in self._threads:
            thread.join(STOP_S)
        for listener in self._listeners:
            listener.server_close()

    def listen(self, handler: type[Handler], port: int = 0) -> tuple[str, int]:
        """Serve something more; says where."""
        listener = _Listener((self.host, port), handler)
        thread = threading.Thread(target=self._serve, args=(listener,), daemon=True)
        thread.start()
        self._listeners.append(listener)
        self._threads.append(thread)
        return self.host, int(listener.server_address[1])

    def _serve(self, listener: ThreadingHTTPServer) -> None:
        while not self._closing.is_set():
            listener.handle_request()


class ModelServer(Listeners):
    """A model behind `endpoint`."""

    def __init__(self, model: Model, port: int = 0, host: str = LOCAL) -> None:
        """Serve from now on; port 0: a free one."""
        super().__init__(host)
        self.model = model
        self.endpoint = "http://{}:{}".format(*self.listen(_api_handler(self), port))

    def ask(self, request: Request) -> Reply | Lost:
        """Pass a request to the model, and wait as it says."""
        with self.turn():
            answer: Answer = self.model.handle(request, time.time())
        while isinstance(answer, Later):
            if not self.wait_until(answer.at_s):
                return Lost()
            with self.turn():
                answer = answer.then(time.time())
        return answer


def nth_port(port: int, number: int) -> int:
    """The port of the metadata of the `number`-th machine: they follow the API's, or are free."""
    return port and port + number


def _nobody_follows() -> None:
    """What is done where the model stands alone."""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client may keep its connection open for as long as it likes

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's asks a resolver for its name, and may find none


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet per answer, not one per line of it
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """The model keeps its own record."""

    def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Send an answer."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def change_faults(self, faults: Faults[Any], lock: threading.Lock, text: str) -> None:
        """A line for each fault from now on; an empty text ends them all."""
        try:
            found = [faults.fault.parse(line) for line in text.split()]
        except ValueError as problem:
            self.reply(400, f"{problem}\n".encode(), {})
            return
        with lock:
            if not found:
                faults.end()
            for one in found:
                faults.add(one)
        self.reply(200, f"{len(found)} faults added\n".encode(), {})


def _api_handler(server: ModelServer) -> type[Handler]:
    class Api(Handler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            data = self.rfile.read(length)
            parts = urlsplit(self.path)
            if parts.path == FAULTS:
                self.change_faults(server.model.faults, server.lock, data.decode())
                return
            request = Request(
                method=self.command,
                path=parts.path,
                query=dict(parse_qsl(parts.query, keep_blank_values=True)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=json.loads(data) if data else {},
            )
            answer = server.ask(request)
            if isinstance(answer, Lost):
                self.close_connection = True
                return
            headers = {"Content-Type": "application/json", **answer.headers}
            self.reply(answer.status, json.dumps(answer.body).encode(), headers)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server's names

    return Api
