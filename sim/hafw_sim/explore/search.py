"""Breadth first through all states of a model, by one process or several, until all is seen.

One rule: what is reported is what was done: a search that was stopped says where, and what it left.

States are taken up level by level and in order, so that the first counterexample is a shortest one,
and the same however many processes search.
"""

from __future__ import annotations

import os
import time
from array import array
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from hafw_sim.explore.expand import Counts, Expander, FormError, State, Successor
from hafw_sim.schedule import Decision, Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hafw_sim.explore.model import Model

CHUNK: Final = 8
"""States per task: small enough that a level ends for all processes at about the same time."""
REST_EVERY: Final = 64
"""One state of so many is made whole and must come to rest."""
WAITING_MAX: Final = 100_000
"""States that may wait to be expanded: each is a world of some ten kilobytes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation, and the shortest run that leads to it."""

    problem: str
    ticks: int
    schedule: Schedule


@dataclass(slots=True)
class Result:
    """What a search saw. `left`: states that were met and not expanded. `stopped`: by what."""

    model: Model
    states: int = 1
    depth: int = 0
    left: int = 0
    seconds: float = 0.0
    counts: Counts = field(default_factory=Counts)
    finding: Finding | None = None
    form_error: str = ""
    stopped: str = ""

    def goes_on(self) -> bool:
        """Whether nothing has ended the search yet."""
        return not self.stopped and self.finding is None and not self.form_error

    @property
    def wrong(self) -> bool:
        """Whether there is anything to look into."""
        return self.finding is not None or bool(self.form_error)

    @property
    def complete(self) -> bool:
        """Whether all states within the bounds were met and expanded."""
        return self.goes_on() and (self.left == 0 or self.depth >= self.model.depth)

    def __str__(self) -> str:
        """The summary, in a line."""
        rate = self.states / max(self.seconds, 1e-9)
        return (
            f"{self.model.name}: {self.states:,} states, {self.counts.transitions:,} transitions, "
            f"depth {self.depth}, {rate:,.0f} states/s, {self.counts.rested:,} brought to rest, "
            f"{self.counts.audited:,} forms audited{self._obeyed()}; {self._ended()}"
        )

    def _obeyed(self) -> str:
        counted = sorted(self.counts.obeyed.items())
        return ", obeyed: " + ", ".join(f"{n:,} {name}" for name, n in counted) if counted else ""

    def _ended(self) -> str:
        model = self.model
        if self.form_error:
            return f"the canonical form is wrong: {self.form_error}"
        if self.finding is not None:
            return f"FOUND after {self.finding.ticks} ticks: {self.finding.problem}"
        if self.complete:
            length = "however long" if self.left == 0 else f"{model.depth} ticks"
            return f"complete within the bounds ({model.bounds}, {length})"
        return (
            f"not complete: stopped by {self.stopped} at depth {self.depth}, "
            f"{self.left:,} states not expanded ({model.bounds})"
        )


