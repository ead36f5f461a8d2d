"""A management controller that speaks Redfish over TLS, and does wrong when it is told to.

Rule: it is what the standard says; `sushy-tools` stands beside it as another's reading of that.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fences.chassis import Chassis

UUID = "11111111-2222-4333-8444-555555555555"
SYSTEM = "/redfish/v1/Systems/1"
SESSIONS = "/redfish/v1/SessionService/Sessions"
TOKEN = "a-token"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"


class Controller(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1."""

    daemon_threads = True

    def __init__(self, chassis: Chassis, certificate: Path, key: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.chassis = chassis
        self.members = [SYSTEM]
        self.allowed = ["On", "ForceOff", "ForceRestart"]
        self.state: str | None = None
        self.status: int | None = None
        self.drips = threading.Event()
        self.orders: list[object] = []
        self.basic = True
        self.sessions: set[str] = set()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Controller
    protocol_version = "HTTP/1.1"
    login: ClassVar[str] = "Basic " + base64.b64encode(b"admin:secret").decode()

    def do_GET(self) -> None:
        if self._refused():
            return
        server = self.server
        if self.path == "/redfish/v1/Systems":
            self._say(200, {"Members": [{"@odata.id": path} for path in server.members]})
        elif self.path in server.members:
            power = server.state or ("On" if server.chassis.read() else "Off")
            action = {"target": RESET, "ResetType@Redfish.AllowableValues": server.allowed}
            actions = {"#ComputerSystem.Reset": action}
            self._say(200, {"UUID": UUID, "PowerState": power, "Actions": actions})
        else:
            self._say(404, {"error": {"message": "no such thing"}})

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == SESSIONS and message == {"UserName": "admin", "Password": "secret"}:
            self.server.sessions.add(TOKEN)
            location = f"https://127.0.0.1:{self.server.port}{SESSIONS}/7"
            self._say(201, {}, {"X-Auth-Token": TOKEN, "Location": location})
            return
        if self._refused():
            return
        self.server.orders.append(message)
        chassis = self.server.chassis
        if chassis.fault == "REPLY_LOST":
            chassis.switch(on=False)
            self.close_connection = True
            return
        chassis.order(on=message["ResetType"] != "ForceOff")
        self._say(204, None)

    def do_DELETE(self) -> None:
        if not self._refused():
            assert self.path == f"{SESSIONS}/7"
            self.server.sessions.clear()
            self._say(204, None)

    def _known(self) -> bool:
        if self.server.basic and self.headers.get("Authorization") == self.login:
            return True
        return self.headers.get("X-Auth-Token") in self.server.sessions

    def _refused(self) -> bool:
        server = self.server
        if not self._known():
            self._say(401, {"error": {"message": "who are you?"}})
        elif server.status is not None and (self.command == "POST" or server.status < 0):
            self._say(abs(server.status), {"error": {"message": "not now"}})
        elif server.drips.is_set():
            self._drip()
        else:
            return False
        return True

    def _say(self, status: int, document: object, more: dict[str, str] | None = None) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        """A header that never ends, a byte at a time."""
        self.close_connection = True
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            while self.server.drips.is_set():
                self.wfile.write(b"x")
                time.sleep(0.02)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""
