"""The commands ``hafw sim replay`` and ``scenario``: one run, looked at closely.

Rule: the verdict is the last line, on stderr; what happened is on stdout.
"""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs: help stays quick

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hafw_sim.report.run import Run
    from hafw_sim.schedule import Schedule

_FILE = click.Path(path_type=Path, dir_okay=False, writable=True)


@click.command()
@click.argument("what", metavar="SEED|FILE")
@click.option("--shrink", "small", is_flag=True, help="Cut it down first, if it fails.")
@click.option("--html", type=_FILE, help="Write the report with its picture there.")
@click.option("--pytest", "test", type=_FILE, help="Write a test there that plays it again.")
def replay(what: str, *, small: bool, html: Path | None, test: Path | None) -> None:
    """Play one run again, and tell what happened: a seed, or a schedule from a file.

    Exit status 1 if anything is wrong with it.
    """
    from hafw_sim.report.run import watched
    from hafw_sim.shrink import shrink

    schedule = read(what)
    run = watched(shrink(schedule) if small else schedule, what)
    show(run)
    keep(run, html, test)
    conclude(run)


def read(what: str) -> Schedule:
    """The schedule of a seed, or in a file. Raises UsageError."""
    from hafw_sim.schedule import ScheduleError, load
    from hafw_sim.swarm import draw_schedule

    if what.isdecimal():
        return draw_schedule(int(what))
    try:
        return load(Path(what))
    except (ScheduleError, OSError) as problem:
        raise click.UsageError(str(problem)) from problem


def show(run: Run) -> None:
    """Tell the run on stdout."""
    from rich.console import Console

    from hafw_sim.report.text import table

    console = Console(highlight=False)
    console.print(table(run))
    for problem in run.problems:
        console.print(problem, style="bold red", markup=False)


def keep(run: Run, html: Path | None, test: Path | None) -> None:
    """Write the report, and the test, where they are wanted."""
    from hafw_sim.report.html import page
    from hafw_sim.report.pytest_file import as_test

    if html is not None:
        html.write_text(page(run))
        click.echo(f"report: {html}", err=True)
    if test is not None:
        test.write_text(as_test(run))
        click.echo(f"test: {test}", err=True)


def conclude(run: Run) -> None:
    """The summary, and the exit status."""
    seconds = run.recording.end_ns / 1e9
    click.echo(f"{run.outcome.events} events, {seconds:.0f} s: {run.verdict}", err=True)
    sys.exit(1 if run.problems else 0)
