"""What `hafw create` lets the operator choose, as options and as one value.

One rule: an option that is left out is proposed or asked for by the wizard, never guessed here.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from hafw.cli.parameters import ADDRESS, DURATION, LINK, NODES, VIP, VipChoice
from hafw.config.durations import format_duration
from hafw.config.model import DEFAULT_PORT, Mode
from hafw.core.settings import Timing

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.config.model import IPAddress, Link

R = TypeVar("R")

_DEFAULT: Final = Timing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The options of `hafw create` that end up in the cluster file; each is named as its option.

    Times are in nanoseconds. `no_ping`: the operator wants no ping node.
    """

    name: str
    nodes: tuple[str, str] | None
    links: tuple[Link, ...]
    pings: tuple[IPAddress, ...]
    no_ping: bool
    reflect: IPAddress | None
    best_effort: bool
    vips: tuple[VipChoice, ...]
    group_ids: tuple[int, ...]
    mode: Mode
    auto_failback: bool
    keepalive: int
    warntime: int
    deadtime: int
    initdead: int
    port: int
    key_file: Path | None

    @property
    def timing(self) -> Timing:
        """The four times."""
        return Timing(
            keepalive_ns=self.keepalive,
            warntime_ns=self.warntime,
            deadtime_ns=self.deadtime,
            initdead_ns=self.initdead,
        )


def _time(name: str, default_ns: int) -> Callable[[Callable[..., R]], Callable[..., R]]:
    default = format_duration(default_ns)
    return click.option(f"--{name}", type=DURATION, default=default, show_default=True)


_OPTIONS: Final = (
    click.option("--name", default="hafw", show_default=True, help="Name of the cluster."),
    click.option("--nodes", type=NODES, help="`uname -n` of the primary, and of the secondary."),
    click.option("--link", "links", type=LINK, multiple=True, help="A heartbeat link; give two."),
    click.option("--ping", "pings", type=ADDRESS, multiple=True, help="A ping node."),
    click.option("--no-ping", is_flag=True, help="Have no ping node."),
    click.option(
        "--reflect",
        type=ADDRESS,
        help="The ping node that reflects heartbeats: you vouch that it is one single box.",
    ),
    click.option(
        "--best-effort", is_flag=True, help="Accept takeovers on circumstantial evidence."
    ),
    click.option("--vip", "vips", type=VIP, multiple=True, help="A virtual IP, and where it goes."),
    click.option("--group-id", "group_ids", type=click.IntRange(1, 255), multiple=True),
    click.option(
        "--mode", type=click.Choice([str(mode) for mode in Mode]), default=str(Mode.ACTIVE_PASSIVE)
    ),
    click.option("--auto-failback", is_flag=True, help="Groups return to their preferred node."),
    _time("keepalive", _DEFAULT.keepalive_ns),
    _time("warntime", _DEFAULT.warntime_ns),
    _time("deadtime", _DEFAULT.deadtime_ns),
    _time("initdead", _DEFAULT.initdead_ns),
    click.option("--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, show_default=True),
    click.option(
        "--key-file",
        type=click.Path(path_type=Path),
        help="[default: cluster.key beside the cluster file]",
    ),
)


def choice_options(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command the options of `Choices`, as its argument `choices`."""
    names = Choices.__dataclass_fields__

    @functools.wraps(command)
    def with_choices(*args: Any, **given: Any) -> R:  # noqa: ANN401 - as click passes them
        given["mode"] = Mode(given["mode"])
        choices = Choices(**{name: given.pop(name) for name in names})
        return command(*args, choices=choices, **given)

    with_options: Callable[..., R] = with_choices
    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options
