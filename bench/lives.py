"""What a peer's address goes through: the lives that are measured, each in a lab of its own.

Rule: a life yields only figures named in `FIGURES`; all peers live the same lives.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.bed import NAMES, bed, other
from hafw.core.settings import MS, SECOND, Timing
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.topology import VIP

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.bed import Bed, Pace
    from bench.peer import Peer

TIMING: Final = Timing(
    keepalive_ns=100 * MS, warntime_ns=200 * MS, deadtime_ns=300 * MS, initdead_ns=2 * SECOND
)
"""The detection budget of all outages. Heartbeat refuses a shorter initdead."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the report, in milliseconds.

    `limit` is what hafw is to keep: in the median or, if `always`, in each run.
    """

    key: str
    title: str
    limit: float | None = None
    always: bool = False


FIGURES: Final = (
    Figure("crash_outage", "owner crashes: outage"),
    Figure("crash_beyond", "… beyond the detection budget", 10),
    Figure("isolation_outage", "owner isolated: outage"),
    Figure("switchover_outage", "planned switchover: outage", 10),
    Figure("stop_outage", "graceful stop: outage", 10),
    Figure("split_outage", "split: outage in sum"),
    Figure("healed_outage", "after the heal: outage in sum"),
    Figure("calm_outage", "for comparison, before any fault"),
    Figure("crash_both", "both own, crash", 0, always=True),
    Figure("isolation_both", "both own, isolation", 0, always=True),
    Figure("planned_both", "both own, switchover and stop", 0, always=True),
    Figure("split_both", "both own, split", 0, always=True),
    Figure("healed_both", "both own, after the heal", 0, always=True),
    Figure("pair_start", "start of both: first answer"),
    Figure("lone_start", "start of one alone: first answer"),
)

Figures = dict[str, float]


def crash(peer: Peer, pace: Pace) -> Figures:
    """One node starts alone, where that is possible, the other joins; the owner crashes."""
    found: Figures = {}
    with bed(peer, TIMING, pace) as here:
        if peer.starts_alone:
            found["lone_start"] = here.start(NAMES[0])
            here.deployed.start(NAMES[1])
        else:
            here.start(*NAMES)
        here.settle()
        owner = here.owner()
        with here.listening_to(owner) as last_sent_ns:
            # At any moment between two heartbeats, not always just after one.
            time.sleep(random.uniform(0, TIMING.keepalive_ns / 1e9))  # noqa: S311
            crashed_ns = here.lab.node(owner).crash()
            found["crash_outage"] = here.outage_ms(crashed_ns, other(owner))
            # Where nothing is reflected, a node's echoes are no heartbeats: nobody but the other
            # node knows what it heard last.
            if peer.reflected:
                answer = here.watch.await_answer(VIP, crashed_ns, 0.0, by=other(owner))
                budget_ns = peer.detection_ns(TIMING)
                found["crash_beyond"] = (answer.at_ns - last_sent_ns() - budget_ns) / 1e6
        time.sleep(pace.aftermath_s)
        found["crash_both"] = here.both_own_ms()
    return found


def isolation(peer: Peer, pace: Pace) -> Figures:
    """The owner loses everybody, and keeps its carrier."""
    found: Figures = {}
    with bed(peer, TIMING, pace) as here:
        found["pair_start"] = here.start(*NAMES)
        here.settle()
        owner = here.owner()
        isolated_ns = here.lab.cut_from_all(owner)
        found["isolation_outage"] = here.outage_ms(isolated_ns, other(owner))
        time.sleep(pace.aftermath_s)
        found["isolation_both"] = here.both_own_ms()
    return found


def planned(peer: Peer, pace: Pace) -> Figures:
    """An operator moves the address, then stops the program that has it."""
    found: Figures = {}
    with bed(peer, TIMING, pace) as here:
        found["pair_start"] = here.start(*NAMES)
        here.settle()
        if peer.commands:
            found["switchover_outage"] = _move(here, here.deployed.hand_over)
            here.settle()
        found["stop_outage"] = _move(here, here.deployed.stop)
        time.sleep(pace.aftermath_s)
        found["planned_both"] = here.both_own_ms()
    return found


def _move(here: Bed, order: Callable[[str], None]) -> float:
    owner, ordered_ns = here.owner(), now_ns()
    order(owner)
    return here.outage_ms(ordered_ns, other(owner))


def split(peer: Peer, pace: Pace) -> Figures:
    """The nodes lose each other, both still see gateway and client; then all is healed.

    Whatever silences the client sees before the fault are the machine's; they are the measure for
    those that it sees after the heal.
    """
    found: Figures = {}
    with bed(peer, TIMING, pace) as here:
        found["pair_start"] = here.start(*NAMES)
        here.settle()
        calm_ns = now_ns()
        time.sleep(pace.healed_s)
        cut_ns = here.lab.cut(*NAMES)
        time.sleep(pace.split_s)
        healed_ns = here.lab.heal()
        time.sleep(pace.healed_s)
        ended_ns = now_ns()
        for name, start_ns, end_ns in (
            ("calm", calm_ns, cut_ns),
            ("split", cut_ns, healed_ns),
            ("healed", healed_ns, ended_ns),
        ):
            outage = here.watch.outage(VIP, start_ns, end_ns)
            found[f"{name}_outage"] = outage.total_ns / 1e6
            if name != "calm":
                found[f"{name}_both"] = here.watch.both_own_ns(VIP, start_ns, end_ns) / 1e6
    return found


LIVES: Final = (crash, isolation, planned, split)
