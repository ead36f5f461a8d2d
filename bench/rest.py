"""What a peer costs while nothing happens: on a quiet machine, and on one whose memory is awake.

Rule: nobody watches and no client asks meanwhile; the times are those that most people run with.

Beside the peers stands what this machine asks of a script that does next to nothing: where that
costs more than a peer should, the machine is what was measured.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

from bench import usage
from bench.awake import memory_awake
from bench.bed import NAMES, laid, until
from hafw.core.settings import Timing
from hafw_sim.lab.topology import VIP

if TYPE_CHECKING:
    from bench.bed import Pace
    from bench.peer import Peer
    from bench.usage import Usage
    from hafw_sim.lab.lab import Lab

TIMING: Final = Timing()
"""keepalive 1 s, deadtime 10 s."""
_START_TIMEOUT_S: Final = 90.0

_SLEEPER: Final = """
import time
while True:
    time.sleep(1 / 3)
    sum(range(2000))
"""
"""It wakes up as often as an owner's engine, for less than a tenth of a millisecond."""

Cost = dict[str, dict[str, dict[str, float]]]
"""By part of the peer, by what its node is (owner, standby), by figure."""


def at_rest(peer: Peer, pace: Pace) -> Cost:
    """Start both nodes and measure each of the peer's parts for `pace.rest_s`, twice."""
    with laid(peer, TIMING) as (lab, deployed):
        for name in NAMES:
            deployed.start(name)
        client = lab.node("client")
        until(
            lambda: client.who_answers(str(VIP)) is not None and deployed.ready(),
            "the address and a ready standby",
            _START_TIMEOUT_S,
        )
        time.sleep(pace.settle_s)
        owner = client.who_answers(str(VIP))
        quiet = _spend(peer, lab, pace.rest_s)
        with memory_awake():
            awake = _spend(peer, lab, pace.rest_s)
    found: Cost = {}
    for name in NAMES:
        place = "owner" if name == owner else "standby"
        for part, figures in quiet[name].items():
            beside = {"awake_percent": awake[name][part]["cpu_percent"]}
            found.setdefault(part, {})[place] = figures | beside
    return found


def of_a_sleeper(pace: Pace) -> Cost:
    """The same of a script that only wakes up, three times a second."""
    with subprocess.Popen([sys.executable, "-ISc", _SLEEPER]) as process:
        try:
            time.sleep(pace.settle_s)
            quiet = _spent_by(process.pid, pace.rest_s)
            with memory_awake():
                awake = _spent_by(process.pid, pace.rest_s)
        finally:
            process.kill()
    return {"script": {"any": quiet | {"awake_percent": awake["cpu_percent"]}}}


def _spent_by(pid: int, seconds: float) -> dict[str, float]:
    before, began_s = usage.of_process(pid), time.monotonic()
    time.sleep(seconds)
    return _figures(before, usage.of_process(pid), time.monotonic() - began_s)


def _spend(peer: Peer, lab: Lab, seconds: float) -> dict[str, dict[str, dict[str, float]]]:
    """What each node's parts of the peer cost, for so long from now."""
    before = {name: _by_part(peer, usage.of_machine(lab.node(name))) for name in NAMES}
    began_s = time.monotonic()
    time.sleep(seconds)
    elapsed_s = time.monotonic() - began_s
    after = {name: _by_part(peer, usage.of_machine(lab.node(name))) for name in NAMES}
    return {
        name: {
            part: _figures(before[name][part], now, elapsed_s) for part, now in after[name].items()
        }
        for name in NAMES
    }


def _by_part(peer: Peer, processes: dict[str, Usage]) -> dict[str, Usage]:
    parts: dict[str, Usage] = {}
    for command, used in processes.items():
        part = peer.part(command)
        parts[part] = parts.get(part, usage.Usage()) + used
    return parts


def _figures(was: Usage, now: Usage, elapsed_s: float) -> dict[str, float]:
    return {
        "pss_mib": round(now.pss_kib / 1024, 1),
        "rss_mib": round(now.rss_kib / 1024, 1),
        "cpu_percent": round((now.cpu_ns - was.cpu_ns) / 1e7 / elapsed_s, 3),
        "wakeups_per_s": round((now.wakeups - was.wakeups) / elapsed_s, 1),
    }
