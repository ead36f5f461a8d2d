"""How fast runs of a pair are played, by the processor's time of the Python that plays them.

Rule: the standard library alone is needed here, so that any Python can play (see
`hafw_sim.players`); what one plays to get warm is not counted.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from hafw.core.settings import SECOND
from hafw_sim.play import play
from hafw_sim.schedule import Pair
from hafw_sim.swarm import draw_schedule

if TYPE_CHECKING:
    from hafw_sim.schedule import Schedule

PAIRS: Final = {
    "usual pair": Pair(),
    "plain pair": Pair(links=1, protection="best-effort"),
}
"""The usual one has two links and a ping node that reflects heartbeats. The plain one, with one
link and a ping node that only answers, is the least that two nodes can do."""
DEADTIMES: Final = 60
"""Length of a run until it is healed: ten simulated minutes at the default times."""

Rates = dict[str, float]


def schedules(pair: Pair, seeds: range) -> list[Schedule]:
    """The runs of these seeds."""
    return [draw_schedule(seed, pair=pair, spans_deadtimes=(DEADTIMES,)) for seed in seeds]


def rates(pair: Pair, seeds: int, warm_up: int) -> Rates:
    """Play so many runs of a pair, after so many others that are not counted."""
    for schedule in schedules(pair, range(seeds, seeds + warm_up)):
        play(schedule)
    counted = schedules(pair, range(seeds))
    begun_s = time.process_time()
    outcomes = [play(schedule) for schedule in counted]
    spent_s = time.process_time() - begun_s
    events = sum(outcome.events for outcome in outcomes)
    simulated_ns = sum(outcome.simulated_ns for outcome in outcomes)
    return {
        "events_per_s": round(events / spent_s),
        "seeds_per_s": round(seeds / spent_s, 2),
        "simulated_s_per_s": round(simulated_ns / SECOND / spent_s),
        "events_per_seed": round(events / seeds),
        "faults_per_seed": round(sum(each.faults.total() for each in outcomes) / seeds, 1),
    }
