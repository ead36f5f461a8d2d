"""hafw's half: a real worker process of this node, warm, that gets one order after the other.

Rule: an order goes the way that the agent sends it, so its time has both processes in it.
"""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from bench.movers.cases import INTERFACE
from hafw.agent.supervisor import COMMAND, WARM_S
from hafw.core.model import Outcome
from hafw.net.clock import boot_ns
from hafw.worker.protocol import Frames, Hello, Order, Reply, Vip, frame
from hafw_sim.clouds.ec2.server import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.movers.cases import Case
    from bench.movers.clouds import Cloud

CLUSTER: Final = "0" * 32
ATTACH: Final = "hafw_vip_attach"
_DEADLINE_NS: Final = 20 * 10**9
_END_S: Final = 20.0


class Worker:
    """Orders about one case's VIP; every attach is of a newer epoch."""

    def __init__(self, case: Case, endpoint: str, channel: socket.socket) -> None:
        """Nothing ordered yet."""
        self._case, self._endpoint, self._channel = case, endpoint, channel
        self._frames, self._number, self._epoch = Frames(), 0, 1

    def warm(self) -> None:
        """Load the provider and warm it. Raises RuntimeError."""
        self._ask(Hello((self._case.cloud,), (self._order("hafw_warm"),)))

    def order(self, hook: str, certificate: str = "") -> None:
        """Have it done. Raises RuntimeError."""
        self._number += 1
        self._epoch += hook == ATTACH
        self._ask(self._order(hook, certificate))

    def _ask(self, message: Order | Hello) -> None:
        self._channel.sendall(frame(message))
        while True:
            part = self._channel.recv(65_536)
            if not part:
                raise RuntimeError("the worker has ended")
            for answer in self._frames.feed(part):
                reply = msgspec.msgpack.decode(answer, type=Reply)
                if reply.outcome is not Outcome.OK:
                    raise RuntimeError(f"{reply.outcome}: {reply.detail}")
                return

    def _order(self, hook: str, certificate: str = "") -> Order:
        endpoint = {} if self._case.cloud == "aws" else {"endpoint": self._endpoint}
        vip = Vip(
            cluster_id=CLUSTER,
            group=3,
            epoch=self._epoch,
            address=self._case.address,
            interface=INTERFACE,
            deadline_ns=boot_ns() + _DEADLINE_NS,
            lifetime_s=60,
            op=f"0/1/{self._epoch}/{self._number}",
            certificate=certificate,
            nodes=("alpha", "beta"),
            options={"mover": self._case.mover, **self._case.options, **endpoint},
        )
        return Order(self._number, self._case.cloud, hook, vip)


@contextmanager
def worker(case: Case, cloud: Cloud) -> Iterator[Worker]:
    """A warm one, for as long as the block takes. Raises RuntimeError."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [*COMMAND, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=os.environ | sdk_environment(cloud),
        )
        theirs.close()
        ours.settimeout(WARM_S)
        try:
            found = Worker(case, cloud.endpoint, ours)
            found.warm()
            yield found
        finally:
            ours.close()
            process.wait(_END_S)


def sdk_environment(cloud: Cloud) -> dict[str, str]:
    """What tells Amazon's SDK, in whatever program, where EC2 is."""
    region = "eu-central-1"
    return {
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        **CREDENTIALS,
    }
