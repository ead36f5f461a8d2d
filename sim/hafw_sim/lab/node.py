"""A machine of the lab and the programs on it, as the owner of the lab sees them.

Rule: a program's end is known by its pidfd, never by asking whether a number is still in use.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hafw_sim.lab.connection import LabError
from hafw_sim.lab.files import contents, memory_file
from hafw_sim.lab.protocol import (
    AskNeighbour,
    Boot,
    ChangeAddress,
    Crash,
    Done,
    Exited,
    ExitStatus,
    FlushRuleset,
    Freeze,
    NeighbourIs,
    Spawn,
    Spawned,
    Thaw,
)
from hafw_sim.lab.topology import MACHINES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hafw_sim.lab.connection import Connection
    from hafw_sim.lab.topology import Plan

_START_TIMEOUT_S: Final = 10.0  # of an interpreter on a busy machine


@dataclass(frozen=True, slots=True)
class Streams:
    """Standard streams of a program: open files, paths to append to, or None for nowhere."""

    stdin: int | None
    stdout: Path | int | None
    stderr: Path | int | None


class Process:
    """A program running on a machine of the lab. ``pid`` is its number as the lab sees it."""

    def __init__(self, connection: Connection, pid: int, pidfd: int, argv: Sequence[str]) -> None:
        """Take over the pidfd."""
        self.pid = pid
        self.argv = tuple(argv)
        self._connection = connection
        self._pidfd = pidfd
        self._status: int | None = None

    def __del__(self) -> None:
        """Close the pidfd."""
        os.close(self._pidfd)

    def fileno(self) -> int:
        """Return the pidfd: readable once the process has ended."""
        return self._pidfd

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return not self._ended_within(0)

    def wait(self, timeout_s: float | None) -> int:
        """Return the exit status, or minus the signal that ended it; raises TimeoutError.

        ``timeout_s`` None is for a person who waits and has Ctrl-C.
        """
        if not self._ended_within(timeout_s):
            raise TimeoutError(
                f"{self.argv[0]} (process {self.pid}) still runs after {timeout_s} s"
            )
        if self._status is None:
            self._status = self._connection.ask(ExitStatus(self.pid), Exited).status
        return self._status

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; to an ended process it does nothing."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> None:
        """Kill it (SIGKILL): the agent's death while its machine lives."""
        self.signal(signal.SIGKILL)

    def _ended_within(self, timeout_s: float | None) -> bool:
        waiting = select.poll()
        waiting.register(self._pidfd, select.POLLIN)
        return bool(waiting.poll(None if timeout_s is None else timeout_s * 1000))


