"""ucarp: the CARP protocol in user space, on the service LAN.

Rule: it counts in whole seconds, so it keeps its own budget and is judged by what it adds to that.
"""

from __future__ import annotations

import signal
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bench.peer import program
from hafw_sim.lab.topology import NODES, VIP

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hafw.core.settings import Timing
    from hafw_sim.lab.lab import Lab
    from hafw_sim.lab.node import Process

_DEAD_RATIO: Final = 3
_SKEWS: Final = {"alpha": 0, "beta": 10}  # 256ths of a second


class Ucarp:
    """Debian's package ucarp."""

    name = "ucarp"
    note = "counts in whole seconds: 1 s is its shortest interval"
    reflected = True
    commands = True
    starts_alone = True

    def missing(self) -> str | None:
        """How to install it."""
        return None if program("ucarp") else "apt install ucarp"

    def version(self) -> str:
        """Its version."""
        words = [str(program("ucarp")), "--help"]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.split()[1]

    def detection_ns(self, timing: Timing) -> int:
        """Interval and skew, times the dead ratio."""
        del timing
        return round(_DEAD_RATIO * (1 + _SKEWS["beta"] / 256) * 1e9)

    def configured(self, timing: Timing) -> str:
        """Its options."""
        del timing
        return f"advbase 1, advskew 0/10, deadratio {_DEAD_RATIO}"

    def part(self, command: str) -> str:
        """There is one process."""
        del command
        return "daemon"

    def deploy(self, lab: Lab, directory: Path, timing: Timing) -> Deployed:
        """Write the two scripts that move the address."""
        del timing
        for verb, word in (("up", "add"), ("down", "del")):
            script = directory / verb
            script.write_text(f'#!/bin/sh\nexec ip address {word} "$2/32" dev "$1"\n')
            script.chmod(0o755)
        return Deployed(lab, directory)


@dataclass(slots=True)
class Deployed:
    """ucarp on both nodes."""

    lab: Lab
    directory: Path
    daemons: dict[str, Process] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start it in the foreground."""
        own = next(plan for plan in NODES if plan.name == name).sockets[0].addresses[0].ip
        options = {
            "interface": "eth0",
            "srcip": own,
            "vhid": 51,
            "pass": "bench",
            "addr": VIP,
            "advbase": 1,
            "advskew": _SKEWS[name],
            "deadratio": _DEAD_RATIO,
            "upscript": self.directory / "up",
            "downscript": self.directory / "down",
        }
        words = [f"--{option}={value}" for option, value in options.items()]
        argv = [str(program("ucarp")), *words, "--neutral", "--shutdown"]
        log = self.directory / f"{name}.log"
        self.daemons[name] = self.lab.node(name).spawn(argv, stdout=log)

    def ready(self) -> bool:
        """It says nothing about the other node."""
        return True

    def hand_over(self, owner: str) -> None:
        """SIGUSR2 makes the master a backup."""
        self.daemons[owner].signal(signal.SIGUSR2)

    def stop(self, name: str) -> None:
        """End it as its init script does."""
        self.daemons[name].signal(signal.SIGTERM)

    def account(self) -> Mapping[str, int]:
        """It counts nothing."""
        return {}
