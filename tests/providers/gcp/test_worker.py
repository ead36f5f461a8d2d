"""The provider in a real worker process, as an agent starts it: loaded by name, warmed, asked."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from hafw.agent.supervisor import COMMAND, WARM_S
from hafw.config.vip_options import VIP_KEYS
from hafw.core.model import Outcome
from hafw.net.clock import boot_ns
from hafw.providers.gcp import health_check
from hafw.providers.gcp.metadata import HOST_VARIABLE
from hafw.providers.gcp.orders import MOVERS
from hafw.worker.protocol import READY, Frames, Hello, Order, Reply, Vip, frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.clouds.gce.server import Server


def order(server: Server, number: int, hook: str) -> Order:
    vip = Vip(
        cluster_id="6f1c2a0000004000800000000000000a",
        group=3,
        epoch=7,
        address="10.0.0.50",
        interface="eth0",
        deadline_ns=boot_ns() + 10 * 10**9,
        op="0/1/7/1",
        nodes=("alpha", "beta"),
        options={
            "mover": "alias-ip",
            "project": "p",
            "zone": ("europe-west1-b", "europe-west1-c"),
            "instance": ("vm-a", "vm-b"),
            "endpoint": server.endpoint,
        },
    )
    return Order(number, "gcp", hook, vip)


@contextmanager
def worker(server: Server) -> Iterator[socket.socket]:
    """One that runs on the instance vm-a."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [*COMMAND, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=os.environ | {HOST_VARIABLE: server.metadata_hosts["vm-a"]},
        )
        theirs.close()
        ours.settimeout(WARM_S)
        ours.sendall(frame(Hello(("gcp",), (order(server, 0, "hafw_warm"),))))
        try:
            yield ours
        finally:
            ours.close()
            assert process.wait(20.0) == 0


def reply(channel: socket.socket, frames: Frames) -> Reply:
    while True:
        for message in frames.feed(channel.recv(65_536)):
            return msgspec.msgpack.decode(message, type=Reply)


def test_a_worker_warms_it_and_asks_it(cloud: Server) -> None:
    frames = Frames()

    with worker(cloud) as channel:
        warm = reply(channel, frames)
        channel.sendall(frame(order(cloud, 1, "hafw_vip_observe")))
        seen = reply(channel, frames)

    assert (warm.number, warm.outcome, warm.detail) == (READY, Outcome.OK, "")
    assert (seen.number, seen.outcome) == (1, Outcome.OK)


def test_the_cluster_file_knows_the_movers_that_there_are() -> None:
    assert set(VIP_KEYS["gcp"]) == {*MOVERS, health_check.NAME}
