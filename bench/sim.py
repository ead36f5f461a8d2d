"""How fast the simulator is on one core, and where its time goes.

Rule: a core's own time counts, not the clock's, so that who else works counts least; the profile is
sampled, so that it does not weigh small functions more than they are.
"""

from __future__ import annotations

import platform
import signal
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import hafw
import hafw_sim
from bench import facts
from bench.rates import PAIRS, Rates, rates, schedules
from hafw.core.settings import MS
from hafw_sim.play import play
from hafw_sim.players import implementation, players
from hafw_sim.schedule import Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

SCHEMA: Final = "hafw.bench.sim/2"
EVENTS_PER_S: Final = 40_000
SEEDS_PER_S: Final = 20
SAMPLE_S: Final = 0.001
WARM_UP: Final = 20
"""Runs that another Python plays before the ones that count: PyPy compiles meanwhile."""
_CORE: Final = str(Path(hafw.__file__).parent / "core")
_SIM: Final = str(Path(hafw_sim.__file__).parent)
_CHECKERS: Final = {"_watch", "_note", "settle", "_overlapped", "_judge_overlaps", "verdict"}
"""Functions of the simulator that only look whether all is well; and all `_check…`."""

Result = dict[str, Any]


def speed(seeds: int, command: str, tell: Callable[[str], None], python: str = "") -> Result:
    """Play so many runs of each pair, here and by another `python`; then once more, sampled.

    Raises NoPlayer.
    """
    quiet, usual = facts.Quiet.now(), Pair()
    found: dict[str, dict[str, Rates]] = {}
    for name, pair in PAIRS.items():
        tell(f"{name}: {seeds} runs of ten simulated minutes")
        found[name] = {_own(): rates(pair, seeds, 0)}
    if python:
        kind = implementation(python)
        with players(python, 1) as pool:
            for name, pair in PAIRS.items():
                tell(f"{name}, {kind}: {seeds} runs of ten simulated minutes")
                found[name][kind] = pool.submit(rates, pair, seeds, WARM_UP).result()
    tell(f"{seeds} runs once more, to see where the time goes")
    with Samples() as samples:
        for schedule in schedules(usual, range(seeds)):
            play(schedule)
    timing = {"keepalive_ms": usual.keepalive_ns, "deadtime_ms": usual.deadtime_ns}
    timing["initdead_ms"] = usual.initdead_ns
    return {
        "schema": SCHEMA,
        **facts.of_this_run(command),
        "timing": {name: value // MS for name, value in timing.items()},
        "seeds": seeds,
        "quiet": quiet.since(),
        "rates": found,
        "shares": samples.shares(),
        "targets": [
            target
            for name, by_python in found.items()
            for kind, figures in by_python.items()
            for target in _targets(f"{name}, {kind}", figures)
        ],
    }


def _own() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"


def _targets(which: str, figures: Rates) -> Iterator[Result]:
    for what, key, limit in (
        ("events per second", "events_per_s", EVENTS_PER_S),
        ("seeds of ten minutes per second", "seeds_per_s", SEEDS_PER_S),
    ):
        reached = figures[key]
        yield {
            "what": f"{which}: {what}",
            "unit": "per core",
            "at_least": True,
            "limit": limit,
            "reached": reached,
            "met": reached >= limit,
        }


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
