"""Serves the model over HTTP, and to each instance its metadata server.

One rule: an instance learns from its metadata server who it is, and from nowhere else.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from hafw_sim.clouds.serving import LOCAL, Handler, ModelServer, nth_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hafw_sim.clouds.gce.model import Gce
    from hafw_sim.clouds.gce.values import Instance

METADATA: Final = "/computeMetadata/v1/"
_ACCOUNT: Final = {"email": "hafw@model", "scopes": ["https://www.googleapis.com/auth/compute"]}
_TOKEN: Final = {"access_token": "model", "expires_in": 3599, "token_type": "Bearer"}


class Server(ModelServer):
    """The model behind `endpoint`; `metadata_hosts` says where an instance finds its own."""

    def __init__(self, gce: Gce, port: int = 0, host: str = LOCAL) -> None:
        """Serve from now on; port 0: free ones, otherwise this one and those that follow it."""
        super().__init__(gce, port, host)
        self.gce = gce
        self.announced: dict[str, str] = {}
        """The maintenance event of each instance that has one."""
        self.preempted: set[str] = set()
        self.metadata_hosts = {
            instance.name: "{}:{}".format(
                *self.listen(_metadata_handler(self, instance), nth_port(port, number))
            )
            for number, instance in enumerate(gce.state.things.instances.values(), 1)
        }


def _interfaces(server: Server, instance: Instance) -> list[dict[str, Any]]:
    """Those of an instance, with their aliases, as a recursive read shows them."""
    with server.turn():
        server.gce.advance(time.time())
        now = server.gce.state.things.instances[instance.zone, instance.name]
    return [{"ip": nic.address, "ipAliases": [one.cidr for one in nic.aliases]} for nic in now.nics]


def _metadata_handler(server: Server, instance: Instance) -> type[Handler]:
    values: dict[str, Callable[[], str]] = {
        "instance/id": lambda: str(instance.id),
        "instance/name": lambda: instance.name,
        "instance/zone": lambda: f"projects/1/zones/{instance.zone}",
        "instance/maintenance-event": lambda: server.announced.get(instance.name, "NONE"),
        "instance/preempted": lambda: str(instance.name in server.preempted).upper(),
        "project/project-id": lambda: server.gce.state.project,
    }
    structured: dict[str, Callable[[], object]] = {
        "instance/network-interfaces": lambda: _interfaces(server, instance),
        "instance/service-accounts/default/": lambda: _ACCOUNT,
        "instance/service-accounts/default/token": lambda: _TOKEN,
        f"instance/service-accounts/{_ACCOUNT['email']}/token": lambda: _TOKEN,
    }

    class Metadata(Handler):
        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            path = urlsplit(self.path).path.removeprefix(METADATA)
            flavour = {"Metadata-Flavor": "Google", "Content-Type": "text/plain"}
            if self.headers.get("Metadata-Flavor") != "Google":
                self.reply(403, b"Missing Metadata-Flavor:Google header.", flavour)
            elif path == "/":
                self.reply(200, b"computeMetadata/\n", flavour)
            elif path in values:
                self.reply(200, values[path]().encode(), flavour)
            elif path in structured:
                text = json.dumps(structured[path]()).encode()
                self.reply(200, text, {**flavour, "Content-Type": "application/json"})
            else:
                self.reply(404, b"not found", flavour)

    return Metadata


@contextmanager
def served(gce: Gce, port: int = 0) -> Iterator[Server]:
    """The model behind HTTP, for as long as the block takes."""
    server = Server(gce, port)
    try:
        yield server
    finally:
        server.close()
