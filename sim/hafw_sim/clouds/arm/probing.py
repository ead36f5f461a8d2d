"""Sends a load balancer's probes for real, in wall time: who answers is up.

One rule: it asks as Azure does, by a TCP connection to a node's own address, and takes no answer
within the interval for none.
"""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Final

from hafw_sim.clouds.arm.balancers import Health, floating, targets

if TYPE_CHECKING:
    from hafw_sim.clouds.arm.balancers import Target
    from hafw_sim.clouds.arm.server import Server

PROBES: Final = 16
"""At most, of all load balancers of the model together."""
_STOP_S: Final = 5.0


class Prober:
    """The probes of a model that is served. `each_s`: how often, if not as the model has it."""

    def __init__(self, server: Server, *, each_s: float | None = None) -> None:
        """Probe from now on, from the network of whoever makes this."""
        self._server, self._each_s = server, each_s
        self._health = Health()
        self._ended = threading.Event()
        with server.lock:
            found = [*targets(server.arm.state.things)][:PROBES]
        self._threads = [
            threading.Thread(target=self._run, args=(target,), daemon=True) for target in found
        ]
        for thread in self._threads:
            thread.start()

    def leads_to(self) -> set[str]:
        """The interfaces that get new connections to a frontend's address, as they were sent."""
        with self._server.lock:
            return self.seen()

    def seen(self) -> set[str]:
        """The same, for whoever has the model's lock."""
        things = self._server.arm.state.things
        return {one.nic for one in self._health.up() if floating(things, one)}

    def close(self) -> None:
        """Probe no more."""
        self._ended.set()
        for thread in self._threads:
            thread.join(_STOP_S)

    def _run(self, target: Target) -> None:
        each_s = self._each_s or target.interval_s
        while not self._ended.wait(each_s):
            answered = answers(target, each_s)
            with self._server.lock:
                self._health.note(target, answered=answered)


def answers(target: Target, within_s: float) -> bool:
    """Whether a connection is accepted in time."""
    try:
        socket.create_connection((target.address, target.port), within_s).close()
    except OSError:
        return False
    return True
