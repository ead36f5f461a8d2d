"""`hafw agent`, `start` and `stop`: the life of the agent.

One rule: a command returns only when what it promises can be seen: the agent answers, or is gone.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hafw.agent.client import AgentSilent, AgentUnreachable
from hafw.cli.exits import Exit, Failure
from hafw.cli.options import DEFAULT_RUN_DIR, Target, state_dir_option, target_options

if TYPE_CHECKING:
    from collections.abc import Callable

UNIT: Final = "hafw-agent.service"
UNIT_DIRS: Final = (
    Path("/etc/systemd/system"),
    Path("/run/systemd/system"),
    Path("/usr/local/lib/systemd/system"),
    Path("/usr/lib/systemd/system"),
    Path("/lib/systemd/system"),
)
"""Where systemd looks for units of the system (systemd.unit(5))."""
START_TIMEOUT_S: Final = 20.0
"""An agent answers as soon as its socket is there, long before it may hold anything."""
STOP_TIMEOUT_S: Final = 90.0
"""The agent gives a graceful stop 60 s, then goes without what it could not stop."""
PING_TIMEOUT_S: Final = 2.0
POLL_S: Final = 0.05
"""Unnoticed by a person; costs an agent nothing."""
LOG_LINES: Final = 20
"""How much of the log of an agent that did not start is shown."""


@click.command()
@target_options
@state_dir_option
def agent(target: Target, *, state_dir: Path) -> int:
    """Run the agent in the foreground.

    Several can share a machine, each with its own --node, --state-dir and --run-dir.
    """
    from hafw.agent.main import run

    return run(target.config, target.node_name(), state_dir, target.run_dir)


@click.command()
@target_options
@state_dir_option
def start(target: Target, *, state_dir: Path) -> None:
    """Start the agent of this node.

    Starts the systemd unit if it is installed, else the agent by itself, in the background; returns
    when the agent answers.
    """
    target.cluster().node_number(target.node_name())
    if _answers(target):
        click.echo("the agent runs already")
        return
    if _unit_serves(target):
        _systemctl("start")
        _wait(lambda: _answers(target), START_TIMEOUT_S, f"see: journalctl -u {UNIT}")
    else:
        _start_detached(target, state_dir)
    click.echo("the agent runs")


@click.command()
@target_options
def stop(target: Target) -> None:
    """Stop the agent; the other node takes over at once."""
    target.check_node()
    if not _answers(target):
        click.echo("no agent runs")
        return
    if _unit_serves(target):
        _systemctl("stop")
    else:
        click.echo(target.ask({"verb": "stop"}, STOP_TIMEOUT_S)["message"])
    remedy = f"it may still be stopping; see {target.run_dir / 'agent.log'}"
    _wait(lambda: not is_running(target), STOP_TIMEOUT_S, remedy)
    with suppress(FileNotFoundError):
        _pid_file(target).unlink()
    click.echo("the agent is stopped")


def is_running(target: Target) -> bool:
    """Does an agent answer, or is the process still there that `start` began?"""
    if _answers(target):
        return True
    try:
        pid = int(_pid_file(target).read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return False
    return str(target.run_dir).encode() in command  # or the number is another process's by now


def _answers(target: Target) -> bool:
    try:
        target.client.request({"verb": "ping"}, PING_TIMEOUT_S)
    except AgentUnreachable:
        return False
    except AgentSilent:
        return True
    return True


def _unit_serves(target: Target) -> bool:
    """Is the agent of this run directory the one that systemd runs?"""
    booted = Path("/run/systemd/system").is_dir()
    installed = any((directory / UNIT).exists() for directory in UNIT_DIRS)
    return booted and installed and target.run_dir == DEFAULT_RUN_DIR


def _systemctl(verb: str) -> None:
    done = subprocess.run(  # noqa: S603 - fixed arguments
        ["systemctl", verb, UNIT],  # noqa: S607 - wherever the system has it
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=STOP_TIMEOUT_S,
    )
    if done.returncode:
        raise Failure(Exit.UNEXPECTED, f"systemctl {verb} {UNIT} failed; see: journalctl -u {UNIT}")


def _start_detached(target: Target, state_dir: Path) -> None:
    """Start the agent as a process of its own, and leave its number in the run directory."""
    target.run_dir.mkdir(parents=True, exist_ok=True)
    log = target.run_dir / "agent.log"
    command = [sys.executable, "-m", "hafw.cli.main", "agent"]
    command += ["--config", str(target.config), "--node", target.node_name()]
    command += ["--state-dir", str(state_dir.absolute()), "--run-dir", str(target.run_dir)]
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd="/",
        )
    _pid_file(target).write_text(f"{process.pid}\n")

    def ready() -> bool:
        if process.poll() is not None:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
            raise Failure(Exit.UNEXPECTED, f"the agent ended at once; the end of {log}:\n{tail}")
        return _answers(target)

    _wait(ready, START_TIMEOUT_S, f"process {process.pid} runs but does not answer; see {log}")


def _wait(condition: Callable[[], bool], timeout_s: float, remedy: str) -> None:
    """Look until the condition holds. Raises `Failure` when it does not in time."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise Failure(Exit.UNKNOWN, f"not done within {timeout_s:g} s; {remedy}")
        time.sleep(POLL_S)


def _pid_file(target: Target) -> Path:
    return target.run_dir / "agent.pid"
