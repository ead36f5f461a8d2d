"""The independent judge: watches who serves and who answers for a lab's VIPs, and gives verdicts.

Rule: it stands outside hafw. What it says comes from a client's probes, the kernels' own
announcements and ARP.

    with Lab() as lab, Watch(lab, [VIP]) as watch:
        ...
        outage = watch.outage(VIP, start_ns)
        assert watch.both_own_ns(VIP, start_ns) == 0
"""

from __future__ import annotations

import contextlib
import sys
import time
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final, Self

from hafw_sim.lab import serving
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.connection import LabError
from hafw_sim.lab.files import memory_file
from hafw_sim.lab.record import Record
from hafw_sim.lab.topology import NODES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from ipaddress import IPv6Address

    from hafw_sim.lab.lab import Lab
    from hafw_sim.lab.node import Process
    from hafw_sim.lab.record import Answer, Claim, Outage, Probes, Turn
    from hafw_sim.lab.serving import Interval

PROBE_INTERVAL_US: Final = 1_000
ARP_INTERVAL_US: Final = 5_000
_LOOK_INTERVAL_S: Final = 0.005
_START_TIMEOUT_S: Final = 10.0
_STDERR: Final = 2


class Watch:
    """Watches VIPs of a lab within a ``with`` block, which begins before any node has them.

    Moments are CLOCK_BOOTTIME nanoseconds (`hafw_sim.lab.clock.now_ns`); an end left out is now.
    """

    def __init__(self, lab: Lab, vips: Sequence[IPv4Address | IPv6Address]) -> None:
        """Choose the VIPs."""
        # The ARP cross-check is for IPv4 only: those first, so that places agree everywhere.
        self._vips = sorted(vips, key=lambda vip: vip.version)
        self._lab = lab
        self._exit = contextlib.ExitStack()
        self._programs: list[Process] = []

    def __enter__(self) -> Self:
        """Start watching; returns once everything is being watched."""
        words = [str(vip) for vip in self._vips]
        four = [str(vip) for vip in self._vips if isinstance(vip, IPv4Address)]
        arguments = {
            "monitor": words,
            "prober": [str(PROBE_INTERVAL_US), *words],
            "arpwatch": [str(ARP_INTERVAL_US), *four],
        }
        with contextlib.ExitStack() as stack:
            files = {name: stack.enter_context(memory_file(name)) for name in arguments}
            places = (files["prober"], files["monitor"], files["arpwatch"])
            self._record = Record(self._vips, places)
            for name, words in arguments.items():
                argv = [sys.executable, "-m", f"hafw_sim.lab.{name}", *words]
                machine = "client" if name == "prober" else None
                program = self._lab.spawn(machine, argv, stdout=files[name], stderr=_STDERR)
                self._programs.append(program)
                stack.callback(program.kill)
            self._wait_for(self._is_watching, _START_TIMEOUT_S, "the watch to start")
            stack.callback(self._refresh)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop watching; the verdicts stay available."""
        self._exit.close()
        self._programs.clear()

    # -- what the client saw ---------------------------------------------------------------------

    def first_answer(
        self,
        vip: IPv4Address | IPv6Address,
        since_ns: int,
        by: str | None = None,
    ) -> Answer | None:
        """Return the first answer after ``since_ns``, or the first ``by`` one machine."""
        return self._probes(vip).first_answer(since_ns, by)

    def await_answer(
        self,
        vip: IPv4Address | IPv6Address,
        since_ns: int,
        timeout_s: float,
        by: str | None = None,
    ) -> Answer:
        """Wait for such an answer; raises TimeoutError."""
        what = f"{by or 'anybody'} to answer for {vip}"
        self._wait_for(lambda: self.first_answer(vip, since_ns, by) is not None, timeout_s, what)
        answer = self.first_answer(vip, since_ns, by)
        assert answer is not None
        return answer

    def outage(
        self, vip: IPv4Address | IPv6Address, start_ns: int, end_ns: int | None = None
    ) -> Outage:
        """Return what the client went without."""
        return self._probes(vip).outage(start_ns, now_ns() if end_ns is None else end_ns)

    def turns(
        self, vip: IPv4Address | IPv6Address, start_ns: int, end_ns: int | None = None
    ) -> tuple[Turn, ...]:
        """Return which machines answered, in order."""
        return self._probes(vip).turns(start_ns, now_ns() if end_ns is None else end_ns)

    # -- who had the address ---------------------------------------------------------------------

    def serving(self, vip: IPv4Address | IPv6Address) -> dict[str, list[Interval]]:
        """Return when each node served ``vip``: address there, gate open."""
        self._refresh()
        found = serving.intervals(self._record.changes, vip)
        return {node.name: found.get(node.number, []) for node in NODES}

    def owners(self, vip: IPv4Address | IPv6Address) -> set[str]:
        """Return the nodes that serve ``vip`` now."""
        spells = self.serving(vip)
        return {name for name, spell in spells.items() if spell and spell[-1].end_ns is None}

    def await_owners(
        self, vip: IPv4Address | IPv6Address, owners: set[str], timeout_s: float
    ) -> None:
        """Wait until exactly these nodes serve ``vip``; raises TimeoutError."""
        what = f"{vip} to be served by {', '.join(sorted(owners)) or 'nobody'}"
        self._wait_for(lambda: self.owners(vip) == owners, timeout_s, what)

    def both_own_ns(
        self, vip: IPv4Address | IPv6Address, start_ns: int, end_ns: int | None = None
    ) -> int:
        """Return for how long both nodes served ``vip``."""
        one, other = self.serving(vip).values()
        return serving.overlap_ns(one, other, start_ns, now_ns() if end_ns is None else end_ns)

    def claims(
        self, vip: IPv4Address, start_ns: int, end_ns: int | None = None
    ) -> tuple[Claim, ...]:
        """Return who claimed ``vip`` by ARP."""
        self._refresh()
        last_ns = now_ns() if end_ns is None else end_ns
        return tuple(each for each in self._record.claims[vip] if start_ns <= each.at_ns <= last_ns)

    # -- helpers ---------------------------------------------------------------------------------

    def _probes(self, vip: IPv4Address | IPv6Address) -> Probes:
        self._refresh()
        return self._record.probes[vip]

    def _refresh(self) -> None:
        """Read on; raises `LabError` if a program of the watch has ended, for it saw too little."""
        for program in self._programs:
            if not program.running:
                raise LabError(f"the watch is blind: {' '.join(program.argv[2:])} has ended")
        if self._programs:
            self._record.refresh()

    def _is_watching(self) -> bool:
        self._refresh()
        return self._record.listening and all(each.asks for each in self._record.probes.values())

    def _wait_for(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        deadline_ns = now_ns() + round(timeout_s * 1e9)
        while not condition():
            if now_ns() > deadline_ns:
                raise TimeoutError(f"waited {timeout_s} s for {what}")
            time.sleep(_LOOK_INTERVAL_S)
