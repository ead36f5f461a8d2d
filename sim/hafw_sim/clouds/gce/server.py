"""Serves the model over HTTP on 127.0.0.1, and to each instance its metadata server.

One rule: it holds an answer back for as long as the model says, and never blocks the others by it.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import parse_qsl, urlsplit

from hafw_sim.clouds.gce.faults import Fault
from hafw_sim.clouds.gce.wire import Answer, Later, Lost, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hafw_sim.clouds.gce.model import Gce
    from hafw_sim.clouds.gce.values import Instance

FAULTS: Final = "/model/faults"
METADATA: Final = "/computeMetadata/v1/"
STOP_S: Final = 5.0


class Server:
    """The model behind `endpoint`; `metadata_host` says where an instance finds its own."""

    def __init__(self, gce: Gce, port: int = 0) -> None:
        """Serve from now on; port 0: a free one."""
        self.gce = gce
        self.lock = threading.Lock()
        self._closing = threading.Event()
        self._listeners: list[ThreadingHTTPServer] = []
        self._threads: list[threading.Thread] = []
        host, served_port = self._listen(_api_handler(self), port)
        self.endpoint = f"http://{host}:{served_port}"
        self.metadata_hosts = {
            instance.name: "{}:{}".format(*self._listen(_metadata_handler(self, instance)))
            for instance in gce.state.things.instances.values()
        }

    def close(self) -> None:
        """End every listener."""
        self._closing.set()
        for listener in self._listeners:
            listener.socket.shutdown(socket.SHUT_RDWR)  # wakes whoever waits for a connection
        for thread in self._threads:
            thread.join(STOP_S)
        for listener in self._listeners:
            listener.server_close()

    def ask(self, request: Request) -> Reply | Lost:
        """Pass a request to the model, and wait as it says."""
        with self.lock:
            answer: Answer = self.gce.handle(request, time.time())
        while isinstance(answer, Later):
            left_s = answer.at_s - time.time()
            if left_s > 0 and self._closing.wait(left_s):
                return Lost()
            with self.lock:
                answer = answer.then(time.time())
        return answer

    def _listen(self, handler: type[BaseHTTPRequestHandler], port: int = 0) -> tuple[str, int]:
        listener = _Listener(("127.0.0.1", port), handler)
        thread = threading.Thread(target=self._serve, args=(listener,), daemon=True)
        thread.start()
        self._listeners.append(listener)
        self._threads.append(thread)
        return "127.0.0.1", int(listener.server_address[1])

    def _serve(self, listener: ThreadingHTTPServer) -> None:
        while not self._closing.is_set():
            listener.handle_request()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client may keep its connection open for as long as it likes


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet per answer, not one per line of it
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """The model keeps its own record."""

    def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _api_handler(server: Server) -> type[_Handler]:
    class Api(_Handler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            data = self.rfile.read(length)
            parts = urlsplit(self.path)
            if parts.path == FAULTS:
                self.break_(data.decode())
                return
            request = Request(
                method=self.command,
                path=parts.path,
                query=dict(parse_qsl(parts.query, keep_blank_values=True)),
                body=json.loads(data) if data else {},
            )
            answer = server.ask(request)
            if isinstance(answer, Lost):
                self.close_connection = True
                return
            headers = {"Content-Type": "application/json", **answer.headers}
            self.reply(answer.status, json.dumps(answer.body).encode(), headers)

        def break_(self, text: str) -> None:
            try:
                found = [Fault.parse(line) for line in text.split()]
            except ValueError as problem:
                self.reply(400, f"{problem}\n".encode(), {})
                return
            with server.lock:
                if not found:
                    server.gce.faults.end()
                for one in found:
                    server.gce.faults.add(one)
            self.reply(200, f"{len(found)} faults added\n".encode(), {})

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server's names

    return Api


def _metadata_handler(server: Server, instance: Instance) -> type[_Handler]:
    values: dict[str, Callable[[], str]] = {
        "instance/id": lambda: str(instance.id),
        "instance/name": lambda: instance.name,
        "instance/zone": lambda: f"projects/1/zones/{instance.zone}",
        "project/project-id": lambda: server.gce.state.project,
    }

    class Metadata(_Handler):
        served: ClassVar = values

        def do_GET(self) -> None:
            flavour = {"Metadata-Flavor": "Google", "Content-Type": "text/plain"}
            value = self.served.get(urlsplit(self.path).path.removeprefix(METADATA))
            if self.headers.get("Metadata-Flavor") != "Google":
                self.reply(403, b"Missing Metadata-Flavor:Google header.", flavour)
            elif value is None:
                self.reply(404, b"not found", flavour)
            else:
                self.reply(200, value().encode(), flavour)

    return Metadata


@contextmanager
def served(gce: Gce, port: int = 0) -> Iterator[Server]:
    """The model behind HTTP, for as long as the block takes."""
    server = Server(gce, port)
    try:
        yield server
    finally:
        server.close()
