"""Serves the model over HTTP on 127.0.0.1, and to each instance its metadata.

One rule: it holds an answer back for as long as the model says, and never blocks the others by it.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from hafw_sim.clouds.ec2.faults import Fault
from hafw_sim.clouds.ec2.wire import Answer, Later, Lost, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.clouds.ec2.model import Ec2

METADATA: Final = "/latest/meta-data/"
TOKEN: Final = "hafw-model-token"  # noqa: S105 - the model's, no secret
CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "model", "AWS_SECRET_ACCESS_KEY": "model"}
STOP_S: Final = 5.0


class Server:
    """The model behind `endpoint`; each interface's instance has its own `metadata`."""

    def __init__(self, ec2: Ec2, port: int = 0) -> None:
        """Serve from now on; port 0: a free one."""
        self.ec2 = ec2
        self.lock = threading.Lock()
        self._closing = threading.Event()
        self._listeners: list[ThreadingHTTPServer] = []
        self._threads: list[threading.Thread] = []
        self.endpoint = self._listen(_api_handler(self), port)
        self.metadata = {
            name: self._listen(_metadata_handler(self, name))
            for name in ec2.state.things.interfaces
        }

    def environment(self, interface: str, region: str = "eu-central-1") -> dict[str, str]:
        """What the SDK on the instance of `interface` must find in its environment."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.metadata[interface],
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            **CREDENTIALS,
        }

    def close(self) -> None:
        """End every listener."""
        self._closing.set()
        for listener in self._listeners:
            listener.shutdown()
            listener.server_close()
        for thread in self._threads:
            thread.join(STOP_S)

    def ask(self, form: str) -> Reply | Lost:
        """Pass a request to the model, and wait as it says."""
        with self.lock:
            answer: Answer = self.ec2.handle(form, time.monotonic())
        while isinstance(answer, Later):
            left_s = answer.at_s - time.monotonic()
            if left_s > 0 and self._closing.wait(left_s):
                return Lost()
            with self.lock:
                answer = answer.then(time.monotonic())
        return answer

    def _listen(self, handler: type[BaseHTTPRequestHandler], port: int = 0) -> str:
        listener = _Listener(("127.0.0.1", port), handler)
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        self._listeners.append(listener)
        self._threads.append(thread)
        return f"http://127.0.0.1:{listener.server_address[1]}"


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client may keep its connection open for as long as it likes


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet per answer, not one per line of it
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """The model keeps its own record."""

    def text(self) -> str:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()

    def reply(self, status: int, body: str, kind: str = "text/plain") -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _api_handler(server: Server) -> type[_Handler]:
    class Api(_Handler):
        def do_POST(self) -> None:
            form = self.text()
            if urlsplit(self.path).path == "/model/faults":
                self.fault(form)
                return
            answer = server.ask(form)
            if isinstance(answer, Lost):
                self.close_connection = True
                return
            self.reply(answer.status, answer.body, "text/xml;charset=UTF-8")

        def fault(self, text: str) -> None:
            """A line for each fault from now on; an empty text ends them all."""
            try:
                found = [Fault.parse(line) for line in text.split()]
            except ValueError as problem:
                self.reply(400, f"{problem}\n")
                return
            with server.lock:
                if not found:
                    server.ec2.faults.end()
                for one in found:
                    server.ec2.faults.add(one)
            self.reply(200, f"{len(found)} faults added\n")

    return Api


def _metadata_handler(server: Server, interface: str) -> type[_Handler]:
    class Metadata(_Handler):
        def do_PUT(self) -> None:
            self.text()
            self.reply(200, TOKEN)

        def do_GET(self) -> None:
            with server.lock:
                values = server.ec2.metadata(interface, time.monotonic())
            value = values.get(urlsplit(self.path).path.removeprefix(METADATA))
            if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
                self.reply(401, "Unauthorized")
            elif not value:
                self.reply(404, "not found")
            else:
                self.reply(200, value)

    return Metadata


@contextmanager
def served(ec2: Ec2, port: int = 0) -> Iterator[Server]:
    """The model behind HTTP, for as long as the block takes."""
    server = Server(ec2, port)
    try:
        yield server
    finally:
        server.close()
