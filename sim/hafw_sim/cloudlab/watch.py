"""The judge of a lab in a cloud: who has the VIP is what the cloud delivers and what nodes answer.

One rule: a node has the VIP while packets for it are led there, or while it would answer one; the
stricter of two views wins, so that "never both" is said of both of them together. Behind a load
balancer, which leads to one that has let go until it misses the answer, it is the second alone.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from hafw_sim.cloudlab.cloud import DISK, VIP
from hafw_sim.lab import serving
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.connection import LabError
from hafw_sim.lab.files import memory_file
from hafw_sim.lab.monitor import RECORD
from hafw_sim.lab.record import Reader
from hafw_sim.lab.serving import Change
from hafw_sim.lab.topology import GATEWAY, NODES
from hafw_sim.lab.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address, IPv6Address
    from pathlib import Path

    from hafw_sim.cloudlab.site import Site
    from hafw_sim.lab.lab import Lab
    from hafw_sim.lab.node import Process
    from hafw_sim.lab.serving import Interval

START_S: Final = 15.0
_LOOK_S: Final = 0.01
_STDERR: Final = 2


class Deliveries:
    """Where the cloud led packets for the VIP, and had its disk, as its program wrote down."""

    def __init__(self, program: Process, file: int, site: Site) -> None:
        """Nothing is read yet."""
        self._program = program
        self._reader = Reader(file, RECORD)
        self._vip, self.are_had = site.vip, site.led_is_had
        self._changes: dict[int, list[Change]] = {VIP: [], DISK: []}
        self.serving = False

    def intervals(self, what: int = VIP) -> dict[str, list[Interval]]:
        """When packets were led to each node, or the disk was there.

        Raises `LabError` if the cloud has ended.
        """
        if not self._program.running:
            raise LabError("the cloud has ended; its error output says why")
        for machine, about, leads, at_ns in self._reader.fresh():
            self.serving = True
            if machine:
                change = Change(at_ns, machine, self._vip, bool(leads))
                self._changes[about].append(change)
        found = serving.intervals(self._changes[what], self._vip)
        return {node.name: found.get(node.number, []) for node in NODES}


class CloudWatch(Watch):
    """As `Watch`, of one VIP, and with the cloud's deliveries."""

    def __init__(self, lab: Lab, vip: IPv4Address, deliveries: Deliveries) -> None:
        """Watch this VIP."""
        super().__init__(lab, [vip])
        self._deliveries = deliveries

    def leads_to(self) -> set[str]:
        """The nodes that packets for the VIP are led to now."""
        found = self._deliveries.intervals()
        return {name for name, led in found.items() if led and led[-1].end_ns is None}

    def await_lead(self, name: str, timeout_s: float) -> None:
        """Wait until packets are led to this node; raises TimeoutError."""
        self._wait_for(lambda: self.leads_to() == {name}, timeout_s, f"the VIP to lead to {name}")

    def both_own_ns(
        self, vip: IPv4Address | IPv6Address, start_ns: int, end_ns: int | None = None
    ) -> int:
        """Return for how long both nodes had ``vip``, by either view."""
        served, led = self.serving(vip), self._deliveries.intervals()
        if not self._deliveries.are_had:
            led = {node.name: [] for node in NODES}
        one, other = (serving.merged([*served[node.name], *led[node.name]]) for node in NODES)
        return serving.overlap_ns(one, other, start_ns, now_ns() if end_ns is None else end_ns)


@contextmanager
def cloud(lab: Lab, site: Site, power: Path) -> Iterator[Deliveries]:
    """A cloud around the lab within the block. `power`: the directory of its power switch."""
    where = [site.provider, site.mover, str(power)]
    argv = [sys.executable, "-m", "hafw_sim.cloudlab.cloud", *where]
    with memory_file("deliveries") as file:
        program = lab.node(GATEWAY.name).spawn(argv, stdout=file, stderr=_STDERR)
        try:
            deliveries = Deliveries(program, file, site)
            _await_service(deliveries)
            yield deliveries
        finally:
            program.kill()


def _await_service(deliveries: Deliveries) -> None:
    deadline_ns = now_ns() + round(START_S * 1e9)
    while deliveries.intervals() and not deliveries.serving:
        if now_ns() > deadline_ns:
            raise LabError(f"the cloud does not serve after {START_S:g} s")
        time.sleep(_LOOK_S)
