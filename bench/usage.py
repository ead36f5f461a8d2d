"""What the processes of a lab's machine cost: memory, processor time, wake-ups.

Rule: read from /proc, from outside the lab, of every process in the machine's network namespace.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.lab.node import Node

_PROC: Final = Path("/proc")
_LAB: Final = "init:"
"""The lab's own process 1 of each machine begins so."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process, or of several together."""

    pss_kib: int = 0
    rss_kib: int = 0
    cpu_ns: int = 0
    wakeups: int = 0

    def __add__(self, more: Usage) -> Usage:
        """Both together."""
        return Usage(
            self.pss_kib + more.pss_kib,
            self.rss_kib + more.rss_kib,
            self.cpu_ns + more.cpu_ns,
            self.wakeups + more.wakeups,
        )


def of_machine(node: Node) -> dict[str, Usage]:
    """The usage of a machine's processes, by command line."""
    anchor = node.spawn(["sleep", "60"])
    try:
        own = _pid_here(anchor.fileno())
        network = (_PROC / str(own) / "ns/net").readlink()
        found: dict[str, Usage] = {}
        for pid in _processes_in(network):
            if pid != own:
                command = _command(pid)
                found[command] = found.get(command, Usage()) + of_process(pid)
        return found
    finally:
        anchor.kill()


def _processes_in(network: Path) -> Iterator[int]:
    for entry in _PROC.iterdir():
        try:
            mine = entry.name.isdecimal() and (entry / "ns/net").readlink() == network
            if mine and not (entry / "comm").read_text().startswith(_LAB):
                yield int(entry.name)
        except OSError:  # it has ended meanwhile
            continue


def _pid_here(pidfd: int) -> int:
    """The number that a process of the lab has outside of it."""
    return int(_field(Path(f"/proc/self/fdinfo/{pidfd}").read_text(), "Pid"))


def _command(pid: int) -> str:
    return (_PROC / str(pid) / "cmdline").read_text().replace("\0", " ").strip()


def of_process(pid: int) -> Usage:
    """The usage of one process."""
    process = _PROC / str(pid)
    memory = (process / "smaps_rollup").read_text()
    threads = list((process / "task").iterdir())
    statuses = [(thread / "status").read_text() for thread in threads]
    return Usage(
        pss_kib=int(_field(memory, "Pss")),
        rss_kib=int(_field(memory, "Rss")),
        cpu_ns=sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads),
        wakeups=sum(int(_field(status, "voluntary_ctxt_switches")) for status in statuses),
    )


def _field(text: str, name: str) -> str:
    """The first word after `name:` in a file of /proc."""
    start = text.index(f"\n{name}:") + len(name) + 2
    return text[start:].split(maxsplit=1)[0]
