"""How fast the simulator is on one core, and where its time goes.

Rule: a core's own time counts, not the clock's, so that a busy machine slows nothing down; the
profile is sampled, so that it does not weigh small functions more than they are.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import hafw
import hafw_sim
from bench import facts
from hafw.core.settings import MS, SECOND
from hafw_sim.play import play
from hafw_sim.schedule import Pair
from hafw_sim.swarm import draw_schedule

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

SCHEMA: Final = "hafw.bench.sim/1"
EVENTS_PER_S: Final = 40_000
SEEDS_PER_S: Final = 20
SAMPLE_S: Final = 0.001
RUN_S: Final = 600
"""Simulated time of a run until it is healed."""
_CORE: Final = str(Path(hafw.__file__).parent / "core")
_SIM: Final = str(Path(hafw_sim.__file__).parent)
_CHECKERS: Final = {"_watch", "_note", "settle", "_overlapped", "_judge_overlaps", "verdict"}
"""Functions of the simulator that only look whether all is well; and all `_check…`."""

Result = dict[str, Any]


def speed(seeds: int, command: str, tell: Callable[[str], None]) -> Result:
    """Play so many runs of the usual pair: once by the clock, once sampled."""
    quiet, pair = facts.Quiet.now(), Pair()
    schedules = [draw_schedule(seed, pair=pair, spans_deadtimes=(60,)) for seed in range(seeds)]
    tell(f"{seeds} runs of ten simulated minutes")
    begun_s = time.process_time()
    outcomes = [play(schedule) for schedule in schedules]
    spent_s = time.process_time() - begun_s
    tell(f"{seeds} runs once more, to see where the time goes")
    with Samples() as samples:
        for schedule in schedules:
            play(schedule)
    events = sum(outcome.events for outcome in outcomes)
    figures = {
        "events_per_s": round(events / spent_s),
        "seeds_per_s": round(seeds / spent_s, 2),
        "simulated_s_per_s": round(sum(each.simulated_ns for each in outcomes) / SECOND / spent_s),
        "events_per_seed": round(events / seeds),
        "faults_per_seed": round(sum(each.faults.total() for each in outcomes) / seeds, 1),
    }
    timing = {"keepalive_ms": pair.keepalive_ns, "deadtime_ms": pair.deadtime_ns}
    timing["initdead_ms"] = pair.initdead_ns
    return {
        "schema": SCHEMA,
        **facts.of_this_run(command),
        "timing": {name: value // MS for name, value in timing.items()},
        "seeds": seeds,
        "quiet": quiet.since(),
        "figures": figures,
        "shares": samples.shares(),
        "targets": [
            _target("events per second", EVENTS_PER_S, figures["events_per_s"]),
            _target("seeds of ten minutes per second", SEEDS_PER_S, figures["seeds_per_s"]),
        ],
    }


def _target(what: str, limit: float, reached: float) -> Result:
    found = {"what": what, "unit": "per core", "at_least": True}
    return found | {"limit": limit, "reached": reached, "met": reached >= limit}


class Samples:
    """Looks a thousand times per second of processor time what is being done."""

    def __init__(self) -> None:
        """Nothing was seen."""
        self._seen: Counter[str] = Counter()

    def __enter__(self) -> Self:
        """Begin."""
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_S, SAMPLE_S)
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_IGN)

    def shares(self) -> dict[str, float]:
        """Percent of the time for each part, the largest first."""
        total = self._seen.total() or 1
        return {part: round(100 * n / total, 1) for part, n in self._seen.most_common()}

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        """What the standard library does counts for the one who called it."""
        while frame is not None:
            part = part_of(frame.f_code.co_filename, frame.f_code.co_name)
            if part:
                self._seen[part] += 1
                return
            frame = frame.f_back
        self._seen["else"] += 1


def part_of(file: str, function: str) -> str:
    """The part of the simulator to which a function belongs; '' if to none."""
    if file.startswith(_CORE):
        return "codec and HMAC" if file.endswith("/wire.py") else "engine"
    if not file.startswith(_SIM):
        return ""
    if function in _CHECKERS or function.startswith("_check"):
        return "checkers"
    return "network and clocks" if file.endswith(_NETWORK) else "world"


_NETWORK: Final = ("/network.py", "/clockwork.py")
