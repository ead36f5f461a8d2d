"""Short times on a busy machine: how often does the address move, or go quiet, for no reason?

Rule: hafw and keepalived run at the same time, in two labs side by side, so that both live through
the same stalls; nothing is broken on purpose, so every move is needless.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from bench.bed import NAMES, Pace, bed
from hafw.core.settings import MS, SECOND, Timing
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.topology import VIP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.bed import Bed
    from bench.peer import Peer
    from hafw_sim.lab.lab import Lab

TIMING: Final = Timing(
    keepalive_ns=10 * MS, warntime_ns=25 * MS, deadtime_ns=50 * MS, initdead_ns=2 * SECOND
)
BUSY_CORE: Final = 0
_LOOK_S: Final = 1.0
_BURN: Final = f"""
import os
os.sched_setaffinity(0, {{{BUSY_CORE}}})
while True:
    pass
"""


def soak(peers: Sequence[Peer], seconds: float, tell: Callable[[str], None]) -> dict[str, Any]:
    """Let all of them run for that long with one core kept busy; returns the figures by name."""
    with contextlib.ExitStack() as stack:
        beds = {peer.name: stack.enter_context(bed(peer, TIMING, Pace())) for peer in peers}
        for here in beds.values():
            here.start(*NAMES)
        for here in beds.values():
            here.settle()
        before = {name: here.deployed.account() for name, here in beds.items()}
        with burning(next(iter(beds.values())).lab):
            start_ns = now_ns()
            end_ns = start_ns + round(seconds * 1e9)
            while now_ns() < end_ns:
                tell(f"soak: {(end_ns - now_ns()) // 1_000_000_000} s to go")
                time.sleep(_LOOK_S)
        return {
            name: _figures(here, start_ns, end_ns) | {"account": _since(before[name], here)}
            for name, here in beds.items()
        }


@contextlib.contextmanager
def burning(lab: Lab) -> Iterator[None]:
    """Keep one core busy with an ordinary process."""
    burner = lab.spawn(None, [sys.executable, "-c", _BURN])
    try:
        yield
    finally:
        burner.kill()


def _figures(here: Bed, start_ns: int, end_ns: int) -> dict[str, Any]:
    outage = here.watch.outage(VIP, start_ns, end_ns)
    begins = sorted(
        (interval.start_ns, name)
        for name, spells in here.watch.serving(VIP).items()
        for interval in spells
        if interval.start_ns < end_ns
    )
    fresh = [
        (was, name) for (_, was), (at_ns, name) in itertools.pairwise(begins) if at_ns >= start_ns
    ]
    return {
        "needless_failovers": sum(was != name for was, name in fresh),
        "closures": sum(was == name for was, name in fresh),
        "outage_total_ms": round(outage.total_ns / 1e6, 1),
        "outage_longest_ms": round(outage.longest_ns / 1e6, 1),
        "outages": len(outage.gaps),
        "both_own_ms": round(here.watch.both_own_ns(VIP, start_ns, end_ns) / 1e6, 1),
    }


def _since(before: object, here: Bed) -> dict[str, int]:
    assert isinstance(before, dict)
    now = here.deployed.account()
    changed = {key: value - before.get(key, 0) for key, value in now.items()}
    return {key: value for key, value in changed.items() if value}
