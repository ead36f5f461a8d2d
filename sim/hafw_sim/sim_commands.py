"""The commands ``hafw sim …``: try out failures by the thousand, and look at one closely.

Rule: each ends in one summary line on stderr, and with status 1 on a finding.
"""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs: help stays quick

from __future__ import annotations

import sys

import click

from hafw_sim.clouds_azure_command import azure
from hafw_sim.clouds_command import clouds
from hafw_sim.clouds_gcp_command import gcp
from hafw_sim.clouds_race_command import race
from hafw_sim.explore_command import explore
from hafw_sim.predict_commands import predict, tune
from hafw_sim.run_commands import replay, scenario
from hafw_sim.storm_command import storm
from hafw_sim.swarm_commands import campaign, swarm


@click.group()
def sim() -> None:
    """Simulate a pair: the same engine, in virtual time, with every kind of failure."""


@sim.command()
@click.argument("names", nargs=-1)
def mutants(names: tuple[str, ...]) -> None:
    """Seed bugs into the engine; show which story notices each, and which search finds it."""
    from hafw_sim.explore.hunts import HUNTS, hunt
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
        if name in HUNTS:
            search = hunt(name)
            alive += search.finding is None
            click.echo(f"    explore {search}")
    click.echo(f"{len(names or MUTANTS)} mutants, {alive} survived", err=True)
    sys.exit(1 if alive else 0)


@sim.command("list")
def list_() -> None:
    """List the scenarios, the stories, the models, the faults of runs, and the mutants."""
    from hafw_sim.explore.models import MODELS, SMALL
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
    for model in (MODELS | SMALL).values():
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


clouds.add_command(azure)
clouds.add_command(gcp)
clouds.add_command(race)
sim.add_command(campaign)
sim.add_command(clouds)
sim.add_command(explore)
sim.add_command(predict)
sim.add_command(replay)
sim.add_command(scenario)
sim.add_command(storm)
sim.add_command(swarm)
sim.add_command(tune)
