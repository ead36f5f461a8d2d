"""Asks a person before something happens, and never a program.

One rule: where nobody can answer, a harmless command goes on and a disruptive one is refused.
"""

from __future__ import annotations

import sys

import click


def confirm(consequence: str, *, yes: bool, disruptive: bool = False) -> None:
    """Say what will happen and, on a terminal, ask. Returns if it may.

    Raises `click.Abort` when the person declines, and a usage error when a disruptive command has
    neither a terminal nor `--yes`.
    """
    click.echo(consequence, err=True)
    if yes:
        return
    if sys.stdin.isatty():
        click.confirm("Go on?", abort=True, err=True)
    elif disruptive:
        raise click.UsageError("this disrupts the service and nobody can be asked; add --yes")
