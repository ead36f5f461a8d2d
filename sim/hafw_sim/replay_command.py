"""The command ``hafw replay``: what a journal says, and whether the engine still agrees."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs: help stays quick

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hafw.core.effects import Note
    from hafw.core.model import Instant

DIFFERENCES_SHOWN = 10


@click.command()
@click.argument("journal", type=click.Path(exists=True, path_type=Path))
@click.option("--notes/--no-notes", default=True, help="Print what the engine noted.")
def replay(journal: Path, *, notes: bool) -> None:
    """Replay the journal of an agent: a segment, or its directory (STATE_DIR/journal).

    Feeds the recorded events to the engine and compares every decision. Exit status 1 if one
    differs, which is expected when the journal is of another version of the engine.
    """
    from hafw.agent.journal import engine_hash
    from hafw_sim.replay import replay as run
    from hafw_sim.replay import segments

    files = segments(journal)
    if not files:
        raise click.UsageError(f"{journal} holds no segment of a journal (*.hafwj)")

    def tell(now: Instant, note: Note) -> None:
        if notes:
            since_boot = dt.timedelta(microseconds=now.boot_ns // 1000)
            group = f" group {note.group}" if note.group else ""
            click.echo(f"{since_boot}  {note.name}{group}: {note.text}")

    report = run(((file.name, file.read_bytes()) for file in files), tell)
    for remark in report.remarks:
        click.echo(remark, err=True)
    if report.engines != {engine_hash()}:
        click.echo("the journal is of another version of the engine; it may differ", err=True)
    for difference in report.differences[:DIFFERENCES_SHOWN]:
        click.echo(difference, err=True)
    lost = f", {report.lost} steps were never written" if report.lost else ""
    verdict = f"{len(report.differences)} differences" if report.differences else "same decisions"
    click.echo(f"{report.segments} segments, {report.steps} steps{lost}: {verdict}", err=True)
    sys.exit(1 if report.differences else 0)
