"""The command ``hafw sim explore``: every run within small bounds, breadth first.

Rule: what is said of a model is what was seen of it: complete or not, and within which bounds.
"""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs: help stays quick

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hafw.cli.parameters import DURATION
from hafw_sim.progress import progress
from hafw_sim.run_commands import OUT, write_down

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hafw_sim.explore.model import Model
    from hafw_sim.explore.record import Record
    from hafw_sim.explore.search import Finding, Result


@click.command()
@click.argument("names", metavar="[MODEL]...", nargs=-1)
@click.option(
    "--budget",
    "budget_ns",
    type=DURATION,
    default="60s",
    show_default=True,
    help="Time for all models together; what one leaves goes to the others.",
)
@click.option("--jobs", default=0, help="Processes.  [default: one per core]")
@OUT
@click.option(
    "--record",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep what was seen in this file, mutants too; run again to go on with what it lacks.",
)
def explore(
    names: tuple[str, ...], budget_ns: int, jobs: int, out: Path, file: Path | None
) -> None:
    """Search models exhaustively: all that can happen to a pair, within small bounds.

    Without a MODEL, all but the small ones (see `hafw sim list`). The same model gives the same
    result, however many processes search, and the shortest run that fails, if one does.
    """
    from hafw_sim.explore.models import MODELS, SMALL

    known = MODELS | SMALL
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.UsageError(f"no model {', '.join(unknown)}; see `hafw sim list`")
    record = _begun(file)
    wanted = [known[name] for name in names or MODELS]
    if record is not None:
        wanted = [model for model in wanted if record.lacks(model)]
    results = []
    for result in search_all(wanted, budget_ns / 1e9, jobs):
        results.append(result)
        click.echo(str(result))
        if result.finding is not None:
            _keep(result.model, result.finding, out)
        _save(file, record, result)
    survived = _hunt(file, record)
    click.echo(_summary(results), err=True)
    sys.exit(1 if survived or any(result.wrong for result in results) else 0)


def _begun(file: Path | None) -> Record | None:
    """The record in the file, or a new one; None without a file. Raises UsageError."""
    from hafw_sim.explore.record import OtherEngine, begin

    try:
        return begin(file) if file is not None else None
    except OtherEngine as problem:
        raise click.UsageError(str(problem)) from problem


def _save(file: Path | None, record: Record | None, result: Result) -> None:
    from hafw_sim.explore.record import save

    if file is not None and record is not None:
        record.add(result)
        save(file, record)


def _hunt(file: Path | None, record: Record | None) -> list[str]:
    """Hunt the mutants for the record; returns those that no search found."""
    from hafw_sim.explore.hunts import HUNTS
    from hafw_sim.explore.record import save

    if file is None or record is None:
        return []
    with progress(len(HUNTS)) as advance:
        advance(len(record.mutants))
        for _ in record.add_mutants():
            advance(1)
            save(file, record)
    click.echo(f"{len(record.mutants)} mutants, {len(record.survived)} never found: {file}")
    return record.survived


def search_all(models: Iterable[Model], budget_s: float, jobs: int) -> Iterator[Result]:
    """Search each model, for a fair share of what is left of the budget."""
    from hafw_sim.explore.search import Search

    waiting = list(models)
    left_s = budget_s
    with progress(budget_s, counted=False) as advance:
        while waiting:
            share_s = left_s / len(waiting)
            model = waiting.pop(0)
            shown_s = 0.0

            def show(result: Result) -> None:
                nonlocal shown_s
                text = f"{result.model.name}: depth {result.depth}, {result.states:,} states"
                advance(result.seconds - shown_s, text)
                shown_s = result.seconds

            result = Search(model).run(share_s, jobs=jobs, on_state=show)
            left_s = max(left_s - result.seconds, 0.0)
            yield result


def _keep(model: Model, finding: Finding, out: Path) -> None:
    """Write down what was found; it is as short as can be already."""
    from hafw_sim.shrink import invariant

    name = f"{invariant(finding.problem).lower()}-explore-{model.name}"
    path = write_down(finding.schedule, name, out)
    click.echo(f"{model.name}: look at it with: hafw sim replay {path}")


def _summary(results: list[Result]) -> str:
    seconds = sum(result.seconds for result in results)
    return "; ".join(
        [
            f"{len(results)} models",
            f"{sum(result.complete for result in results)} complete within their bounds",
            f"{sum(result.wrong for result in results)} findings",
            f"{sum(result.states for result in results):,} states",
            f"{sum(result.counts.transitions for result in results):,} transitions",
            f"{seconds:.0f} s",
        ]
    )


__all__ = ["explore", "search_all"]
