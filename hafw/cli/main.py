"""The program `hafw`: finds the command and turns its errors into exit statuses.

One rule: a command's module is imported only when that command runs, so that help and completion
are quick whatever the commands need.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

import click

from hafw import __version__

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ADDED_BY_OTHERS: Final = "hafw.commands"
"""Entry point group of the commands that other packages add."""

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C: 128 and the number of SIGINT, as shells count."""


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command that is not imported yet: where it is, and its line in the help."""

    module: str
    attribute: str
    help: str


COMMANDS: Final[dict[str, dict[str, Lazy]]] = {
    "Watch": {
        "status": Lazy("status", "status", "Show nodes, groups, links, and what to do next."),
        "events": Lazy("events", "events", "Show what happened on this node."),
    },
    "Operate": {
        "standby": Lazy("operate", "standby", "Give this node's groups to the other node."),
        "takeover": Lazy("operate", "takeover", "Take groups over from the other node."),
        "failback": Lazy("operate", "failback", "Bring every group to its preferred node."),
        "maintenance": Lazy("maintenance", "maintenance", "Keep groups where they are."),
        "release": Lazy("operate", "release", "Emergency: stop and close what this node holds."),
        "fence": Lazy("fence", "fence", "Switch the other node off, or ask whether it is off."),
        "reload": Lazy("operate", "reload", "Let the agent read the cluster file again."),
        "start": Lazy("daemon", "start", "Start the agent of this node."),
        "stop": Lazy("daemon", "stop", "Stop the agent; the other node takes over at once."),
        "agent": Lazy("daemon", "agent", "Run the agent in the foreground."),
    },
    "Set up": {
        "create": Lazy("cluster", "create", "Write the cluster file and key of a new cluster."),
        "join": Lazy("cluster", "join", "Fetch file and key from the other node, or offer them."),
        "delete": Lazy("cluster", "delete", "Remove this node's cluster file and key."),
        "config": Lazy("config", "config", "Check the cluster file."),
        "witness": Lazy("witness", "witness", "Remember the leases of pairs elsewhere."),
        "precheck": Lazy("precheck", "precheck", "Say whether a takeover would work, and be safe."),
        "policy": Lazy("policy", "policy", "Write the permissions that a provider needs."),
        "plan": Lazy("policy", "plan", "Show what a takeover by this node would do."),
        "plugins": Lazy("plugins", "plugins", "List the plugins that are installed."),
        "version": Lazy("plugins", "version", "Show the version."),
    },
}
"""The built-in commands, in the sections of the help."""


class Commands(click.Group):
    """The built-in commands and those that other packages add, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        del ctx
        built_in = [name for section in COMMANDS.values() for name in section]
        return [*built_in, *sorted(set(_added()) - set(built_in))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        del ctx
        for section in COMMANDS.values():
            if cmd_name in section:
                lazy = section[cmd_name]
                module = importlib.import_module(f"hafw.cli.{lazy.module}")
                command = getattr(module, lazy.attribute)
                assert isinstance(command, click.Command), f"{cmd_name} is a command"
                return command
        added = _added().get(cmd_name)
        return None if added is None else _load(added)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a wrong name is answered with the one that was probably meant."""
        from difflib import get_close_matches

        if args and self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            close = get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f'did you mean "{close[0]}"?' if close else "`hafw --help` lists the commands"
            ctx.fail(f'there is no command "{args[0]}"; {hint}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command list without importing the built-in commands."""
        del ctx
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, lazy.help) for name, lazy in section.items()])
        added = _added()
        if added:
            with formatter.section("Added by other packages"):
                formatter.write_dl([(name, _short_help(entry)) for name, entry in added.items()])

    def invoke(self, ctx: click.Context) -> NoReturn:
        """Run the command and end with its status."""
        try:
            status = super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException):
            raise
        except (click.Abort, KeyboardInterrupt, EOFError):
            click.echo("\ninterrupted", err=True)
            status = INTERRUPTED
        except Exception as error:
            from hafw.cli.exits import as_failure

            failure = as_failure(error)
            if failure is None:
                raise
            click.echo(str(failure), err=True)
            status = failure.status
        ctx.exit(status if isinstance(status, int) else 0)


def _added() -> dict[str, EntryPoint]:
    """The commands of other packages, by name."""
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=ADDED_BY_OTHERS)}


def _load(entry: EntryPoint) -> click.Command:
    try:
        command = entry.load()
    except Exception as error:
        raise click.ClickException(
            f'the command "{entry.name}" of {entry.value} cannot be loaded: {error}; '
            "update or remove the package it comes from"
        ) from error
    if not isinstance(command, click.Command):
        raise click.ClickException(f"{entry.value} is no click command")
    return command


def _short_help(entry: EntryPoint) -> str:
    """The help line of an added command; one that is broken must not break the help."""
    try:
        return _load(entry).get_short_help_str(limit=60)
    except click.ClickException as error:
        return error.message


@click.command(
    cls=Commands,
    epilog="Exit status: 0 ok, 1 unexpected, 2 usage, 3 degraded, 4 no active owner, 5 refused for "
    "safety, 6 permission, 7 agent unreachable, 8 timed out with unknown outcome, 9 invalid "
    "configuration, 130 interrupted.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="hafw")
def main() -> None:
    """Two-machine high availability: moves a virtual IP, and the resources behind it, safely."""


if __name__ == "__main__":
    main()
