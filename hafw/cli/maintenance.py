"""`hafw maintenance on|off`: keep groups from moving by themselves, on both nodes.

One rule: the answer says where it counts: on both nodes, or on this one only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from hafw.cli.options import Target, target_options
from hafw.config.durations import UNITS_NS, DurationError, parse_duration
from hafw.core.maintenance import LONGEST_MS

if TYPE_CHECKING:
    from hafw.agent.client import Message

TIMEOUT_S: Final = 20.0
"""The agent gives up after 10 s."""


def _duration_ms(_ctx: click.Context, _param: click.Parameter, text: str | None) -> int:
    if text is None:
        return 0
    try:
        found_ns = parse_duration(text)
    except DurationError as problem:
        raise click.BadParameter(f"{problem}; {problem.remedy}") from problem
    found_ms = found_ns // UNITS_NS["ms"]
    if not 1 <= found_ms <= LONGEST_MS:
        raise click.BadParameter("from 1ms to 720h; without --for it lasts until switched off")
    return found_ms


@click.group()
def maintenance() -> None:
    """Keep groups where they are.

    While it is on, nothing moves by itself, on both nodes: no takeover,
    no failback, no switchover, and no node is switched off. A node that is stopped and started
    takes again what it held. Your own commands (standby, takeover, failback, release) work.
    """


@maintenance.command()
@target_options
@click.option(
    "--for",
    "for_ms",
    metavar="TIME",
    callback=_duration_ms,
    help="End it by itself after this time, such as 2h.",
)
def on(target: Target, *, for_ms: int) -> None:
    """Switch it on.

    If the other node is silent it counts here at once, there when that node is heard again, and
    the exit status is 3.
    """
    _order(target, {"verb": "maintenance on", "for_ms": for_ms})


@maintenance.command()
@target_options
def off(target: Target) -> None:
    """Switch it off: what it kept from moving may move at once."""
    _order(target, {"verb": "maintenance off"})


def _order(target: Target, request: Message) -> None:
    target.check_node()
    click.echo(target.ask(request, TIMEOUT_S)["message"])
