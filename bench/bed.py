"""A test bed: one fresh lab with a peer on both nodes, and who owns the address there.

Rule: every trial has a lab of its own, so that nothing of an earlier one can help or hurt it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench import lastword
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.files import contents, memory_file
from hafw_sim.lab.lab import Lab
from hafw_sim.lab.topology import NODES, VIP
from hafw_sim.lab.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.peer import Deployment, Peer
    from hafw.core.settings import Timing

NAMES: Final = tuple(node.name for node in NODES)
PATIENCE_S: Final = 60.0
_LOOK_S: Final = 0.02
_STDERR: Final = 2


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things last, in seconds.

    `settle_s`: every peer has this long to become ready after the first answer. `aftermath_s`: an
    overlap or a second move shows within this time after a move. `split_s` and `healed_s`: a split
    and what is watched of the time after it. `rest_s`: what is measured of a rest.
    """

    settle_s: float = 2.0
    aftermath_s: float = 2.0
    split_s: float = 5.0
    healed_s: float = 10.0
    rest_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Bed:
    """A lab with a peer on it, watched."""

    lab: Lab
    watch: Watch
    deployed: Deployment
    pace: Pace

    def start(self, *names: str) -> float:
        """Start the peer on these nodes; returns the milliseconds to the first answer."""
        start_ns = now_ns()
        for name in names:
            self.deployed.start(name)
        return (self.watch.await_answer(VIP, start_ns, PATIENCE_S).at_ns - start_ns) / 1e6

    def settle(self) -> None:
        """Wait until one node owns the address and the other is ready to take it."""
        until(
            lambda: len(self.watch.owners(VIP)) == 1 and self.deployed.ready(),
            "one owner and a ready standby",
        )
        time.sleep(self.pace.settle_s)

    def owner(self) -> str:
        """The node that owns the address; waits until it is exactly one."""
        until(lambda: len(self.watch.owners(VIP)) == 1, "exactly one owner")
        return self.watch.owners(VIP).pop()

    def outage_ms(self, since_ns: int, taker: str) -> float:
        """Wait for an answer of `taker`; returns the longest silence for the client till then."""
        answer = self.watch.await_answer(VIP, since_ns, PATIENCE_S, by=taker)
        return self.watch.outage(VIP, since_ns, answer.at_ns).longest_ns / 1e6

    def both_own_ms(self) -> float:
        """How long both nodes owned the address since the lab was built."""
        return self.watch.both_own_ns(VIP, 0) / 1e6

    @contextlib.contextmanager
    def listening_to(self, name: str) -> Iterator[Callable[[], int]]:
        """Yield a function that says when a machine last sent anything but answers."""
        ports = [f"{lan.value}-{name}" for node in NODES if node.name == name for lan in node.lans]
        argv = [sys.executable, str(Path(lastword.__file__)), *ports]
        with memory_file("lastword") as stamp:
            program = self.lab.spawn(None, argv, stdout=stamp, stderr=_STDERR)
            try:
                until(lambda: any(contents(stamp)), f"a packet of {name}")
                yield lambda: int(lastword.STAMP.unpack(contents(stamp))[0])
            finally:
                program.kill()


@contextlib.contextmanager
def bed(peer: Peer, timing: Timing, pace: Pace) -> Iterator[Bed]:
    """Build a lab and put `peer` on it; nothing is started yet."""
    with laid(peer, timing) as (lab, deployed), Watch(lab, [VIP]) as watch:
        yield Bed(lab, watch, deployed, pace)


@contextlib.contextmanager
def laid(peer: Peer, timing: Timing) -> Iterator[tuple[Lab, Deployment]]:
    """The same without anybody who watches, for what the watching would disturb."""
    as_root = os.geteuid() == 0
    with (
        tempfile.TemporaryDirectory(prefix="hafw-bench-") as directory,
        Lab(gateway_reflects=peer.reflected, privileged=as_root) as lab,
    ):
        yield lab, peer.deploy(lab, Path(directory), timing)


def other(name: str) -> str:
    """The other node."""
    return next(each for each in NAMES if each != name)


def until(condition: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Wait for it. Raises TimeoutError."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(_LOOK_S)
