"""Serves the model over HTTP, and to each machine its metadata service.

One rule: a machine learns from its metadata service who it is, and from nowhere else.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from hafw_sim.clouds.arm.values import GROUP, LOCATION, SUBSCRIPTION
from hafw_sim.clouds.serving import LOCAL, Handler, ModelServer, nth_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.clouds.arm.model import Arm
    from hafw_sim.clouds.arm.values import Vm

METADATA: Final = "/metadata/instance/compute"
EVENTS: Final = "/metadata/scheduledevents"


class Server(ModelServer):
    """The model behind `endpoint`; `metadata_hosts` says where a machine finds its own."""

    def __init__(self, arm: Arm, port: int = 0, host: str = LOCAL) -> None:
        """Serve from now on; port 0: free ones, otherwise this one and those that follow it."""
        super().__init__(arm, port, host)
        self.arm = arm
        self.events: list[dict[str, Any]] = []
        """The scheduled events, which every machine sees."""
        self.metadata_hosts = {
            vm.name: "http://{}:{}".format(
                *self.listen(_metadata_handler(self, vm), nth_port(port, number))
            )
            for number, vm in enumerate(arm.state.things.vms.values(), 1)
        }


def _metadata_handler(server: Server, vm: Vm) -> type[Handler]:
    shown = {
        "name": vm.name,
        "vmId": vm.vm_id,
        "subscriptionId": SUBSCRIPTION,
        "resourceGroupName": GROUP.upper(),  # Azure spells it as it likes
        "location": LOCATION,
    }

    class Metadata(Handler):
        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            headers = {"Content-Type": "application/json"}
            if self.headers.get("Metadata") != "true" or self.headers.get("X-Forwarded-For"):
                self.reply(400, b'{"error": "Bad request. Required metadata header"}', headers)
            elif urlsplit(self.path).path == METADATA:
                self.reply(200, json.dumps(shown).encode(), headers)
            elif urlsplit(self.path).path == EVENTS:
                events = {"DocumentIncarnation": 1, "Events": server.events}
                self.reply(200, json.dumps(events).encode(), headers)
            else:
                self.reply(404, b'{"error": "Not found"}', headers)

    return Metadata


@contextmanager
def served(arm: Arm, port: int = 0) -> Iterator[Server]:
    """The model behind HTTP, for as long as the block takes."""
    server = Server(arm, port)
    try:
        yield server
    finally:
        server.close()
