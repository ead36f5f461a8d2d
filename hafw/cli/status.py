"""`hafw status`: one look at the whole cluster, for a person or a program.

One rule: the exit status says how it is, whatever the form of the output.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Final

import click

from hafw.agent.client import ControlError
from hafw.cli.options import Target, json_option, target_options
from hafw.cli.status_model import SCHEMA, exit_of, read_status

if TYPE_CHECKING:
    from hafw.agent.client import Message

WATCH_INTERVAL_S: Final = 1.0
"""As often as a person reads it anew."""


@click.command()
@target_options
@json_option
@click.option("--watch", is_flag=True, help="Show it anew every second, until Ctrl-C.")
def status(target: Target, *, as_json: bool, watch: bool) -> int:
    """Show nodes, groups, links, and what to do next.

    Exit status: 0 all is well, 3 degraded, 4 a group has no active owner, 7 no agent answers.
    """
    if watch and not as_json and not sys.stdout.isatty():
        raise click.UsageError("--watch needs a terminal; use --watch --json for a program")
    if watch:
        _watch(target, as_json=as_json)
    result = target.status()
    if as_json:
        _write_json(result)
    else:
        _print_view(result)
    return exit_of(read_status(result))


def _watch(target: Target, *, as_json: bool) -> None:
    """Show it until the user interrupts; an agent that is away may come back."""
    if as_json:
        while True:
            _write_json(target.status())
            time.sleep(WATCH_INTERVAL_S)
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from hafw.cli.status_view import view

    with Live(console=Console(), screen=True, auto_refresh=False) as live:
        while True:
            try:
                live.update(view(read_status(target.status())), refresh=True)
            except ControlError as error:
                live.update(Text(str(error), style="bold red"), refresh=True)
            time.sleep(WATCH_INTERVAL_S)


def _write_json(result: Message) -> None:
    shown = {name: value for name, value in result.items() if name not in {"schema", "message"}}
    click.echo(json.dumps({"schema": SCHEMA, **shown}))


def _print_view(result: Message) -> None:
    from rich.console import Console

    from hafw.cli.status_view import view

    Console().print(view(read_status(result)))
