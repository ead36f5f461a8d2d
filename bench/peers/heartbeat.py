"""Linux-HA heartbeat with `haresources`, on both LANs: what hafw's operators come from.

Rule: each node sees its own /etc/ha.d, /run and /var/lib/heartbeat; the host's stay untouched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.peer import program
from hafw.config.durations import format_duration
from hafw_sim.lab.topology import ALPHA, NODES, VIP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw.core.settings import Timing
    from hafw_sim.lab.lab import Lab
    from hafw_sim.lab.topology import Plan

_CONFIGURATION: Final = """\
logfile {log}
logfacility none
keepalive {keepalive}ms
warntime {warntime}ms
deadtime {deadtime}ms
initdead {initdead}ms
{media}
auto_failback off
node alpha beta
"""
_PRIVATE: Final = """\
set -e
mount --bind "$1" /etc/ha.d
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib/heartbeat
mkdir -p /run/heartbeat/ccm /run/heartbeat/dopd /run/heartbeat/rsctmp /run/resource-agents \
  /run/lock /var/lib/heartbeat/cores/root /var/lib/heartbeat/cores/hacluster
chown -R hacluster:haclient /run/heartbeat /var/lib/heartbeat
"""
_TOOLS: Final = Path("/usr/share/heartbeat")
_START_TIMEOUT_S: Final = 20.0


class Heartbeat:
    """Debian's package heartbeat."""

    name = "heartbeat"
    note = "waits 10 s of its own at each start"
    reflected = True
    commands = True
    starts_alone = True

    def missing(self) -> str | None:
        """How to install it, or that it needs root."""
        if not program("heartbeat"):
            return "apt install heartbeat"
        return None if os.geteuid() == 0 else "sudo make bench (heartbeat changes users)"

    def version(self) -> str:
        """Its version."""
        words = [str(program("heartbeat")), "-V"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[0]

    def detection_ns(self, timing: Timing) -> int:
        """`deadtime`."""
        return timing.deadtime_ns

    def configured(self, timing: Timing) -> str:
        """Its times."""
        times = (timing.keepalive_ns, timing.deadtime_ns)
        return "keepalive {}, deadtime {}, real time".format(*map(format_duration, times))

    def part(self, command: str) -> str:
        """Master, readers and writers together."""
        del command
        return "daemon"

    def deploy(self, lab: Lab, directory: Path, timing: Timing) -> Deployed:
        """Write both configurations."""
        for own, other in (NODES, NODES[::-1]):
            where = directory / own.name
            shutil.copytree("/etc/ha.d", where)
            (where / "ha.cf").write_text(_configuration(other, where / "ha.log", timing))
            (where / "haresources").write_text(f"{ALPHA.name} IPaddr2::{VIP}/32/eth0\n")
            (where / "authkeys").touch(mode=0o600)
            (where / "authkeys").write_text("auth 1\n1 sha1 bench\n")
        return Deployed(lab, directory)


def _configuration(other: Plan, log: Path, timing: Timing) -> str:
    media = [f"ucast eth{card} {each.addresses[0].ip}" for card, each in enumerate(other.sockets)]
    return _CONFIGURATION.format(
        log=log,
        keepalive=timing.keepalive_ns // 1_000_000,
        warntime=timing.warntime_ns // 1_000_000,
        deadtime=timing.deadtime_ns // 1_000_000,
        initdead=timing.initdead_ns // 1_000_000,
        media="\n".join(media),
    )


@dataclass(slots=True)
class Deployed:
    """heartbeat on both nodes."""

    lab: Lab
    directory: Path
    private: set[str] = field(default_factory=set)

    def start(self, name: str) -> None:
        """Start the daemon, which goes into the background."""
        if name not in self.private:
            self._run(name, "sh", "-c", _PRIVATE, "sh", self.directory / name)
            self.private.add(name)
        self._run(name, str(program("heartbeat")))

    def ready(self) -> bool:
        """Whether both nodes have settled who has what."""
        words = [self.lab.node(name).run(["cl_status", "rscstatus"]) for name in self.private]
        return all(said.stdout.strip() not in ("", "transition") for said in words)

    def hand_over(self, owner: str) -> None:
        """`hb_standby` on the owner."""
        self._run(owner, _TOOLS / "hb_standby")

    def stop(self, name: str) -> None:
        """End the daemon with its own option; it hands over first."""
        self.lab.node(name).spawn([str(program("heartbeat")), "-k"])

    def account(self) -> Mapping[str, int]:
        """How often it saw the other node dead."""
        logs = [(self.directory / name / "ha.log").read_text() for name in self.private]
        return {"event node dead": sum(log.count(": is dead") for log in logs)}

    def _run(self, name: str, *words: str | Path) -> None:
        done = self.lab.node(name).run(list(words), timeout_s=_START_TIMEOUT_S)
        if done.returncode != 0:
            raise RuntimeError(f"{words[0]} on {name}: {done.stderr.strip()[-500:]}")
