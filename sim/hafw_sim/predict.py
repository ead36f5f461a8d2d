"""What a cluster file's own times do on a network of given loss and jitter, by simulation.

One rule: what was not seen is not called zero: a rate of nothing in so many hours is given as the
bound that three times that silence allows (the "rule of three", 95 % confidence).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from hafw.config.engine import to_settings
from hafw.core.duties import wait_ns
from hafw.core.settings import MS, REFLECT_MIN_ANSWERED, SECOND
from hafw_sim.world import World

if TYPE_CHECKING:
    from hafw.config.model import Cluster
    from hafw.core.settings import Settings

HOURS_A_YEAR: Final = 8_766
WARM_UP_S: Final = 20
RULE_OF_THREE: Final = 3.0
PATIENCE_DEADTIMES: Final = 30
"""A crash after which nobody serves for so long is counted as not served again."""


@dataclass(frozen=True, slots=True)
class Network:
    """How packets fare: the share that is lost, each by itself, and the longest delay."""

    loss: float
    jitter_ns: int


@dataclass(slots=True)
class Prediction:
    """What was seen: in quiet hours, and in crashes of the owner.

    `moves`: takeovers that nothing but loss and jitter caused; `closures`: times that a healthy
    owner's gate shut. `detections_ns`, `outages_ns`: one each per crash; `unserved`: crashes after
    which nobody took over.
    """

    quiet_h: float = 0.0
    moves: int = 0
    closures: int = 0
    detections_ns: list[int] = field(default_factory=list)
    outages_ns: list[int] = field(default_factory=list)
    unserved: int = 0


def predict(cluster: Cluster, network: Network, quiet_s: float, crashes: int) -> Prediction:
    """Let the pair run quietly for so long, and crash its owner so many times."""
    prediction = Prediction()
    _run_quietly(cluster, network, quiet_s, prediction)
    for seed in range(crashes):
        _crash(cluster, network, seed, prediction)
    return prediction


def a_year(count: int, hours: float) -> str:
    """A count seen in so many hours, as a rate: "2.1", or "< 26" where nothing was seen."""
    if hours <= 0:
        return "unknown"
    if count:
        return f"{count * HOURS_A_YEAR / hours:.3g}"
    return f"< {RULE_OF_THREE * HOURS_A_YEAR / hours:.2g}"


def _world(cluster: Cluster, network: Network, seed: int) -> World:
    world = World(_settings(cluster), seed)
    world.weather.loss = network.loss
    world.weather.delay_ns = (min(50_000, network.jitter_ns), network.jitter_ns)
    world.boot(0)
    world.boot(1)
    world.run(WARM_UP_S + cluster.timing.initdead_ns / SECOND)
    return world


def _settings(cluster: Cluster) -> tuple[Settings, Settings]:
    first = to_settings(cluster, cluster.nodes[0])
    return first, replace(first, node=1)


def _run_quietly(
    cluster: Cluster, network: Network, quiet_s: float, prediction: Prediction
) -> None:
    world = _world(cluster, network, 0)
    before = [len(starts) for starts in world.workers.started.values()]
    world.run(quiet_s)
    after = [len(starts) for starts in world.workers.started.values()]
    prediction.quiet_h += quiet_s / 3_600
    prediction.moves += sum(after) - sum(before)
    prediction.closures += sum(
        note.name == "group.right_ended" for node in world.nodes for _, note in node.notes
    )


def _crash(cluster: Cluster, network: Network, seed: int, prediction: Prediction) -> None:
    world = _world(cluster, network, seed)
    phase_s = world.clockwork.chance("phase").random() * cluster.timing.keepalive_ns / SECOND
    world.run(phase_s)
    group = cluster.groups[0].id
    owner = next((node for node in world.nodes if world.owner(group) == node.name), None)
    if owner is None:
        prediction.unserved += 1
        return
    other = world.nodes[1 - owner.number]
    begun_ns = world.now_ns
    world.crash(owner.number)
    deadtime_ns = cluster.timing.deadtime_ns
    step_ns = max(deadtime_ns // 1_000, MS)
    end_ns = begun_ns + PATIENCE_DEADTIMES * deadtime_ns
    while world.now_ns < end_ns and world.owner(group) is None:
        world.run_until(world.now_ns + step_ns)
    dead = [at_ns for at_ns, note in other.notes if note.name == "peer.dead" and at_ns > begun_ns]
    if dead:
        prediction.detections_ns.append(dead[0] - begun_ns)
    if world.owner(group) == other.name:
        prediction.outages_ns.append(world.now_ns - begun_ns)
    else:
        prediction.unserved += 1


def reckoned_moves_a_year(settings: Settings, loss: float) -> float:
    """Needless failovers a year that loss alone lets expect: every beat of a wait is lost.

    On every link, each by itself; what is reflected is lost by itself too.
    """
    wait = wait_ns(settings.shut_ns, settings)
    packets = settings.links * (wait // settings.timing.keepalive_ns)
    reflected = (wait // settings.beat_ns) if settings.reflect else 0
    return _moves_a_year(loss, packets, wait) * (1 - (1 - loss) ** 2) ** reflected


def split_risk(settings: Settings, loss: float, *, only_owners_uplink: bool = False) -> float:
    """The chance that one split of all links gives two owners under `reflected`.

    Packets are lost each by itself, on every hop to and from the ping node, or only on the owner's
    way to it (the worst place). Every reflected heartbeat of the wait must be lost while every echo
    of the taker is answered, and the owner must still have its echoes. What the last two share with
    the first is neglected.
    """
    kept = 1 - loss
    reflected = kept if only_owners_uplink else kept * kept
    taker = 1.0 if only_owners_uplink else kept * kept
    beats = wait_ns(settings.shut_ns, settings) // settings.beat_ns
    echoes = settings.hold_ns // settings.beat_ns
    holds = sum(
        math.comb(echoes, answered) * reflected**answered * (1 - reflected) ** (echoes - answered)
        for answered in range(REFLECT_MIN_ANSWERED, echoes + 1)
    )
    return (1 - reflected) ** beats * taker**beats * holds


@dataclass(frozen=True, slots=True)
class Advice:
    """Times for a network, in ns, and the needless moves a year that they let expect."""

    keepalive_ns: int
    warntime_ns: int
    deadtime_ns: int
    initdead_ns: int
    moves_a_year: float


BEATS: Final = 10
"""Beats in a deadtime: enough to tell loss from death, few enough to cost nothing."""
GAP_FACTOR: Final = 2
"""deadtime is at least twice the worst gap that was seen (the old advice of Linux-HA's manuals)."""
SHORTEST_DEADTIME_NS: Final = 50 * MS


def advise(loss: float, worst_gap_ns: int, links: int, *, moves_a_year: float = 0.01) -> Advice:
    """Times that suit a measured loss (share per packet and link) and worst gap between beats.

    A needless move takes a deadtime in which every beat on every link is lost: `BEATS` on each. The
    keepalive is shortened until that is rare enough, then deadtime grows.
    """
    deadtime_ns = max(GAP_FACTOR * worst_gap_ns, SHORTEST_DEADTIME_NS)
    deadtime_ns = math.ceil(deadtime_ns / (10 * MS)) * 10 * MS
    beats = BEATS
    while True:
        expected = _moves_a_year(loss, beats * links, deadtime_ns)
        if expected <= moves_a_year or beats >= 10 * BEATS:
            break
        beats += 1
    keepalive_ns = max(deadtime_ns // beats // MS * MS, MS)
    warntime_ns = max(min(worst_gap_ns * 5 // 4, deadtime_ns * 3 // 4), 2 * keepalive_ns)
    return Advice(
        keepalive_ns=keepalive_ns,
        warntime_ns=math.ceil(warntime_ns / MS) * MS,
        deadtime_ns=deadtime_ns,
        initdead_ns=3 * deadtime_ns,
        moves_a_year=expected,
    )


def _moves_a_year(loss: float, packets: int, deadtime_ns: int) -> float:
    """Every packet of a deadtime lost, for each deadtime of a year."""
    deadtimes = HOURS_A_YEAR * 3_600 * SECOND / deadtime_ns
    return deadtimes * loss**packets if loss else 0.0
