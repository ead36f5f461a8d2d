"""One state of a search and what follows from it: every choice, played for one tick and judged.

One rule: a state is a whole world in bytes, taken up and played on as it is; nothing of a run is
modelled twice.

To take up a world from its bytes costs as much as a copy, and a tenth of replaying its decisions.
"""

from __future__ import annotations

import pickle
import zlib
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from hafw_sim.calm import judge_shots
from hafw_sim.explore.acts import choices
from hafw_sim.explore.canonical import digest
from hafw_sim.explore.obeyed import obeyed, under_way
from hafw_sim.explore.rules import bounds
from hafw_sim.play import Player
from hafw_sim.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.explore.acts import Choice
    from hafw_sim.explore.model import Model
    from hafw_sim.schedule import Ending
    from hafw_sim.world import Machine, World

ENDINGS: Final[tuple[Ending, ...]] = ("whole", "core", "survivor")
AUDIT_EVERY: Final = 512
"""Of so many forms, the first two worlds that share it are both played on, and compared."""


class State(NamedTuple):
    """A world in bytes, and what was spent on the way to it."""

    world: bytes
    faults: int
    alone: int


class Successor(NamedTuple):
    """What follows from a state by choice number `choice`.

    `form`: its canonical form in 64 bits. `problem`: the violation, if there was one, and the
    `ending` of a run from here that showed it. `state` None: it was met before by this process.
    """

    form: int
    choice: int
    state: State | None
    problem: str = ""
    ending: Ending | None = None


@dataclass(slots=True)
class Counts:
    """How much was done: transitions, runs to rest, and pairs of worlds that share a form.

    `obeyed`: how many operators' commands were carried out, by name.
    """

    transitions: int = 0
    rested: int = 0
    audited: int = 0
    obeyed: Counter[str] = field(default_factory=Counter)

    def add(self, other: Counts) -> None:
        """Add what was done elsewhere."""
        self.transitions += other.transitions
        self.rested += other.rested
        self.audited += other.audited
        self.obeyed += other.obeyed


class FormError(Exception):
    """Two worlds of one canonical form went on differently: the form leaves out too much."""