class Search:
    """One search of one model."""

    def __init__(self, model: Model, *, rest_every: int = REST_EVERY) -> None:
        """`rest_every`: one state of so many must come to rest; 0: none."""
        self.model = model
        self.result = Result(model)
        self._rest_every = rest_every
        self._expander = Expander(model, rest_every)
        self._met: dict[int, int] = {}
        self._parents = array("I", [0])
        self._choices = array("H", [0])

    def run(
        self,
        budget_s: float,
        *,
        jobs: int = 1,
        on_state: Callable[[Result], None] = lambda _: None,
    ) -> Result:
        """Search until all is seen, something is found, or the budget is spent.

        `jobs`: processes; 0 for one per core. `on_state` hears of each state that was expanded.
        """
        began_s = time.monotonic()
        result = self.result
        frontier = [(0, self._expander.initial())]
        with _Pool(self._expander, jobs or os.cpu_count() or 1) as pool:
            while frontier and result.depth < self.model.depth and result.goes_on():
                following: list[tuple[int, State]] = []
                expanded = 0
                try:
                    for number, found in pool.expand(frontier, result.counts):
                        expanded += 1
                        self._take(number, found, following)
                        result.seconds = time.monotonic() - began_s
                        result.stopped = _stopped_by(
                            spent=result.seconds > budget_s, waiting=len(following)
                        )
                        on_state(result)
                        if not result.goes_on():
                            break
                except FormError as problem:
                    result.form_error = str(problem)
                result.left = len(frontier) - expanded + len(following)
                if expanded == len(frontier):
                    result.depth += 1
                frontier = following
        return result

    def _take(
        self, parent: int, found: list[Successor], following: list[tuple[int, State]]
    ) -> None:
        """What follows from a state: new states are for the next level; a violation is the end."""
        for successor in found:
            if successor.problem:
                self.result.finding = self._finding(parent, successor)
                return
            state = successor.state
            assert state is not None
            known = self._met.get(successor.form)
            if known is not None and known <= state.faults:
                continue
            if known is None:
                self.result.states += 1
            self._met[successor.form] = state.faults
            following.append((len(self._parents), state))
            self._parents.append(parent)
            self._choices.append(successor.choice)

    def _finding(self, parent: int, last: Successor) -> Finding:
        """The way from the beginning to a violation, as a schedule."""
        choices = [last.choice]
        while parent:
            choices.append(self._choices[parent])
            parent = self._parents[parent]
        model = self.model
        decisions = [
            Decision(model.acts_ns(tick), act.kind, act.args)
            for tick, choice in enumerate(reversed(choices))
            for act in self._expander.choices[choice].acts
        ]
        schedule = Schedule(
            model.pair,
            (*model.begin, *decisions),
            model.begin_ns + len(choices) * model.tick_ns,
            within=model.exclusive,
            heals=last.ending is not None,
            ending=last.ending or "whole",
            note=f"explore {model.name}: {last.problem}",
        )
        return Finding(last.problem, len(choices), schedule)


def _stopped_by(*, spent: bool, waiting: int) -> str:
    """What ends a search before it is complete, if anything does."""
    if spent:
        return "the budget"
    return "the bound on states that wait" if waiting > WAITING_MAX else ""


class _Pool:
    """Processes that expand states; or none, when this one does it alone."""

    def __init__(self, expander: Expander, jobs: int) -> None:
        self._expander = expander
        self._jobs = jobs
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self._jobs > 1:
            model, rest_every = self._expander.model, self._expander.rest_every
            self._pool = ProcessPoolExecutor(
                self._jobs, initializer=_begin, initargs=(model, rest_every)
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def expand(
        self, states: list[tuple[int, State]], counts: Counts
    ) -> Iterator[tuple[int, list[Successor]]]:
        """What follows from each state, in their order. Adds to `counts`. Raises FormError."""
        if self._pool is None:
            for number, state in states:
                yield number, self._expander.successors(state)
                counts.add(self._expander.counts)
                self._expander.counts = Counts()
            return
        chunks = (states[begin : begin + CHUNK] for begin in range(0, len(states), CHUNK))
        running: deque[tuple[list[tuple[int, State]], Future[_Part]]] = deque()
        for chunk in chunks:
            running.append((chunk, self._pool.submit(_expand, [state for _, state in chunk])))
            if len(running) >= 4 * self._jobs:
                yield from _gather(*running.popleft(), counts)
        while running:
            yield from _gather(*running.popleft(), counts)


_Part = tuple[list[list[Successor]], Counts]


def _gather(
    chunk: list[tuple[int, State]], future: Future[_Part], counts: Counts
) -> Iterator[tuple[int, list[Successor]]]:
    found, done = future.result()
    counts.add(done)
    for (number, _), successors in zip(chunk, found, strict=True):
        yield number, successors


_own: list[Expander] = []
"""The expander of a process of the pool."""


def _begin(model: Model, rest_every: int) -> None:
    _own.append(Expander(model, rest_every))


def _expand(states: list[State]) -> _Part:
    expander = _own[0]
    found = [expander.successors(state) for state in states]
    counts, expander.counts = expander.counts, Counts()
    return found, counts
