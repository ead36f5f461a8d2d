"""`hafw plugins` and `hafw version`: what is installed.

One rule: nothing is imported to be listed, so a broken plugin cannot hide the others.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final

import click

from hafw import __version__

GROUPS: Final = {"hafw": "plugin", "hafw.commands": "command"}
"""The entry point groups that hafw reads, and what their members are."""


@click.command()
def plugins() -> None:
    """List the plugins that are installed."""
    rows = [
        (kind, entry.name, entry.value, f"{entry.dist.name} {entry.dist.version}")
        for group, kind in GROUPS.items()
        for entry in entry_points(group=group)
        if entry.dist is not None
    ]
    rows = [("KIND", "NAME", "MODULE", "PACKAGE"), *sorted(rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for *cells, last in rows:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        click.echo("  ".join([*padded, last]))


@click.command()
def version() -> None:
    """Show the version."""
    click.echo(__version__)
