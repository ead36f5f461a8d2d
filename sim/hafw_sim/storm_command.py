"""The command ``hafw sim storm``: real agents, a shared file, and faults at random moments.

Rule: a figure without its file does not count, and a file is continued only by the same engine.
"""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs: help stays quick

from __future__ import annotations

import sys
from pathlib import Path

import click

from hafw_sim.progress import progress


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--storms", "wanted", default=500, show_default=True, help="How many.")
@click.option("--jobs", default=1, show_default=True, help="So many labs at a time.")
def storm(file: Path, wanted: int, jobs: int) -> None:
    """Storm pairs of real agents that run a service on a shared file; keep the record in FILE.

    Agents are killed and frozen, machines are frozen and crash, links are cut, at random moments.
    Each node can switch the other off, with or without a lease. The service writes its epoch and
    node a thousand times a second: never may an older epoch write after a newer one. Run it again
    to go on. A storm takes about ten seconds.
    """
    from hafw_sim.campaign_file import OtherEngine, save
    from hafw_sim.storm import Weather, begin, storms

    try:
        record = begin(file)
    except OtherEngine as problem:
        raise click.UsageError(str(problem)) from problem

    def note(weather: Weather) -> None:
        record.add(weather)
        save(file, record)
        advance(1)

    with progress(wanted) as advance:
        advance(record.storms)
        storms(record.storms, max(wanted - record.storms, 0), jobs, note)
    click.echo(
        f"{record.storms} storms, {sum(record.faults.values())} faults, {record.records:,} records,"
        f" {record.shots} machines switched off; written by two at a time:"
        f" {len(record.interleavings)}; not served again: {len(record.unserved)}: {file}",
        err=True,
    )
    sys.exit(1 if record.interleavings or record.unserved or record.both_own_ms else 0)
