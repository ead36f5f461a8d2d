from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import click
import pytest

from hafw import __version__
from hafw.cli import main as program
from hafw.cli.main import COMMANDS, main

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

NAMES = [name for section in COMMANDS.values() for name in section]


@pytest.mark.parametrize("name", NAMES)
def test_the_help_line_of_each_command_is_that_of_the_command_itself(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    line = next(section[name].help for section in COMMANDS.values() if name in section)

    assert command is not None
    assert (command.help or "").partition("\n")[0] == line


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(hafw: Callable[..., Result], name: str) -> None:
    result = hafw(name, "--help")

    assert result.exit_code == 0
    assert "Usage: main " + name in result.stdout


def test_help_imports_no_command_and_nothing_heavy() -> None:
    code = (
        "import sys, json\n"
        "from hafw.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    loaded = set(json.loads(done.stderr.splitlines()[-1]))

    assert not loaded & {"rich", "msgspec", "asyncio", "hafw.config", "hafw.cli.cluster"}


def test_a_mistyped_command_is_answered_with_the_one_that_was_meant(
    hafw: Callable[..., Result],
) -> None:
    result = hafw("stauts")

    assert result.exit_code == 2
    assert 'there is no command "stauts"; did you mean "status"?' in result.stderr


def test_the_version_is_told_in_both_ways(hafw: Callable[..., Result]) -> None:
    assert hafw("version").stdout == f"{__version__}\n"
    assert hafw("--version").stdout == f"hafw, version {__version__}\n"


def test_plugins_are_listed_with_their_origin_without_being_imported(
    hafw: Callable[..., Result],
) -> None:
    lines = hafw("plugins").stdout.splitlines()

    assert lines[0].split() == ["KIND", "NAME", "MODULE", "PACKAGE"]
    assert ["plugin", "onprem", "hafw.providers.onprem", "hafw", __version__] in [
        line.split() for line in lines
    ]


@click.command()
def greet() -> None:
    """Say hello."""
    click.echo("hello")


def add_command(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    entry = EntryPoint("greet", value, "hafw.commands")
    monkeypatch.setattr(program, "_added", lambda: {"greet": entry})


def test_another_package_can_add_a_command(
    hafw: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_command(monkeypatch, f"{__name__}:greet")

    assert "Added by other packages:\n  greet  Say hello." in hafw("--help").stdout
    assert hafw("greet").stdout == "hello\n"


def test_an_added_command_that_is_broken_breaks_nothing_else(
    hafw: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_command(monkeypatch, "no_such_module:greet")

    assert hafw("version").exit_code == 0
    assert "cannot be loaded" in hafw("--help").stdout
    assert hafw("greet").exit_code == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), 130), (click.Abort(), 130), (PermissionError(13, "no", "/etc/x"), 6)],
)
def test_what_stops_a_command_becomes_an_exit_status(
    hafw: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int
) -> None:
    def stop() -> None:
        raise error

    monkeypatch.setattr(greet, "callback", stop)
    add_command(monkeypatch, f"{__name__}:greet")

    assert hafw("greet").exit_code == status


def test_a_mistake_of_ours_is_not_hidden(
    hafw: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(greet, "callback", fail)
    add_command(monkeypatch, f"{__name__}:greet")

    with pytest.raises(ZeroDivisionError):
        hafw("greet")
