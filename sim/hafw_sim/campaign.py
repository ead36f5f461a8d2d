"""Many seeds: spread over processes, merged, and the same result however they were spread.

One rule: what is merged is sets, sums and sorted lists; the order in which parts come in changes
nothing.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hafw_sim.crew import crew
from hafw_sim.play import SOMETIMES, play
from hafw_sim.swarm import draw_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor

    from hafw_sim.schedule import Pair

    _PlayAll = Callable[[Callable[[range], "Result"], Iterator[range]], Iterator["Result"]]

BATCH: Final = 8
"""Seeds per task: small enough that the cores end together, large enough to hide the transport."""
TRACED_EVERY: Final = 100
"""Of so many seeds one is run twice, and every step compared."""


@dataclass(slots=True)
class Result:
    """What came of some seeds. `failed`: the seed and its first violation."""

    seeds: int = 0
    failed: list[tuple[int, str]] = field(default_factory=list)
    nondeterministic: list[int] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    coverage: set[tuple[str, str, str]] = field(default_factory=set)
    events: int = 0
    simulated_ns: int = 0
    both_ns: int = 0

    def merge(self, other: Result) -> None:
        """Add the result of other seeds."""
        self.seeds += other.seeds
        self.failed = sorted({*self.failed, *other.failed})
        self.nondeterministic = sorted({*self.nondeterministic, *other.nondeterministic})
        self.seen.update(other.seen)
        self.faults.update(other.faults)
        self.coverage |= other.coverage
        self.events += other.events
        self.simulated_ns += other.simulated_ns
        self.both_ns += other.both_ns

    @property
    def never_seen(self) -> list[str]:
        """What a campaign must have seen, and this one has not."""
        return [what for what in SOMETIMES if what not in self.seen]


def run_seeds(seeds: Iterable[int], *, liveness: bool = False, pair: Pair | None = None) -> Result:
    """Draw and play each of these, in this process. `liveness`, `pair`: see `draw_schedule`."""
    result = Result()
    for seed in seeds:
        traced = seed % TRACED_EVERY == 0
        schedule = draw_schedule(seed, liveness=liveness, pair=pair)
        outcome = play(schedule, traced=traced)
        if traced and play(schedule, traced=True).trace != outcome.trace:
            result.nondeterministic.append(seed)
        result.seeds += 1
        if outcome.violations:
            result.failed.append((seed, outcome.violations[0]))
        result.seen.update(outcome.seen)
        result.faults.update(outcome.faults)
        result.coverage |= outcome.coverage
        result.events += outcome.events
        result.simulated_ns += outcome.simulated_ns
        result.both_ns += outcome.both_ns
    return result


def campaign(  # noqa: PLR0913 - what a campaign is made of
    start: int,
    count: int,
    *,
    chunk: int = 0,
    jobs: int = 0,
    dask: str = "",
    python: str = "",
    liveness: bool = False,
    pair: Pair | None = None,
    on_part: Callable[[Result], None] = lambda _: None,
) -> Iterator[Result]:
    """Play `count` seeds from `start` on: the result of each `chunk` (0: of all) in its turn.

    `jobs`, `dask`, `python`: see `crew`, which is the same for all chunks: a PyPy becomes fast
    only after minutes. `on_part` hears of each part as it comes in. Raises NoCrew.
    """
    play_batch = functools.partial(run_seeds, liveness=liveness, pair=pair)
    step = max(chunk or count, 1)
    with _hands(jobs, dask, python) as play_all:
        for begin in range(start, start + count, step):
            end = min(begin + step, start + count)
            total = Result()
            for part in play_all(play_batch, _batches(begin, end)):
                total.merge(part)
                on_part(part)
            yield total


@contextmanager
def _hands(jobs: int, dask: str, python: str) -> Iterator[_PlayAll]:
    if jobs == 1 and not dask and not python:
        yield map
        return
    with crew(jobs, dask, python) as (pool, hands):
        yield functools.partial(_as_they_end, pool, hands)


def _as_they_end(
    pool: Executor, hands: int, play_batch: Callable[[range], Result], batches: Iterator[range]
) -> Iterator[Result]:
    running = {pool.submit(play_batch, batch) for batch in itertools.islice(batches, 2 * hands)}
    while running:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        yield from (future.result() for future in done)
        refill = itertools.islice(batches, len(done))
        running |= {pool.submit(play_batch, batch) for batch in refill}


def _batches(start: int, end: int) -> Iterator[range]:
    for begin in range(start, end, BATCH):
        yield range(begin, min(begin + BATCH, end))
