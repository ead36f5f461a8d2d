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
    from hafw_sim.scenarios import Scenario
    from hafw_sim.schedule import Schedule

_FILE = click.Path(path_type=Path, dir_okay=False, writable=True)
OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("findings"),
    show_default=True,
    help="Where each finding is written: schedule, report, test.",
)
"""For commands that look for runs that fail."""


@click.command()
@click.argument("what", metavar="SEED|FILE|NAME")
@click.option("--shrink", "small", is_flag=True, help="Cut it down first, if it fails.")
@click.option("--html", type=_FILE, help="Write the report with its picture there.")
@click.option("--pytest", "test", type=_FILE, help="Write a test there that plays it again.")
def replay(what: str, *, small: bool, html: Path | None, test: Path | None) -> None:
    """Play one run again, and tell what happened.

    A run is a seed of the swarm, a schedule from a file (*.hasim.jsonl), or a scenario, by its name
    or from a file (*.toml). Exit status 1 if anything is wrong with it.
    """
    from hafw_sim.report.run import watched
    from hafw_sim.scenarios import rehearse
    from hafw_sim.shrink import shrink

    scenario = _scenario(what)
    if scenario is not None and (small or test):
        raise click.UsageError(
            "--shrink and --pytest are for schedules; a scenario is a test already:"
            f' @pytest.mark.hafw_scenario("{what}")'
        )
    if scenario is not None:
        run = rehearse(scenario)
    else:
        schedule = _schedule(what)
        run = watched(shrink(schedule) if small else schedule, what)
    show(run)
    for problem in run.problems:
        click.secho(problem, fg="red", bold=True)
    keep(run, html, test)
    conclude(run)


@click.command()
@click.argument("whats", metavar="[NAME|FILE]...", nargs=-1)
def scenario(whats: tuple[str, ...]) -> None:
    """Run scenarios, by name or from files (*.toml), and stories; without one, all there are.

    A scenario that does not hold is told in full.
    """
    from hafw_sim.scenarios import names, rehearse
    from hafw_sim.stories import STORIES

    played = whats or (*names(), *STORIES)
    bad = 0
    for what in played:
        found = _scenario(what)
        if found is None and what not in STORIES:
            raise click.UsageError(f"no scenario or story {what}; see `hafw sim list`")
        run = rehearse(found) if found is not None else None
        problems = run.problems if run is not None else STORIES[what]()
        for warning in found.warnings if found is not None else ():
            click.echo(f"warning: {warning}", err=True)
        bad += bool(problems)
        click.echo(f"{'FAILED' if problems else 'held  '}  {what}")
        if run is not None and problems:
            show(run)
        for problem in problems:
            click.echo(f"        {problem}")
    click.echo(f"{len(played)} played, {bad} failed", err=True)
    sys.exit(1 if bad else 0)


def _scenario(what: str) -> Scenario | None:
    """The scenario of that name, or in that file; None if this is neither. Raises ConfigError."""
    from hafw_sim.scenarios import load, named, names

    if what.endswith(".toml"):
        return load(Path(what))
    return named(what) if what in names() else None


def _schedule(what: str) -> Schedule:
    """The schedule of a seed, or in a file. Raises UsageError."""
    from hafw_sim.schedule_file import ScheduleError, load
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

    Console(highlight=False).print(table(run))


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


def write_down(schedule: Schedule, name: str, out: Path) -> Path:
    """Write a schedule that fails, its report and its test; returns the schedule's file."""
    from hafw_sim.report.run import watched
    from hafw_sim.schedule_file import encode

    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.hasim.jsonl"
    path.write_text(encode(schedule))
    run = watched(schedule, str(path))
    keep(run, out / f"{name}.html", out / f"test_{name.replace('-', '_')}.py")
    return path


def conclude(run: Run) -> None:
    """The summary, and the exit status."""
    seconds = run.recording.end_ns / 1e9
    click.echo(f"{run.outcome.events} events, {seconds:.0f} s: {run.verdict}", err=True)
    sys.exit(1 if run.problems else 0)
