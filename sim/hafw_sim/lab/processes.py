"""Processes in the lab's machines: started, reaped, frozen with all their descendants.

Rule: the lab server is the parent of everything it starts, so it knows how each one ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hafw_sim.lab import namespaces

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hafw_sim.lab.host import Host
    from hafw_sim.lab.protocol import Spawn

_ENTERED: Final = namespaces.CLONE_NEWNET | namespaces.CLONE_NEWUTS | namespaces.CLONE_NEWNS
_REMEMBERED_MAX: Final = 1000  # ended processes whose exit status is still known


class UnknownProcess(Exception):
    """The lab never started this process, or forgot it, or it still runs."""


@dataclass(frozen=True, slots=True)
class _Child:
    machine: str | None
    command: str
    handle: subprocess.Popen[bytes]


class Processes:
    """The processes that the lab server has started."""

    def __init__(self) -> None:
        """Begin with none."""
        self._running: dict[int, _Child] = {}
        self._statuses: dict[int, int] = {}

    def spawn(self, request: Spawn, host: Host | None, files: tuple[int, ...]) -> int:
        """Start a program in ``host`` and return its number. Raises OSError.

        ``files`` become its standard input, output and error.
        """
        self._sweep()
        stdin, stdout, stderr = files

        def enter() -> None:
            if host is not None:
                namespaces.join(host.init_fd, _ENTERED)
            os.chdir(request.cwd)

        with namespaces.children_elsewhere():
            if host is not None:
                namespaces.join(host.init_fd, namespaces.CLONE_NEWPID)
            handle = subprocess.Popen(
                request.argv,
                env=request.env,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                preexec_fn=enter,  # noqa: PLW1509 - the lab server has one thread
            )
        self._running[handle.pid] = _Child(request.machine, " ".join(request.argv), handle)
        return handle.pid

    def reap(self, pid: int) -> int:
        """Return how ``pid``, which has ended, ended. Raises `UnknownProcess`."""
        child = self._running.get(pid)
        if child is not None and child.handle.poll() is not None:
            self._record(pid, child)
        if pid not in self._statuses:
            raise UnknownProcess(f"process {pid} is still running, or was never started here")
        return self._statuses[pid]

    def kill_all(self, machine: str) -> None:
        """Kill and reap what was started in ``machine``."""
        of_machine = [each for each in self._running.items() if each[1].machine == machine]
        for _, child in of_machine:
            child.handle.kill()
        for pid, child in of_machine:
            child.handle.wait()
            self._record(pid, child)

    def of(self, machine: str) -> dict[int, str]:
        """Return number and command line of the running processes started in ``machine``."""
        self._sweep()
        return {
            pid: child.command for pid, child in self._running.items() if child.machine == machine
        }

    def _sweep(self) -> None:
        ended = [each for each in self._running.items() if each[1].handle.poll() is not None]
        for pid, child in ended:
            self._record(pid, child)

    def _record(self, pid: int, child: _Child) -> None:
        status = child.handle.returncode
        assert status is not None
        del self._running[pid]
        self._statuses[pid] = status
        if len(self._statuses) > _REMEMBERED_MAX:
            del self._statuses[next(iter(self._statuses))]


def freeze(roots: Iterable[int]) -> None:
    """Stop these processes and all their descendants, those born meanwhile included."""
    roots, stopped = set(roots), set[int]()
    while fresh := descendants(roots) - stopped:
        _signal(fresh, signal.SIGSTOP)
        stopped |= fresh


def thaw(roots: Iterable[int]) -> None:
    """Let these processes and all their descendants go on."""
    _signal(descendants(set(roots)), signal.SIGCONT)


def descendants(roots: set[int]) -> set[int]:
    """Return the processes ``roots`` with all their descendants, as /proc shows them now."""
    children: dict[int, set[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                stat = (entry / "stat").read_text()
            except OSError:  # it has ended meanwhile
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, set()).add(int(entry.name))
    found, fresh = set[int](), set(roots)
    while fresh:
        found |= fresh
        fresh = {child for each in fresh for child in children.get(each, ())} - found
    return found


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:  # it has ended meanwhile
            continue
