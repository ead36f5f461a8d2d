"""The commands ``hafw sim …``: try out failures by the thousand, and look at one closely.

Rule: each ends in one summary line on stderr, and with status 1 on a finding.
"""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs: help stays quick

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hafw_sim.explore_command import explore
from hafw_sim.predict_commands import predict, tune
from hafw_sim.progress import progress
from hafw_sim.run_commands import OUT, replay, scenario, write_down

if TYPE_CHECKING:
    from hafw_sim.campaign import Result
    from hafw_sim.schedule import Schedule


@click.group()
def sim() -> None:
    """Simulate a pair: the same engine, in virtual time, with every kind of failure."""


@sim.command()
@click.option("--seeds", default=200, show_default=True, help="How many runs.")
@click.option("--start", default=0, show_default=True, help="The first seed.")
@click.option("--jobs", default=0, help="Processes.  [default: one per core]")
@OUT
@click.option("--liveness", is_flag=True, help="Heal a core only, and demand progress.")
def swarm(seeds: int, start: int, jobs: int, out: Path, *, liveness: bool) -> None:
    """Draw runs of ten minutes with a dozen faults each, and check every event.

    The same seeds give the same result, however many processes there are.
    """
    from hafw_sim.campaign import campaign
    from hafw_sim.swarm import draw_schedule

    began_s = time.monotonic()
    with progress(seeds) as advance:
        result = campaign(
            start, seeds, jobs=jobs, liveness=liveness, on_part=lambda part: advance(part.seeds)
        )
    elapsed_s = time.monotonic() - began_s
    for seed, violation in result.failed:
        click.echo(f"seed {seed}: {violation}")
    for seed, _ in result.failed[:3]:
        _keep(draw_schedule(seed, liveness=liveness), seed, out)
    for seed in result.nondeterministic:
        click.echo(f"seed {seed}: two runs differed")
    click.echo(_summary(result, elapsed_s), err=True)
    sys.exit(1 if result.failed or result.nondeterministic else 0)


@sim.command("campaign")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--seeds", default=10_000, show_default=True, help="How many runs in all.")
@click.option("--start", default=0, show_default=True, help="The first seed.")
@click.option("--jobs", default=0, help="Processes.  [default: one per core]")
@click.option("--liveness", is_flag=True, help="Heal a core only, and demand progress.")
@click.option("--chunk", default=200, show_default=True, help="The file is written so often.")
def campaign_(  # noqa: PLR0913 - one parameter per option
    file: Path, *, seeds: int, start: int, jobs: int, liveness: bool, chunk: int
) -> None:
    """Run many seeds, and keep the record in FILE; run it again to go on.

    When all seeds are done, the mutants are run against the same engine, and noted too.
    """
    from hafw_sim.campaign import campaign
    from hafw_sim.campaign_file import OtherEngine, begin, kill_mutants, save

    try:
        record = begin(file, start, seeds, liveness=liveness)
    except OtherEngine as problem:
        raise click.UsageError(str(problem)) from problem
    with progress(record.wanted) as advance:
        advance(record.seeds)
        while record.seeds < record.wanted:
            count = min(chunk, record.wanted - record.seeds)
            began_s = time.monotonic()
            part = campaign(start + record.seeds, count, jobs=jobs, liveness=liveness)
            record.add(part, time.monotonic() - began_s)
            save(file, record)
            advance(part.seeds)
        if not record.mutants:
            kill_mutants(record, lambda _name: None)
            save(file, record)
    survived = sum(killed_by is None for killed_by in record.mutants.values())
    click.echo(
        f"{record.seeds} seeds, {len(record.findings)} findings, {record.simulated_h:.0f} simulated"
        f" hours; {len(record.mutants)} mutants, {survived} survived: {file}",
        err=True,
    )
    sys.exit(1 if record.findings or record.nondeterministic or survived else 0)


def _summary(result: Result, elapsed_s: float) -> str:
    simulated_h = result.simulated_ns / 3.6e12
    facts = [
        f"{result.seeds} seeds",
        f"{len(result.failed)} findings",
        f"{sum(result.faults.values())} faults",
        f"{len(result.coverage)} transitions",
        f"{simulated_h:.0f} simulated hours in {elapsed_s:.0f} s",
        f"{result.events / max(elapsed_s, 1e-9):,.0f} events/s",
    ]
    if result.never_seen:
        facts.append("never seen: " + ", ".join(result.never_seen))
    return "; ".join(facts)


def _keep(schedule: Schedule, seed: int, out: Path) -> None:
    """Shrink the schedule of a failing seed, and write it down."""
    from hafw_sim.shrink import failure, shrink

    smallest = shrink(schedule)
    path = write_down(smallest, f"{failure(smallest).lower()}-seed-{seed}", out)
    click.echo(f"seed {seed}: shrunk to {len(smallest.decisions)} decisions in {path}")
    click.echo(f"seed {seed}: look at it with: hafw sim replay {path}")


@sim.command()
@click.argument("names", nargs=-1)
def mutants(names: tuple[str, ...]) -> None:
    """Seed bugs into the engine; show which story notices each."""
    from hafw_sim.mutants import MUTANTS, killer

    unknown = [name for name in names if name not in MUTANTS]
    if unknown:
        raise click.UsageError(f"no mutant {', '.join(unknown)}; see `hafw sim list`")
    alive = 0
    for name in names or MUTANTS:
        killed_by = killer(MUTANTS[name])
        alive += killed_by is None
        click.echo(f"{name}: {f'killed by {killed_by}' if killed_by else 'SURVIVED'}")
        click.echo(f"    {MUTANTS[name].rule}")
    click.echo(f"{len(names or MUTANTS)} mutants, {alive} survived", err=True)
    sys.exit(1 if alive else 0)


@sim.command("list")
def list_() -> None:
    """List the scenarios, the stories, the models, the faults of runs, and the mutants."""
    from hafw_sim.explore.models import MODELS
    from hafw_sim.faults import FAULTS
    from hafw_sim.mutants import MUTANTS
    from hafw_sim.scenarios import named
    from hafw_sim.scenarios import names as scenarios
    from hafw_sim.stories import STORIES

    click.echo("Scenarios")
    for name in scenarios():
        click.echo(f"  {name}: {named(name).about}")
    click.echo("\nStories")
    for name, story in STORIES.items():
        click.echo(f"  {name}: {(story.__doc__ or '').splitlines()[0]}")
    click.echo("\nModels that are searched, and their bounds")
    for model in MODELS.values():
        click.echo(f"  {model.name}: {model.text} ({model.bounds})")
    click.echo("\nFaults, and what they take")
    for fault in FAULTS.values():
        takes = " ".join(
            name if name in fault.required else f"[{name}]" for name in fault.parameters
        )
        click.echo(f"  {fault.name} {takes}".rstrip() + f": {fault.text.splitlines()[0]}")
    click.echo("\nMutants, and the rule that each breaks")
    for mutant in MUTANTS.values():
        click.echo(f"  {mutant.name}: {mutant.rule}")


sim.add_command(explore)
sim.add_command(predict)
sim.add_command(replay)
sim.add_command(scenario)
sim.add_command(tune)
