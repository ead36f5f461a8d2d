"""Many seeds: spread over processes, merged, and the same result however they were spread.

One rule: what is merged is sets, sums and sorted lists; the order in which parts come in changes
nothing.
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hafw_sim.play import SOMETIMES, play
from hafw_sim.swarm import draw_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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


def run_seeds(seeds: Iterable[int]) -> Result:
    """Draw and play each of these, in this process."""
    result = Result()
    for seed in seeds:
        traced = seed % TRACED_EVERY == 0
        outcome = play(draw_schedule(seed), traced=traced)
        if traced and play(draw_schedule(seed), traced=True).trace != outcome.trace:
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


def campaign(
    start: int,
    count: int,
    *,
    jobs: int = 0,
    on_part: Callable[[Result], None] = lambda _: None,
) -> Result:
    """Play `count` seeds from `start` on with so many processes (0: one per core).

    `on_part` hears of each part as it comes in.
    """
    total = Result()
    jobs = jobs or os.cpu_count() or 1
    if jobs == 1:
        for part in map(run_seeds, _batches(start, count)):
            total.merge(part)
            on_part(part)
        return total
    with ProcessPoolExecutor(jobs) as pool:
        batches = _batches(start, count)
        running = {
            pool.submit(run_seeds, batch)
            for _, batch in zip(range(2 * jobs), batches, strict=False)
        }
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                part = future.result()
                total.merge(part)
                on_part(part)
                running |= {
                    pool.submit(run_seeds, batch) for _, batch in zip((0,), batches, strict=False)
                }
    return total


def _batches(start: int, count: int) -> Iterator[range]:
    for begin in range(start, start + count, BATCH):
        yield range(begin, min(begin + BATCH, start + count))
