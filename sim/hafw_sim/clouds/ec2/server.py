"""Serves the model over HTTP, and to each instance its metadata.

One rule: an instance learns from its metadata which addresses it has, and from nowhere else.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from hafw_sim.clouds.ec2.wire import Answer, Later, Lost, Reply
from hafw_sim.clouds.serving import FAULTS, LOCAL, Handler, Listeners, nth_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.clouds.ec2.model import Ec2

METADATA: Final = "/latest/meta-data/"
TOKEN: Final = "hafw-model-token"  # noqa: S105 - the model's, no secret
CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "model", "AWS_SECRET_ACCESS_KEY": "model"}
_XML: Final = {"Content-Type": "text/xml;charset=UTF-8"}
_TEXT: Final = {"Content-Type": "text/plain"}


class Server(Listeners):
    """The model behind `endpoint`; each interface's instance has its own `metadata`."""

    def __init__(self, ec2: Ec2, port: int = 0, host: str = LOCAL) -> None:
        """Serve from now on; port 0: free ones, otherwise this one and those that follow it."""
        super().__init__(host)
        self.ec2 = ec2
        self.announced: dict[str, dict[str, str]] = {}
        """What an interface's instance finds in its metadata besides, by path."""
        self.endpoint = "http://{}:{}".format(*self.listen(_api_handler(self), port))
        self.metadata = {
            name: "http://{}:{}".format(
                *self.listen(_metadata_handler(self, name), nth_port(port, number))
            )
            for number, name in enumerate(ec2.state.things.interfaces, 1)
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

    def ask(self, form: str) -> Reply | Lost:
        """Pass a request to the model, and wait as it says."""
        with self.turn():
            answer: Answer = self.ec2.handle(form, time.time())
        while isinstance(answer, Later):
            if not self.wait_until(answer.at_s):
                return Lost()
            with self.turn():
                answer = answer.then(time.time())
        return answer


def _body(handler: Handler) -> str:
    return handler.rfile.read(int(handler.headers.get("Content-Length") or 0)).decode()


def _api_handler(server: Server) -> type[Handler]:
    class Api(Handler):
        def do_POST(self) -> None:  # noqa: N802 - http.server's name
            text = _body(self)
            if urlsplit(self.path).path == FAULTS:
                self.change_faults(server.ec2.faults, server.lock, text)
                return
            answer = server.ask(text)
            if isinstance(answer, Lost):
                self.close_connection = True
                return
            self.reply(answer.status, answer.body.encode(), _XML)

    return Api


def _metadata_handler(server: Server, interface: str) -> type[Handler]:
    class Metadata(Handler):
        def do_PUT(self) -> None:  # noqa: N802 - http.server's name
            _body(self)
            self.reply(200, TOKEN.encode(), _TEXT)

        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            with server.turn():
                values = server.ec2.metadata(interface, time.time())
                values |= server.announced.get(interface, {})
            value = values.get(urlsplit(self.path).path.removeprefix(METADATA))
            if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
                self.reply(401, b"Unauthorized", _TEXT)
            elif not value:
                self.reply(404, b"not found", _TEXT)
            else:
                self.reply(200, value.encode(), _TEXT)

    return Metadata


@contextmanager
def served(ec2: Ec2, port: int = 0) -> Iterator[Server]:
    """The model behind HTTP, for as long as the block takes."""
    server = Server(ec2, port)
    try:
        yield server
    finally:
        server.close()
