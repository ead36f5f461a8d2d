"""Runs the measurements and puts what they found into one result.

Rule: peers take turns within each run, so that a noisy minute hurts all of them alike; a trial that
failed is a line in the result, never a missing number.
"""

from __future__ import annotations

import dataclasses
import statistics
from typing import TYPE_CHECKING, Any, Final

from bench import facts, lives, rest
from bench.soak import BUSY_CORE, soak
from bench.soak import TIMING as SOAK_TIMING
from hafw.core.settings import MS
from hafw_sim.lab.connection import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.bed import Pace
    from bench.peer import Peer
    from hafw.core.settings import Timing

SCHEMA: Final = "hafw.bench/1"
SOAK_SCHEMA: Final = "hafw.bench.soak/1"
MEASURED: Final = "hafw"
"""The peer that all others are compared with."""

Result = dict[str, Any]


def outages(
    peers: Sequence[Peer], runs: int, pace: Pace, command: str, tell: Callable[[str], None]
) -> Result:
    """Every life of every peer, `runs` times, then each at rest."""
    present, quiet = _present(peers), facts.Quiet.now()
    values: dict[str, dict[str, list[float]]] = {}
    failures: list[Result] = []
    for number in range(1, runs + 1):
        for life in lives.LIVES:
            for peer in present:
                tell(f"run {number} of {runs}: {peer.name}, {life.__name__}")
                try:
                    found = life(peer, pace)
                except (LabError, OSError, RuntimeError) as problem:
                    failure = {"run": number, "peer": peer.name, "life": life.__name__}
                    failures.append(failure | {"why": str(problem)[:2000]})
                    continue
                for key, value in found.items():
                    values.setdefault(key, {}).setdefault(peer.name, []).append(round(value, 2))
    costs = {}
    for peer in present:
        tell(f"at rest: {peer.name}")
        costs[peer.name] = rest.at_rest(peer, pace)
    tell("at rest: a script that sleeps")
    costs["sleeping"] = rest.of_a_sleeper(pace)
    result = _heading(SCHEMA, command, peers, lives.TIMING) | {
        "runs": runs,
        "pace": dataclasses.asdict(pace),
        "quiet": quiet.since(),
        "figures": {
            key: {name: summary(each) for name, each in found.items()}
            for key, found in values.items()
        },
        "rest": costs,
        "failures": failures,
    }
    return result | {"targets": _outage_targets(result)}


def busy(
    peers: Sequence[Peer], minutes: float, command: str, tell: Callable[[str], None]
) -> Result:
    """The soak."""
    chosen = [peer for peer in _present(peers) if peer.name in (MEASURED, "keepalived")]
    quiet = facts.Quiet.now()
    figures = soak(chosen, minutes * 60, tell)
    result = _heading(SOAK_SCHEMA, command, chosen, SOAK_TIMING) | {
        "minutes": minutes,
        "busy_core": BUSY_CORE,
        "quiet": quiet.since(),
        "figures": figures,
    }
    return result | {"targets": _soak_targets(figures)}


def _present(peers: Sequence[Peer]) -> list[Peer]:
    return [peer for peer in peers if peer.missing() is None]


def _heading(schema: str, command: str, peers: Sequence[Peer], timing: Timing) -> Result:
    return {
        "schema": schema,
        **facts.of_this_run(command),
        "timing": {
            "keepalive_ms": timing.keepalive_ns // MS,
            "deadtime_ms": timing.deadtime_ns // MS,
            "initdead_ms": timing.initdead_ns // MS,
        },
        "peers": {
            peer.name: {
                "version": peer.version(),
                "configured": peer.configured(timing),
                "detection_ms": round(peer.detection_ns(timing) / MS, 1),
                "note": peer.note,
            }
            for peer in _present(peers)
        },
        "left_out": {peer.name: why for peer in peers if (why := peer.missing()) is not None},
    }


def summary(values: list[float]) -> Result:
    """Every value, their median, and the worst."""
    return {
        "values": values,
        "median": round(statistics.median(values), 2),
        "max": max(values),
    }


# --- what hafw is to keep -------------------------------------------------------------------


def target(what: str, unit: str, limit: float, reached: float) -> Result:
    """What is to be kept, and whether it is."""
    return {"what": what, "unit": unit, "limit": limit, "reached": reached, "met": reached <= limit}


def _outage_targets(result: Result) -> list[Result]:
    found: list[Result] = []
    for figure in lives.FIGURES:
        mine = result["figures"].get(figure.key, {}).get(MEASURED)
        if figure.limit is not None and mine is not None:
            reached = mine["max" if figure.always else "median"]
            found.append(target(figure.title, "ms", figure.limit, reached))
    healed, calm = (result["figures"].get(f"{time}_outage", {}) for time in ("healed", "calm"))
    if MEASURED in healed:
        what = "outage in sum after the heal, within what is seen before any fault"
        found.append(target(what, "ms", calm[MEASURED]["max"], healed[MEASURED]["median"]))
    engine = result["rest"].get(MEASURED, {}).get("engine", {})
    if engine:
        memory = max(place["pss_mib"] for place in engine.values())
        processor = max(place["cpu_percent"] for place in engine.values())
        found.append(target("engine process at rest: memory (PSS)", "MiB", 30, memory))
        found.append(target("engine process at rest: processor", "% of a core", 0.3, processor))
    return found


def _soak_targets(figures: dict[str, Result]) -> list[Result]:
    mine, peer = figures[MEASURED], figures.get("keepalived")
    if peer is None:
        return []
    moves = ("needless_failovers", "needless failovers, no more than keepalived", "")
    outage = ("outage_total_ms", "client outage in sum, no more than keepalived", "ms")
    return [target(what, unit, peer[key], mine[key]) for key, what, unit in (moves, outage)]