class Node:
    """A machine of the lab: ``alpha``, ``beta``, ``gateway`` or ``client``."""

    def __init__(self, connection: Connection, plan: Plan) -> None:
        """Talk about the machine ``plan`` through ``connection``."""
        self.plan = plan
        self._connection = connection

    @property
    def name(self) -> str:
        """The machine's name, which is its host name too."""
        return self.plan.name

    def spawn(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        stdin: int | None = None,
        stdout: Path | int | None = None,
        stderr: Path | int | None = None,
    ) -> Process:
        """Start a program on this machine, in the caller's working directory.

        ``env`` is the whole environment (None: the caller's). Streams are open files or paths to
        append to; errors go where the output goes unless told otherwise, and None is nowhere.
        Raises `LabError` if the program cannot be started.
        """
        streams = Streams(stdin, stdout, stderr)
        return spawn(self._connection, self.name, argv, env, streams)

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        timeout_s: float = 10.0,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; raises TimeoutError (then it is killed) and `LabError`."""
        with memory_file("stdout") as output, memory_file("stderr") as errors:
            process = self.spawn(argv, env=env, stdout=output, stderr=errors)
            try:
                status = process.wait(timeout_s)
            except TimeoutError:
                process.kill()
                raise
            texts = (contents(output).decode(), contents(errors).decode())
        return subprocess.CompletedProcess(process.argv, status, *texts)

    def who_answers(self, address: str, timeout_s: float = 1.0) -> str | None:
        """Ask ``address`` once from here, and return the machine that answers; None: nobody."""
        asking = [sys.executable, "-m", "hafw_sim.lab.responder", address, str(timeout_s)]
        number = self.run(asking, timeout_s=timeout_s + _START_TIMEOUT_S).returncode
        return next((plan.name for plan in MACHINES.values() if plan.number == number), None)

    def crash(self) -> int:
        """Take the machine away at once; returns when it began (CLOCK_BOOTTIME, ns).

        Every process killed, the cables dead, the addresses gone.
        """
        return self._connection.ask(Crash(self.name), Done).at_ns

    def boot(self) -> int:
        """Bring the crashed machine back, empty, with its own addresses only."""
        return self._connection.ask(Boot(self.name), Done).at_ns

    def freeze(self, *processes: Process) -> int:
        """Stop these processes with all their descendants; none named: all of the machine."""
        roots = tuple(process.pid for process in processes)
        return self._connection.ask(Freeze(self.name, roots), Done).at_ns

    def thaw(self, *processes: Process) -> int:
        """Let go on what `freeze` stopped."""
        roots = tuple(process.pid for process in processes)
        return self._connection.ask(Thaw(self.name, roots), Done).at_ns

    def add_address(self, address: str, interface: str = "eth0") -> int:
        """Put ``address`` (with prefix length) on a network card by hand."""
        return self._connection.ask(
            ChangeAddress(self.name, interface, address, present=True), Done
        ).at_ns

    def delete_address(self, address: str, interface: str = "eth0") -> int:
        """Take ``address`` (with prefix length) off a network card by hand."""
        return self._connection.ask(
            ChangeAddress(self.name, interface, address, present=False), Done
        ).at_ns

    def flush_ruleset(self) -> int:
        """Delete the nftables tables of this machine, as Debian's nftables.conf begins.

        A table with an owner that lives stays, as with the command ``nft flush ruleset``.
        """
        return self._connection.ask(FlushRuleset(self.name), Done).at_ns

    def neighbour(self, address: str, interface: str = "eth0") -> str | None:
        """Return the node whose hardware address the neighbour cache holds for ``address``.

        None if the cache holds nothing; the hardware address itself if it is nobody's.
        """
        mac = self._connection.ask(AskNeighbour(self.name, interface, address), NeighbourIs).mac
        return None if mac is None else owner_of(bytes.fromhex(mac.replace(":", "")))


def spawn(
    connection: Connection,
    machine: str | None,
    argv: Sequence[str | Path],
    env: Mapping[str, str] | None,
    streams: Streams,
) -> Process:
    """Start a program on ``machine`` (None: beside the bridges), as `Node.spawn` describes."""
    words = tuple(str(word) for word in argv)
    request = Spawn(machine, words, dict(os.environ if env is None else env), str(Path.cwd()))
    with contextlib.ExitStack() as opened:
        output = _open(opened, streams.stdout)
        errors = output if streams.stderr is None else _open(opened, streams.stderr)
        files = (_open(opened, streams.stdin), output, errors)
        answer, (pidfd,) = connection.ask_with_files(request, Spawned, files)
    return Process(connection, answer.pid, pidfd, words)


def owner_of(mac: bytes) -> str:
    """Return the name of the machine with this hardware address, or the address in hex."""
    for plan in MACHINES.values():
        if mac in {plan.mac(card) for card in range(len(plan.sockets))}:
            return plan.name
    return mac.hex(":")


def plan_of(name: str) -> Plan:
    """Return the plan of the machine ``name``; raises `LabError` if there is none."""
    if name not in MACHINES:
        raise LabError(f"no machine {name}; there are {', '.join(MACHINES)}")
    return MACHINES[name]


def _open(opened: contextlib.ExitStack, stream: Path | int | None) -> int:
    if isinstance(stream, int):
        return stream
    path = Path(os.devnull) if stream is None else stream
    return opened.enter_context(path.open("ab+")).fileno()
