"""keepalived: VRRP version 3 on the service LAN.

Rule: both nodes start as BACKUP with `nopreempt`, so that nothing moves back by itself, as with
hafw; priorities are so near to 255 that VRRP's skew costs it next to nothing.
"""

from __future__ import annotations

import signal
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bench.peer import program
from hafw_sim.lab.topology import VIP

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hafw.core.settings import Timing
    from hafw_sim.lab.lab import Lab
    from hafw_sim.lab.node import Process

_PRIORITIES: Final = {"alpha": 254, "beta": 250}
_SKEW: Final = (256 - min(_PRIORITIES.values())) / 256  # of an interval: RFC 5798 section 6.1
_CONFIGURATION: Final = """\
global_defs {{
    router_id {name}
    vrrp_version 3
    vrrp_rt_priority 10
    vrrp_no_swap
}}
vrrp_instance bench {{
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int {interval_s:g}
    virtual_ipaddress {{
        {vip}/32 dev eth0
    }}
}}
"""


class Keepalived:
    """Debian's package keepalived."""

    name = "keepalived"
    note = "no command for a switchover: its graceful stop is the nearest"
    reflected = True
    commands = False
    starts_alone = True

    def missing(self) -> str | None:
        """How to install it."""
        return None if program("keepalived") else "apt install keepalived"

    def version(self) -> str:
        """Its version."""
        words = [str(program("keepalived")), "--version"]
        said = subprocess.run(words, capture_output=True, text=True, check=True)
        return said.stderr.split()[1].removeprefix("v")

    def detection_ns(self, timing: Timing) -> int:
        """Three intervals and the skew of the lower priority (RFC 5798, Master_Down_Interval)."""
        return round(timing.keepalive_ns * (3 + _SKEW))

    def configured(self, timing: Timing) -> str:
        """Its interval and priorities."""
        priorities = "/".join(str(each) for each in _PRIORITIES.values())
        interval_s = timing.keepalive_ns / 1e9
        return f"advert_int {interval_s:g}, priority {priorities}, vrrp_rt_priority 10"

    def part(self, command: str) -> str:
        """Parent and VRRP child together."""
        del command
        return "daemon"

    def deploy(self, lab: Lab, directory: Path, timing: Timing) -> Deployed:
        """Write both configurations."""
        for name, priority in _PRIORITIES.items():
            text = _CONFIGURATION.format(
                name=name, priority=priority, interval_s=timing.keepalive_ns / 1e9, vip=VIP
            )
            (directory / f"{name}.conf").write_text(text)
        return Deployed(lab, directory)


@dataclass(slots=True)
class Deployed:
    """keepalived on both nodes."""

    lab: Lab
    directory: Path
    daemons: dict[str, Process] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start it, only VRRP, in the foreground, with files of its own."""
        at = self.directory / name
        words = ["--vrrp", "--dont-fork", "--log-console", "--use-file", f"{at}.conf"]
        words += ["--pid", f"{at}.pid", "--vrrp_pid", f"{at}.vrrp.pid"]
        argv = [str(program("keepalived")), *words]
        self.daemons[name] = self.lab.node(name).spawn(argv, stdout=at.with_suffix(".log"))

    def ready(self) -> bool:
        """It says nothing about the other node."""
        return True

    def hand_over(self, owner: str) -> None:
        """Only by stopping."""
        self.stop(owner)

    def stop(self, name: str) -> None:
        """End it as systemd does."""
        self.daemons[name].signal(signal.SIGTERM)

    def account(self) -> Mapping[str, int]:
        """How often a node became master."""
        logs = [(self.directory / f"{name}.log").read_text() for name in self.daemons]
        return {"event became master": sum(log.count("Entering MASTER STATE") for log in logs)}
