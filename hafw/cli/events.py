"""`hafw events`: what happened on this node, as the agent noted it.

One rule: one event is one line, for people and for programs.
"""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Final

import click

from hafw.cli.options import READ_TIMEOUT_S, Target, json_option, result_of, target_options

if TYPE_CHECKING:
    from hafw.agent.client import Message

SCHEMA: Final = "hafw.events/1"
"""Names the form of `hafw events --json`."""
DEFAULT_LIMIT: Final = 100
"""What fits comfortably into one answer of the agent."""


@click.command()
@target_options
@json_option
@click.option("--follow", "-f", is_flag=True, help="Go on as events happen, until Ctrl-C.")
@click.option(
    "--limit", "-n", type=click.IntRange(1, 10_000), default=DEFAULT_LIMIT, show_default=True
)
def events(target: Target, *, as_json: bool, follow: bool, limit: int) -> None:
    """Show what happened on this node.

    The newest comes last. With --follow, --json writes one object a line.
    """
    target.check_node()
    request: Message = {"verb": "events", "follow": follow, "limit": limit}
    with closing(target.client.stream(request, READ_TIMEOUT_S)) as answers:
        for answer in answers:
            found = _events_of(answer)
            if not as_json:
                click.echo("".join(f"{_line(event)}\n" for event in found), nl=False)
            elif follow:
                click.echo("".join(f"{json.dumps(event)}\n" for event in found), nl=False)
            else:
                click.echo(json.dumps({"schema": SCHEMA, "events": found}))
            if not follow:
                return


def _events_of(answer: Message) -> list[Message]:
    listed = result_of(answer).get("events")
    return (
        [event for event in listed if isinstance(event, dict)] if isinstance(listed, list) else []
    )


def _line(event: Message) -> str:
    group = event.get("group")
    about = f"group {group}: " if group else ""
    return f"{event.get('wall', '')}  {event.get('name', ''):<20}  {about}{event.get('text', '')}"
