"""Serves the model over HTTP, and to each instance its metadata server.

One rule: an instance learns from its metadata server who it is, and from nowhere else.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

from hafw_sim.clouds.serving import LOCAL, Handler, ModelServer, nth_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hafw_sim.clouds.gce.model import Gce
    from hafw_sim.clouds.gce.values import Instance

METADATA: Final = "/computeMetadata/v1/"


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


def _metadata_handler(server: Server, instance: Instance) -> type[Handler]:
    values: dict[str, Callable[[], str]] = {
        "instance/id": lambda: str(instance.id),
        "instance/name": lambda: instance.name,
        "instance/zone": lambda: f"projects/1/zones/{instance.zone}",
        "instance/maintenance-event": lambda: server.announced.get(instance.name, "NONE"),
        "instance/preempted": lambda: str(instance.name in server.preempted).upper(),
        "project/project-id": lambda: server.gce.state.project,
    }

    class Metadata(Handler):
        served: ClassVar = values

        def do_GET(self) -> None:  # noqa: N802 - http.server's name
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
