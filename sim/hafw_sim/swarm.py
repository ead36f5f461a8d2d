"""Draws schedules from seeds: which pair, which classes of faults, which faults and when.

One rule: each class of faults is on or off per seed (swarm testing: Groce and others, 2012), so
that rare combinations without a dominant fault are drawn as well.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafw.core.settings import MS, SECOND
from hafw_sim.draw import Draw
from hafw_sim.episodes import FENCES, MAINTENANCE, STORES, WITHIN
from hafw_sim.schedule import Decision, Pair, Schedule

if TYPE_CHECKING:
    from hafw_sim.schedule import Ending

SPANS_DEADTIMES: Final = (6, 10, 10, 20, 20, 60)
"""How long a run is before it is healed, up to ten minutes at the usual deadtime: as many faults in
less time meet each other, and the repairs of each other, more often."""
FAULTS_MEAN: Final = 12
"""Episodes per run, in the mean."""
TIMINGS: Final = (
    # keepalive, warntime, deadtime, initdead, in ms
    (1_000, 5_000, 10_000, 30_000),
    (1_000, 5_000, 10_000, 30_000),
    (1_000, 2_000, 5_000, 15_000),
    (500, 1_000, 3_000, 10_000),
    (100, 200, 1_000, 3_000),
)
PROTECTIONS: Final = (
    "reflected",
    "reflected",
    "reflected|best-effort",
    "best-effort",
    "none",
    "leased",
    "leased",
    "leased|reflected",
    "leased|best-effort",
    "fenced",
    "fenced|leased",
    "fenced+leased",
    "fenced|reflected",
)


def draw_schedule(
    seed: int,
    *,
    liveness: bool = False,
    pair: Pair | None = None,
    spans_deadtimes: tuple[int, ...] = SPANS_DEADTIMES,
) -> Schedule:
    """The schedule of a seed. `liveness`: in the end not everything is made whole.

    `pair`: what is done is done to this one; else the pair is drawn too. `spans_deadtimes`: how
    long it may be.
    """
    chance = random.Random(f"{seed}/pair")
    pair = replace(
        pair or _draw_pair(chance),
        rates_ppm=(chance.randint(-4_000, 4_000), chance.randint(-4_000, 4_000)),
        seed=seed,
    )
    protections = "|".join(member.protection for member in pair.every_group())
    classes = (
        *WITHIN,
        *(STORES if "leased" in protections else ()),
        *(FENCES if "fenced" in protections else ()),
    )
    kinds = [kind for kind in classes if chance.random() < 0.4] or [chance.choice(classes)]  # noqa: PLR2004 - swarm
    draw = Draw(seed, pair)
    span_ns = chance.choice(spans_deadtimes) * pair.deadtime_ns
    decisions: list[Decision] = []
    for _ in range(min(max(round(chance.gauss(FAULTS_MEAN, 4)), 2), 30)):
        begin_ns = chance.randrange(min(pair.initdead_ns // 5, span_ns // 2), span_ns)
        for kind, args, after_s in chance.choice(kinds)(draw):
            decisions.append(Decision(begin_ns + int(after_s * SECOND), kind, args))
    decisions += _maintenance(seed, pair, span_ns)
    decisions.sort(key=lambda decision: decision.at_ns)
    ending: Ending = ("core", "survivor")[seed % 2] if liveness else "whole"
    return Schedule(pair, tuple(decisions), span_ns, ending=ending, note=f"seed {seed}")


def _maintenance(seed: int, pair: Pair, span_ns: int) -> list[Decision]:
    """In one seed of five: what is done in maintenance, laid over whatever else goes wrong."""
    chance = random.Random(f"{seed}/maintenance")
    if chance.random() >= 0.2:  # noqa: PLR2004 - one of five
        return []
    draw = Draw(seed, pair, "faults in maintenance")
    decisions = []
    for _ in range(chance.choice((1, 1, 2))):
        begin_ns = chance.randrange(min(pair.initdead_ns // 5, span_ns // 2), span_ns)
        for kind, args, after_s in chance.choice(MAINTENANCE)(draw):
            decisions.append(Decision(begin_ns + int(after_s * SECOND), kind, args))
    return decisions


def _draw_pair(chance: random.Random) -> Pair:
    keepalive, warntime, deadtime, initdead = chance.choice(TIMINGS)
    protection = chance.choice(PROTECTIONS)
    return Pair(
        protection=protection,
        groups=chance.choice((1, 1, 1, 2, 3)),
        links=chance.choice((1, 2, 2)),
        pings=chance.choice((1, 1, 2)) if "reflected" in protection else chance.choice((0, 1)),
        auto_failback=chance.random() < 0.3,  # noqa: PLR2004 - sometimes
        keepalive_ns=keepalive * MS,
        warntime_ns=warntime * MS,
        deadtime_ns=deadtime * MS,
        initdead_ns=initdead * MS,
        lease_ttl_ns=int(deadtime * chance.uniform(1.5, 4)) * MS,
        fence_delay_ns=int(deadtime * chance.uniform(0.1, 2)) * MS,
    )
