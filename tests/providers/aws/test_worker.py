"""The provider in a real worker process, on a real interface: both halves of a VIP."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from hafw.agent.supervisor import COMMAND, WARM_S
from hafw.core.model import Outcome
from hafw.net.clock import boot_ns
from hafw.worker.protocol import READY, Frames, Hello, Order, Reply, Vip, frame
from hafw_sim.clouds.ec2 import Ec2, pair
from hafw_sim.clouds.ec2.server import Server, served
from tests.net.hosts import INTERFACE, Host, isolated, lan

if TYPE_CHECKING:
    from collections.abc import Iterator

VIP: Final = "10.0.1.50"
ALPHA: Final = "eni-00000001"


def order(number: int, hook: str, certificate: str = "") -> Order:
    vip = Vip(
        cluster_id="6f1c2a0000004000800000000000000a",
        group=3,
        epoch=7,
        address=VIP,
        interface=INTERFACE,
        deadline_ns=boot_ns() + 10 * 10**9,
        lifetime_s=60,
        op="0/1/7/1",
        certificate=certificate,
        nodes=("alpha", "beta"),
        options={"mover": "private-ip", "eni": (ALPHA, "eni-00000002")},
    )
    return Order(number, "aws", hook, vip)


class Worker:
    """One that runs on the instance alpha."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.frames = Frames()

    def ask(self, message: Order | Hello) -> Reply:
        self.channel.sendall(frame(message))
        while True:
            for answer in self.frames.feed(self.channel.recv(65_536)):
                return msgspec.msgpack.decode(answer, type=Reply)


@contextmanager
def worker(server: Server) -> Iterator[Worker]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [*COMMAND, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=os.environ | server.environment(ALPHA),
        )
        theirs.close()
        ours.settimeout(WARM_S)
        try:
            yield Worker(ours)
        finally:
            ours.close()
            assert process.wait(20.0) == 0


def addresses(host: Host) -> list[str]:
    with host.rtnl() as rtnl:
        return [str(found.ip) for found in rtnl.addresses(INTERFACE) if found.ip.version == 4]


@isolated
def test_a_vip_comes_and_goes_in_the_cloud_and_on_the_interface() -> None:
    (host,), ec2 = lan(100), Ec2(pair())

    with host.entered(), served(ec2) as server, worker(server) as asked:
        warm = asked.ask(Hello(("aws",), (order(0, "hafw_warm"),)))
        attached = asked.ask(order(1, "hafw_vip_attach", "fenced"))
        held, owners = VIP in addresses(host), ec2.state.things.holders(VIP)
        detached = asked.ask(order(2, "hafw_vip_detach"))

    assert warm == Reply(READY, Outcome.OK)
    assert attached.outcome is Outcome.OK
    assert attached.detail.startswith("AssignPrivateIpAddresses 0000")
    assert (held, owners) == (True, [ALPHA])
    assert detached.outcome is Outcome.OK
    assert (VIP in addresses(host), ec2.state.things.holders(VIP)) == (False, [])