class Expander:
    """Plays a model's choices. It remembers the forms that it met, so that it sends none twice."""

    def __init__(self, model: Model, rest_every: int) -> None:
        """One in `rest_every` forms must come to rest when all is made whole; 0: none."""
        self.model = model
        self.counts = Counts()
        self.choices = choices(model.acts, model.at_once)
        self.rest_every = rest_every
        self._bounds = bounds(model.pair.settings()[0])
        self._met: dict[int, int] = {}
        self._twins: dict[int, State | None] = {}
        schedule = Schedule(model.pair, model.begin, model.begin_ns, within=model.exclusive)
        self._players = {ending: Player(replace(schedule, ending=ending)) for ending in ENDINGS}

    def initial(self) -> State:
        """Both nodes boot, what the model begins with is done, and time goes by."""
        player = self._players["whole"]
        world = player.world
        world.taps[:] = [partial(judge_shots, world)]
        player.begin()
        for decision in self.model.begin:
            world.clockwork.at(decision.at_ns, partial(player.do, decision))
        world.run_until(self.model.begin_ns)
        return self._state(world, 0, 0)

    def successors(self, state: State) -> list[Successor]:
        """Whatever can follow within a tick, as far as this process has not met it."""
        found = []
        for number, world, problem in self._played(state):
            choice = self.choices[number]
            faults, alone = state.faults + choice.faults, state.alone + choice.alone
            form = self._form(world, alone)
            if problem:
                found.append(Successor(form, number, None, problem))
            elif self._met.get(form, faults + 1) > faults:
                new = form not in self._met
                self._met[form] = faults
                found.append(
                    self._checked(form, number, self._state(world, faults, alone), new=new)
                )
            elif form % AUDIT_EVERY == 0:
                self._audit(form, self._state(world, faults, alone))
        return found

    def _played(self, state: State, acts_max: int = 99) -> Iterator[tuple[int, World, str]]:
        """Each choice that a state permits: its number, the world after it, what was wrong."""
        model, player = self.model, self._players["whole"]
        before = _unpack(state.world)
        pending = under_way(before)
        stuck = [node.number for node in before.nodes if self._frozen_too_long(node, before.now_ns)]
        sensible = {number for number, act in enumerate(model.acts) if act.makes_sense(before)}
        for number, choice in enumerate(self.choices):
            if len(choice.acts) > acts_max or not choice.needed <= sensible:
                continue
            if choice.faults > model.faults - state.faults:
                continue
            if choice.alone > model.alone - state.alone:
                continue
            player.world = world = _unpack(state.world)
            done = True
            commands = dict(pending)

            def play(
                choice: Choice = choice, world: World = world, commands: dict[int, str] = commands
            ) -> None:
                nonlocal done
                end_ns = world.now_ns + model.tick_ns
                world.run_until(world.now_ns + model.before_ns)
                done = choice.do(world)
                if done:
                    commands.update(under_way(world))
                    world.run_until(end_ns)

            player.attempt(play)
            if done and not any(world.nodes[number].frozen for number in stuck):
                self.counts.transitions += 1
                self.counts.obeyed.update(obeyed(world, commands))
                violations = player.verdict().violations
                _tidy(world)
                yield number, world, violations[0] if violations else ""

    def _frozen_too_long(self, node: Machine, now_ns: int) -> bool:
        limit_ns = self.model.frozen_ticks * self.model.tick_ns
        return node.frozen and now_ns - node.frozen_ns > limit_ns

    def _checked(self, form: int, choice: int, state: State, *, new: bool) -> Successor:
        """A state that was not met yet; a sample of them must come to rest."""
        if new and form % AUDIT_EVERY == 0:
            self._twins[form] = state
        if not new or not self.rest_every or form % self.rest_every:
            return Successor(form, choice, state)
        ending = ENDINGS[form // self.rest_every % len(ENDINGS)]
        player = self._players[ending]
        player.world = _unpack(state.world)
        self.counts.rested += 1
        player.attempt(player.rest)
        violations = player.verdict().violations
        if violations:
            return Successor(form, choice, None, violations[0], ending)
        return Successor(form, choice, state)

    def _audit(self, form: int, state: State) -> None:
        """Two different worlds share a form: what can follow from them must be the same, too."""
        twin = self._twins.get(form)
        if twin is None or twin.world == state.world:
            return
        self._twins[form] = None  # once is enough
        self.counts.audited += 1
        first, second = (
            {
                number: (self._form(world, 0), bool(problem))
                for number, world, problem in self._played(State(each.world, 0, 0), acts_max=1)
            }
            for each in (twin, state)
        )
        for number in sorted(first.keys() | second.keys()):
            if first.get(number) != second.get(number):
                acts = ", ".join(map(str, self.choices[number].acts)) or "nothing"
                raise FormError(f"form {form:016x}: after {acts} the two worlds differ")

    def _form(self, world: World, alone: int) -> int:
        spent = alone * 0x9E37_79B9_7F4A_7C15  # what is left to lose makes another state
        return (digest(world, self._bounds, late=self.model.late) + spent) & (1 << 64) - 1

    @staticmethod
    def _state(world: World, faults: int, alone: int) -> State:
        return State(zlib.compress(pickle.dumps(world, pickle.HIGHEST_PROTOCOL), 1), faults, alone)


def _unpack(data: bytes) -> World:
    world: World = pickle.loads(zlib.decompress(data))  # noqa: S301 - made by this program
    return world


def _tidy(world: World) -> None:
    """Forget what is only told."""
    for node in world.nodes:
        node.notes.clear()
        node.answers.clear()
        node.history.clear()
    world.kernels.overlaps.clear()
    world.kernels.both_ns.clear()
    world.resumed_ns.clear()
    world.net.sent.clear()
