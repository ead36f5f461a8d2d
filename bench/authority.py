"""What each authority adds to a takeover, and to a graceful stop.

Rule: only the authority differs; the times, the lab and what happens are the same, and authorities
take turns within each run.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import facts
from bench.bed import NAMES, PATIENCE_S, other, until
from bench.lives import TIMING
from bench.run import summary, target
from hafw.config.model import Protection
from hafw.core.settings import MS
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.connection import LabError
from hafw_sim.lab.lab import Lab
from hafw_sim.lab.pair import DOG_NS, Design, Pair
from hafw_sim.lab.topology import VIP
from hafw_sim.lab.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCHEMA: Final = "hafw.bench.authority/1"
LEASE_MS: Final = 1_000
DELAY_MS: Final = 100
SETTLE_S: Final = 1.0
_LEASE: Final = {"witness": True, "lease_ttl_ns": LEASE_MS * MS}
_SWITCH: Final = {"power": True, "fence_delay_ns": DELAY_MS * MS}
AUTHORITIES: Final[dict[str, tuple[Design, str]]] = {
    name: (Design(timing=TIMING, **how), note)
    for name, how, note in (
        ("reflected", {}, "the gateway reflects"),
        ("best-effort", {"reflect": False, "best_effort": True}, "the address is probed"),
        ("leased", {"reflect": False, **_LEASE}, f"a witness; lease_ttl {LEASE_MS} ms"),
        (
            "fenced",
            {"reflect": False, **_SWITCH},
            f"a switch that works at once; fence_delay {DELAY_MS} ms",
        ),
        (
            "fenced+leased",
            {
                "reflect": False,
                **_LEASE,
                **_SWITCH,
                "protection": Protection.FENCED_AND_LEASED,
            },
            "both of these",
        ),
        (
            "fenced (sbd)",
            {"reflect": False, "pills": True, "fence_delay_ns": DELAY_MS * MS},
            f"a pill; the watchdog counts {DOG_NS // MS} ms",
        ),
    )
}
BASELINE: Final = "reflected"
PHASES: Final = ("detect", "decide", "attach", "announce")
RELEASED_MS: Final = 5
"""What a witness may add to a graceful stop: the old holder released its lease."""

Result = dict[str, Any]


def authorities(runs: int, command: str, tell: Callable[[str], None]) -> Result:
    """Crash the owner, and stop it gracefully, `runs` times under each authority."""
    quiet, failures = facts.Quiet.now(), []
    values: dict[str, dict[str, list[float]]] = {name: {} for name in AUTHORITIES}
    for number in range(1, runs + 1):
        for name, (design, _) in AUTHORITIES.items():
            for life in (_crash, _stop):
                tell(f"run {number} of {runs}: {name}{life.__name__.replace('_', ' ')}")
                try:
                    found = life(design)
                except (LabError, OSError, RuntimeError) as problem:
                    failure = {"run": number, "peer": name, "life": life.__name__.strip("_")}
                    failures.append(failure | {"why": str(problem)[:2000]})
                    continue
                for key, value in found.items():
                    values[name].setdefault(key, []).append(round(value, 2))
    figures = {
        name: {key: summary(each) for key, each in found.items()} for name, found in values.items()
    }
    return {
        "schema": SCHEMA,
        **facts.of_this_run(command),
        "timing": {
            "keepalive_ms": TIMING.keepalive_ns // MS,
            "deadtime_ms": TIMING.deadtime_ns // MS,
            "initdead_ms": TIMING.initdead_ns // MS,
        },
        "runs": runs,
        "quiet": quiet.since(),
        "notes": {name: note for name, (_, note) in AUTHORITIES.items()},
        "figures": figures,
        "failures": failures,
        "targets": _targets(figures),
    }


def _targets(figures: dict[str, dict[str, Result]]) -> list[Result]:
    both = [found["both_own"]["max"] for found in figures.values() if "both_own" in found]
    found = [target("both own, under every authority", "ms", 0, max(both, default=0))]
    if all("stop_outage" in figures[name] for name in (BASELINE, "leased")):
        stops = [figures[name]["stop_outage"]["median"] for name in (BASELINE, "leased")]
        what = "graceful stop: what a witness adds"
        found.append(target(what, "ms", RELEASED_MS, round(stops[1] - stops[0], 2)))
    return found


def _crash(design: Design) -> dict[str, float]:
    with _steady(design) as (lab, watch, pair):
        owner = str(pair.owner())
        crashed_ns = lab.node(owner).crash()
        answer = watch.await_answer(VIP, crashed_ns, PATIENCE_S, by=other(owner))
        outage = watch.outage(VIP, crashed_ns, answer.at_ns).longest_ns / 1e6
        until(lambda: bool(_phases(pair, other(owner))), "the phases of the takeover")
        phases = _phases(pair, other(owner))
        both = watch.both_own_ns(VIP, 0) / 1e6
        return {"crash_outage": outage, "both_own": both, **phases}


def _phases(pair: Pair, name: str) -> dict[str, float]:
    last = pair.status(name).get("last_takeover")
    found = last["phases_ms"] if isinstance(last, dict) else {}
    return {key: float(found[key]) for key in PHASES if found.get(key) is not None}


def _stop(design: Design) -> dict[str, float]:
    with _steady(design) as (_lab, watch, pair):
        owner, ordered_ns = str(pair.owner()), now_ns()
        done = pair.hafw(owner, "stop")
        if done.returncode != 0:
            raise RuntimeError(f"hafw stop on {owner}: {done.stderr.strip()}")
        answer = watch.await_answer(VIP, ordered_ns, PATIENCE_S, by=other(owner))
        outage = watch.outage(VIP, ordered_ns, answer.at_ns).longest_ns / 1e6
        return {"stop_outage": outage, "both_own": watch.both_own_ns(VIP, 0) / 1e6}


@contextlib.contextmanager
def _steady(design: Design) -> Iterator[tuple[Lab, Watch, Pair]]:
    """Two agents in a lab of their own, ready for anything."""
    with contextlib.ExitStack() as ending:
        directory = ending.enter_context(tempfile.TemporaryDirectory(prefix="hafw-bench-"))
        lab = ending.enter_context(
            Lab(gateway_reflects=design.reflect, privileged=os.geteuid() == 0)
        )
        watch = ending.enter_context(Watch(lab, [VIP]))
        pair = Pair(lab, Path(directory), design)
        ending.enter_context(pair.devices())
        pair.start_steady()
        until(lambda: pair.owner() in NAMES, "an owner")
        time.sleep(SETTLE_S)  # a lease is read again after the hand-over of the start
        yield lab, watch, pair
