"""hafw itself: two real agents, driven by the program `hafw` as an operator would.

Rule: it gets no help that a peer does not get.
"""

from __future__ import annotations

import json
import signal
from collections import Counter
from typing import TYPE_CHECKING, Final

from hafw import __version__
from hafw.config.durations import format_duration
from hafw_sim.lab.pair import Design, Pair

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hafw.core.settings import Timing
    from hafw_sim.lab.lab import Lab

_COUNTED: Final = ("pauses", "right_endings", "worker_restarts", "gate_reinstalled")


class Hafw:
    """hafw under `reflected`, or under `best-effort` with a gateway that does not reflect."""

    commands = True

    def __init__(self, *, reflected: bool = True) -> None:
        """Choose which certificate its takeovers rest on."""
        self.reflected = reflected
        self.name = "hafw" if reflected else "hafw best-effort"
        self.starts_alone = not reflected
        self.note = (
            "certificate `reflected`: the gateway is the ping node and reflects heartbeats"
            if reflected
            else "certificate `best-effort`: the gateway is the ping node and does not reflect"
        )

    def missing(self) -> str | None:
        """Nothing: it is what is measured."""
        return None

    def version(self) -> str:
        """Its version."""
        return __version__

    def detection_ns(self, timing: Timing) -> int:
        """`deadtime`."""
        return timing.deadtime_ns

    def configured(self, timing: Timing) -> str:
        """Its times."""
        times = (timing.keepalive_ns, timing.deadtime_ns)
        return "keepalive {}, deadtime {}".format(*map(format_duration, times))

    def part(self, command: str) -> str:
        """The engine's process, or the worker's."""
        return "worker" if "hafw.worker" in command else "engine"

    def deploy(self, lab: Lab, directory: Path, timing: Timing) -> Deployed:
        """Write cluster file, key and first state files."""
        best_effort = not self.reflected
        design = Design(timing=timing, reflect=self.reflected, best_effort=best_effort)
        return Deployed(Pair(lab, directory, design))


class Deployed:
    """hafw on both nodes."""

    def __init__(self, pair: Pair) -> None:
        """Drive this pair."""
        self._pair = pair

    def start(self, name: str) -> None:
        """Start the agent of one node; returns when it answers."""
        self._pair.start(name)

    def ready(self) -> bool:
        """Whether both agents say that the standby may take over."""
        return self._pair.steady()

    def hand_over(self, owner: str) -> None:
        """`hafw standby` on the owner."""
        done = self._pair.hafw(owner, "standby")
        if done.returncode != 0:
            raise RuntimeError(f"hafw standby on {owner}: {done.stderr.strip()}")

    def stop(self, name: str) -> None:
        """End the agent as systemd does."""
        self._pair.agents[name].signal(signal.SIGTERM)

    def account(self) -> Mapping[str, int]:
        """Its counters, and how often each takeover-like event is in its log."""
        found: Counter[str] = Counter()
        for name in self._pair.agents:
            agent = self._pair.status(name).get("agent")
            if isinstance(agent, dict):
                found.update({key: int(agent[key]) for key in _COUNTED})
            for line in self._pair.log(name).read_text().splitlines():
                if line.startswith("{"):
                    found[f"event {json.loads(line)['name']}"] += 1
        return found
