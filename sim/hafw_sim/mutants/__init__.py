"""Seeded bugs of the engine, one per rule, and the story that must go red for each.

One rule: a mutant is written from the rule, not from the code: it is the deletion or the reversal
that a tired engineer could make. A mutant that no story kills shows a rule that is not tested.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hafw_sim.play import play
from hafw_sim.schedule_file import load
from hafw_sim.stories import STORIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Patch = Any  # what unittest.mock.patch gives


@dataclass(frozen=True, slots=True)
class Mutant:
    """One seeded bug: the rule that it breaks, the story that notices, and how it is made.

    `story`: its name in `STORIES`, or the file of a schedule in the corpus.
    """

    name: str
    rule: str
    story: str
    patches: Callable[[], list[Patch]]


MUTANTS: Final[dict[str, Mutant]] = {}


def seeded(
    rule: str, story: str
) -> Callable[[Callable[[], list[Patch]]], Callable[[], list[Patch]]]:
    """Register a bug under its function's name."""

    def register(function: Callable[[], list[Patch]]) -> Callable[[], list[Patch]]:
        name = function.__name__
        MUTANTS[name] = Mutant(name, rule, story, function)
        return function

    return register


@contextmanager
def applied(mutant: Mutant) -> Iterator[None]:
    """The engine with this bug, within the `with` block."""
    patches = mutant.patches()
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in reversed(patches):
            each.stop()


def killer(mutant: Mutant) -> str | None:
    """The first story, or schedule of the corpus, that goes red with this bug, if any does.

    Its own is asked first.
    """
    judges: dict[str, Callable[[], object]] = dict(STORIES)
    judges |= {path.name: _schedule(path) for path in corpus()}
    with applied(mutant):
        for name in sorted(judges, key=lambda name: name != mutant.story):
            try:
                if judges[name]():
                    return name
            except AssertionError:
                return f"{name} (an assertion of the engine)"
    return None


def _schedule(path: Path) -> Callable[[], object]:
    return lambda: play(load(path)).violations


def corpus() -> list[Path]:
    """The schedules that failed once; they are kept beside the package, not in it."""
    return sorted((Path(__file__).parents[2] / "corpus").glob("*.hasim.jsonl"))


for _module in ("certificates", "leases", "fences", "conduct", "preparing", "maintenance"):
    import_module(f"hafw_sim.mutants.{_module}")
