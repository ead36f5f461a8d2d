"""Plays a schedule: builds the world, does what is decided, and judges what came of it.

One rule: the verdict comes from the world's own records, never from what an engine believes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from hafw.core import maintenance
from hafw.core.effects import Note
from hafw.core.model import Verb, What
from hafw.core.settings import MS, SECOND
from hafw_sim.calm import Calm
from hafw_sim.faults import inflict
from hafw_sim.world import Endless, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hafw.core.effects import Effect
    from hafw.core.model import Event, Instant
    from hafw.core.settings import Timing
    from hafw_sim.schedule import Decision, Schedule
    from hafw_sim.world import Machine

FIRST_REST_NS: Final = 60 * SECOND
"""After everything is whole again, this is how long a pair may take to come to rest by itself, or
two initdeads."""
PAUSES_END_NS: Final = 30 * SECOND
"""Pauses end by themselves within this time, or three deadtimes."""
WAKING_NS: Final = 200 * MS
"""An agent whose machine wakes runs within this time, even a slow one."""
SECOND_REST_NS: Final = 3_700 * SECOND
"""The longest hold-down after failed starts is an hour; only then must it have ended."""


@dataclass(slots=True)
class Outcome:
    """What came of a run. `seen`: things that happened at least once (see `SOMETIMES`).

    `both_ns`: how long two nodes answered for one address, where that is no violation.
    """

    violations: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    faults: Counter[str] = field(default_factory=Counter)
    coverage: set[tuple[str, str, str]] = field(default_factory=set)
    both_ns: int = 0
    events: int = 0
    simulated_ns: int = 0
    trace: str = ""


SHOT_NS: Final = 2 * SECOND
"""A device in fair weather has switched a machine off and said so within this time."""
SPENT: Final = "times within 10 minutes"
"""Why a node that has shot as often as it may does not shoot again."""
SOMETIMES: Final = (
    "certificate released",
    "certificate reflected",
    "certificate leased",
    "certificate fenced",
    "certificate best-effort",
    "certificate operator",
    "right ended",
    "gate failed",
    "stale operation landed",
    "blocked",
    "conflict",
    "offer withdrawn",
    "hand-over cancelled",
    "start failed",
    "stop in doubt",
    "state rolled back",
    "state not durable",
    "peer restarted",
    "own pause noticed",
    "new file on one node only",
    "new file in force",
    "failed back",
    "frozen within a gate's renewal",
    "waiting for the lease",
    "store silent",
    "late swap landed",
    "switched off",
    "fence failed",
    "fence void",
    "maintenance",
    "maintenance at its end",
    "started again in maintenance",
    "machine's end announced",
)
"""A campaign that never reached one of these has not tested what it seems to test."""

_NOTES: Final = {
    "group.right_ended": "right ended",
    "group.blocked": "blocked",
    "group.conflict": "conflict",
    "group.offer_withdrawn": "offer withdrawn",
    "handover.cancelled": "hand-over cancelled",
    "group.start_failed": "start failed",
    "group.stop_failed": "stop in doubt",
    "state.rolled_back": "state rolled back",
    "state.not_durable": "state not durable",
    "peer.restarted": "peer restarted",
    "agent.paused": "own pause noticed",
    "group.waiting": "waiting for the lease",
    "lease.store_down": "store silent",
    "fence.confirmed": "switched off",
    "fence.failed": "fence failed",
    "fence.void": "fence void",
    "maintenance.on": "maintenance",
    "maintenance.expired": "maintenance at its end",
    "machine.notice": "machine's end announced",
    "config.announced": "new file on one node only",
    "config.reloaded": "new file in force",
}


class Player:
    """One run of a schedule."""

    def __init__(self, schedule: Schedule, *, traced: bool = False) -> None:
        """`traced`: also reckon a hash of every step, to compare two runs."""
        self.schedule = schedule
        self.world = World(
            schedule.pair.settings(), schedule.pair.seed, steady=schedule.pair.steady
        )
        self.outcome = Outcome()
        self._digest = hashlib.blake2b(digest_size=8) if traced else None
        self._states: dict[tuple[int, int], str] = {}
        for node, rate_ppm in zip(self.world.nodes, schedule.pair.rates_ppm, strict=True):
            node.rate_ppm = rate_ppm
        self.world.taps.append(self._watch)
        self.calm = Calm(self.world)
        self.world.taps.append(self.calm.watch)

    def play(self) -> Outcome:
        """Run it to its end."""
        self.attempt(self._run)
        return self.verdict()

    def _run(self) -> None:
        self.begin()
        for decision in self.schedule.decisions:
            if decision.at_ns <= self.schedule.end_ns:  # what is made whole then stays so
                self.world.clockwork.at(decision.at_ns, partial(self.do, decision))
        self.world.run_until(self.schedule.end_ns)
        if self.schedule.heals:
            self.rest()

    def attempt(self, run: Callable[[], None]) -> None:
        """Let it run; an assertion of the engine that fails meanwhile is a violation."""
        try:
            run()
        except Endless as problem:
            self.world.violate(f"L2 {problem}")
        except AssertionError as problem:
            self.world.violate(f"an assertion of the engine: {problem!s}")

    def begin(self) -> None:
        """Both nodes boot."""
        self.world.boot(0)
        self.world.boot(1)

    def do(self, decision: Decision) -> None:
        """What was decided is done, now."""
        self.outcome.faults[decision.kind] += 1
        inflict(self.world, decision.kind, decision.args)

    def verdict(self) -> Outcome:
        """What came of the run up to now."""
        world, outcome = self.world, self.outcome
        world.both_ms()
        outcome.both_ns = 0
        outcome.violations = [*world.violations, *self._judge_overlaps()]
        outcome.events = world.events
        outcome.simulated_ns = world.now_ns
        if self._digest is not None:
            outcome.trace = self._digest.hexdigest()
        return outcome

    # --- the end --------------------------------------------------------------------------------

    def rest(self) -> None:
        """Enough is whole again: each group must get exactly one owner (L1, L2, L3)."""
        world, ending = self.world, self.schedule.ending
        self._mend(ending)
        world.run_until(world.now_ns + max(PAUSES_END_NS, 3 * self._timing.deadtime_ns))
        self._mend(ending)
        self._settle()
        self._await_owners()
        if ending == "survivor":
            self._survive()

    @property
    def _timing(self) -> Timing:
        return self.world.nodes[0].settings.timing

    def _settle(self) -> None:
        self.world.run_until(self.world.now_ns + max(FIRST_REST_NS, 2 * self._timing.initdead_ns))

    def _mend(self, ending: str) -> None:
        """Make everything whole, and end maintenance; of the core, only both nodes and one link."""
        inflict(self.world, "make_whole", {})
        for node in self.world.nodes:
            if node.engine is not None and maintenance.in_force(node.engine):
                inflict(self.world, "maintenance", {"node": node.name, "on": False})
        if ending == "core":
            self.world.net.ping_up = False
            for (link, _), way in self.world.net.links.items():
                way.cut = link > 0

    def _survive(self) -> None:
        """One node dies for good, a pair that was well: the other must have every group soon."""
        world = self.world
        deadtime_ns = self._timing.deadtime_ns
        world.run_until(world.now_ns + 3 * deadtime_ns)
        number = self.schedule.pair.seed % 2
        world.crash(number)
        world.net.cut_links()
        world.run_until(world.now_ns + 3 * deadtime_ns // 2 + SECOND + self._authority_ns())
        survivor = world.nodes[1 - number].name
        for group in world.nodes[0].settings.groups:
            expected = survivor if group.classes else None
            owner = world.owner(group.id)
            mine_already = expected is None and owner == survivor
            if (
                owner != expected
                and not mine_already
                and not self._is_left_to_a_person(1 - number, group.id)
            ):
                world.violate(f"L1 {survivor} is alone and well, but group {group.id} is {owner}'s")

    def _authority_ns(self) -> int:
        """What the proof takes beyond silence: a lease that runs out, a shot after the delay."""
        settings = self.world.nodes[0].settings
        needed_ns = settings.lease_ttl_ns + settings.renew_ns
        if any(group.fenced for group in settings.groups):
            needed_ns += settings.fence_delay_ns + SHOT_NS
        return needed_ns

    def _is_left_to_a_person(self, number: int, group: int) -> bool:
        """Whether that node says that a person took the group off it, or has to look first."""
        engine = self.world.nodes[number].engine
        why = "" if engine is None else engine.groups[group].blocked_why
        return "operator" in why or SPENT in why

    def _await_owners(self) -> None:
        world = self.world
        if self._unowned():
            for node in world.nodes:  # what an operator released stays so until one takes it
                world.ask(node.number, Verb.TAKEOVER, What.LOCAL)
            self._settle()
        if self._unowned():
            world.run_until(world.now_ns + SECOND_REST_NS)
        for text in self._unowned():
            world.violate(f"L2 everything is whole, but {text}")
        for node in world.nodes:
            for group, _ in node.addresses:
                if world.owner(group) != node.name:
                    world.violate(f"L2 an address of group {group} is left on {node.name}")

    def _unowned(self) -> list[str]:
        world = self.world
        found = []
        for group in world.nodes[0].settings.groups:
            owner = world.owner(group.id)
            if owner not in ("alpha", "beta"):
                found.append(f"group {group.id} is owned by {owner}")
        return found

    def _judge_overlaps(self) -> Iterator[str]:
        """S2: where nothing weaker than `reflected` may be used, and nothing was beyond it.

        But a gate stands still while its machine sleeps: after that it is open for as long as the
        agent needs to run, which is reported.
        """
        world = self.world
        loose_ns = world.files.accepted_ns
        for group, begin_ns, end_ns in world.kernels.overlaps:
            woke = any(
                at_ns <= begin_ns and end_ns <= at_ns + WAKING_NS for at_ns in world.resumed_ns
            )
            strict = begin_ns < loose_ns.get(group, begin_ns + 1)
            if self.schedule.within and strict and not woke:
                yield (
                    f"S2 both nodes served group {group} from {begin_ns / SECOND:.6f} s "
                    f"for {(end_ns - begin_ns) / MS:.3f} ms"
                )
            else:
                self.outcome.both_ns += end_ns - begin_ns

    # --- what is seen ----------------------------------------------------------------------------

    def _watch(self, node: Machine, event: Event, now: Instant, effects: list[Effect]) -> None:
        if self._digest is not None:
            self._digest.update(repr((node.number, event, now, effects)).encode())
        for effect in effects:
            if type(effect) is Note:
                self._note(effect)
        engine = node.engine
        assert engine is not None
        for group in engine.groups.values():
            key = (node.number, group.id)
            before = self._states.get(key, "")
            if group.state != before:
                self._states[key] = group.state
                self.outcome.coverage.add((before, type(event).__name__, group.state))

    def _note(self, note: Note) -> None:
        seen = _NOTES.get(note.name)
        if seen is not None:
            self.outcome.seen.add(seen)
        elif note.name == "certificate.used":
            self.outcome.seen.add("certificate " + note.text.partition(":")[0])
        elif note.name == "handover.asked" and "preferred node is back" in note.text:
            self.outcome.seen.add("failed back")


def play(schedule: Schedule, *, traced: bool = False) -> Outcome:
    """What comes of a schedule."""
    player = Player(schedule, traced=traced)
    outcome = player.play()
    outcome.seen |= _seen_in(player)
    return outcome


def _seen_in(player: Player) -> set[str]:
    seen = set()
    world = player.world
    if player.outcome.faults["gate_fails"]:
        seen.add("gate failed")
    if world.workers.stale_landings:
        seen.add("stale operation landed")
    if world.store.late_landings:
        seen.add("late swap landed")
    if player.calm.returned:
        seen.add("started again in maintenance")
    if world.kernels.frozen_within:
        seen.add("frozen within a gate's renewal")
    return seen
