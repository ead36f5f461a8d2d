"""The lab as its owner sees it: two nodes, a gateway and a client, to be broken and healed.

Rule: the lab lives no longer than its owner; leaving the ``with`` block, an exception, Ctrl-C and
SIGKILL all end every process and namespace of it.

    with Lab() as lab:
        alpha = lab.node("alpha")
        agent = alpha.spawn(["hafw", "agent", "--node", "alpha"], stdout=Path("alpha.log"))
        lab.cut("alpha", "beta")
        alpha.freeze(agent)
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
from typing import TYPE_CHECKING, Final, Self

from hafw_sim.lab.connection import Connection, LabError, await_start, launch
from hafw_sim.lab.node import Node, Process, Streams, plan_of, spawn
from hafw_sim.lab.protocol import (
    Delay,
    Describe,
    Description,
    Done,
    Down,
    Heal,
    HoldBack,
    Lose,
    Loss,
    Options,
    Plug,
)
from hafw_sim.lab.topology import MACHINES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hafw_sim.lab.topology import Lan

_END_TIMEOUT_S: Final = 10.0


class Lab:
    """A lab of one's own, alive within a ``with`` block; any number may live side by side."""

    def __init__(self, *, gateway_reflects: bool = True, privileged: bool = False) -> None:
        """Choose how it differs from the usual lab; see `hafw_sim.lab.protocol.Options`."""
        self._options = Options(gateway_reflects=gateway_reflects, privileged=privileged)
        self._launcher: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    @classmethod
    def attached(cls, connection: Connection) -> Self:
        """Return a lab that somebody else owns."""
        lab = cls()
        lab._connection = connection
        return lab

    def __enter__(self) -> Self:
        """Build it. Raises `NamespacesForbidden` where the system does not allow it."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._launcher = launch(self._options, theirs)
        self._connection = Connection(ours)
        try:
            await_start(ours)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    def close(self) -> None:
        """End it: when this returns, none of its processes is left. Harmless twice."""
        if self._connection is not None:
            with contextlib.suppress(LabError):  # it may have ended by itself
                self._connection.ask(Down(), Done)
            self._connection.close()
            self._connection = None
        if self._launcher is not None:
            try:
                self._launcher.wait(_END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._launcher.kill()
                self._launcher.wait()

    def node(self, name: str) -> Node:
        """Return a machine of the lab: alpha, beta, gateway or client."""
        return Node(self._open(), plan_of(name))

    def describe(self) -> Description:
        """Return which machines are up, what runs there, and which faults are in force."""
        return self._open().ask(Describe(), Description)

    def cut(
        self, source: str, target: str, *, lan: Lan | None = None, one_way: bool = False
    ) -> int:
        """Lose everything that goes straight from ``source`` to ``target``, and back.

        On ``lan`` only, or on all they share; ``one_way``: not the way back. Both keep their
        carrier and every other machine. Returns the moment before it began, as all faults do.
        """
        return self.lose(1.0, source, target, lan=lan, one_way=one_way)

    def lose(
        self,
        share: float,
        source: str,
        target: str,
        *,
        lan: Lan | None = None,
        one_way: bool = False,
    ) -> int:
        """Lose this share of the frames (0 to 1, at random), otherwise as `cut`; 0 ends it."""
        if not 0 <= share <= 1:
            raise ValueError(f"a share of {share}; it lies between 0 and 1")
        ways = _ways(source, target, lan, one_way=one_way)
        return self._open().ask(Lose(tuple(Loss(*way, share) for way in ways)), Done).at_ns

    def delay(  # noqa: PLR0913 - a fault has that many sides
        self,
        delay_ns: int,
        source: str,
        target: str,
        *,
        jitter_ns: int = 0,
        lan: Lan | None = None,
        one_way: bool = False,
    ) -> int:
        """Hold every frame back for so long, otherwise as `cut`; 0 ends it.

        With ``jitter_ns`` (at most ``delay_ns``) up to so much more or less, at random, so that
        frames overtake each other. Losses hold besides. Raises `LabError` where the kernel has no
        means for it.
        """
        if not 0 <= jitter_ns <= delay_ns:
            raise ValueError(f"a jitter of {jitter_ns} ns; it lies between 0 and the delay")
        ways = _ways(source, target, lan, one_way=one_way)
        delays = tuple(Delay(*way, delay_ns, jitter_ns) for way in ways)
        return self._open().ask(HoldBack(delays), Done).at_ns

    def cut_from_all(self, name: str, *, lan: Lan | None = None) -> int:
        """Isolate a machine, upstream: it keeps its carrier, but nothing gets in or out."""
        one = plan_of(name)
        pairs = [
            (one.port(each), other.port(each))
            for each in one.lans
            for other in MACHINES.values()
            if other is not one and each in other.lans and lan in (None, each)
        ]
        losses = [Loss(*way, 1.0) for pair in pairs for way in (pair, pair[::-1])]
        return self._open().ask(Lose(tuple(losses)), Done).at_ns

    def cut_link(self, name: str, lan: Lan) -> int:
        """Pull one cable: the machine loses the carrier of that network card."""
        return self._open().ask(Plug((plan_of(name).port(lan),), plugged=False), Done).at_ns

    def plug_link(self, name: str, lan: Lan) -> int:
        """Plug a pulled cable in again."""
        return self._open().ask(Plug((plan_of(name).port(lan),), plugged=True), Done).at_ns

    def heal(self) -> int:
        """End all losses and delays, plug in all cables. Crashed machines stay crashed.

        What is held back arrives at once.
        """
        return self._open().ask(Heal(), Done).at_ns

    def spawn(
        self,
        machine: str | None,
        argv: Sequence[str | Path],
        *,
        stdout: Path | int | None = None,
        stderr: Path | int | None = None,
    ) -> Process:
        """Start a program on a machine as `Node.spawn` does, or on none.

        None is beside the bridges, where a program sees all machines and disturbs no one.
        """
        return spawn(self._open(), machine, argv, None, Streams(None, stdout, stderr))

    def _open(self) -> Connection:
        if self._connection is None:
            raise LabError("the lab has not been started: use it in a `with` block")
        return self._connection


def _ways(source: str, target: str, lan: Lan | None, *, one_way: bool) -> list[tuple[str, str]]:
    """Return the pairs of bridge ports by which frames go straight from one to the other."""
    one, other = plan_of(source), plan_of(target)
    lans = [each for each in one.lans if each in other.lans and lan in (None, each)]
    if not lans:
        raise LabError(f"{source} and {target} share no such network")
    ways = [(one.port(each), other.port(each)) for each in lans]
    return ways if one_way else [*ways, *(way[::-1] for way in ways)]
