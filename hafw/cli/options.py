"""The options that every command shares which talks to an agent, and what they lead to.

One rule: an agent is found by its run directory alone; `--node` only makes sure that it is the
right one, and `--config` is for commands that read the cluster file themselves.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

import click

from hafw.agent.client import SOCKET_NAME, ControlClient
from hafw.cli.exits import Exit, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.agent.client import Message
    from hafw.config.model import Cluster

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_CONFIG: Final = Path("/etc/hafw/cluster.toml")
DEFAULT_RUN_DIR: Final = Path("/run/hafw")
DEFAULT_STATE_DIR: Final = Path("/var/lib/hafw")
READ_TIMEOUT_S: Final = 5.0
"""Reads are answered between two heartbeats; an agent that takes longer hangs."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which agent a command is about, and which cluster file."""

    config: Path
    run_dir: Path
    node: str | None

    @property
    def client(self) -> ControlClient:
        """The way to the agent."""
        return ControlClient(self.run_dir / SOCKET_NAME)

    def node_name(self) -> str:
        """The name of this node: `--node`, or what `uname -n` says."""
        return self.node or os.uname().nodename

    def cluster(self) -> Cluster:
        """The cluster file. Raises `ConfigError`."""
        from hafw.config.loading import load

        return load(self.config)

    def ask(self, request: Message, timeout_s: float = READ_TIMEOUT_S) -> Message:
        """The agent's answer to a request that it agreed to. Raises `Failure`, `ControlError`."""
        return result_of(self.client.request(request, timeout_s))

    def status(self) -> Message:
        """The result of a status request; a usage error if the agent is another node's."""
        result = self.ask({"verb": "status"})
        answered = result.get("node")
        if self.node is not None and answered != self.node:
            raise click.UsageError(
                f"the agent in {self.run_dir} is {answered}'s, not {self.node}'s; "
                "name the right --run-dir"
            )
        return result

    def check_node(self) -> None:
        """Make sure that the agent is that of `--node`, if it was given."""
        if self.node is not None:
            self.status()


def result_of(answer: Message) -> Message:
    """The result of an answer, with its sentence as "message". Raises `Failure` if refused."""
    message = str(answer.get("message") or "")
    if answer.get("ok") is not True:
        code = answer.get("code")
        status = code if isinstance(code, int) else Exit.UNEXPECTED
        raise Failure(status, message or "the agent refused, and did not say why")
    result = answer.get("result")
    return {**result, "message": message} if isinstance(result, dict) else {"message": message}


def target_options(command: Callable[Concatenate[Target, P], R]) -> Callable[..., R]:
    """Give a command `--config`, `--run-dir` and `--node`: one `Target`, its first argument."""

    @functools.wraps(command)
    def with_target(
        config: Path, run_dir: Path, node: str | None, *args: P.args, **others: P.kwargs
    ) -> R:
        return command(Target(config.absolute(), run_dir.absolute(), node), *args, **others)

    return config_option(run_dir_option(node_option(with_target)))


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="HAFW_CONFIG",
    default=DEFAULT_CONFIG,
    show_default=True,
    show_envvar=True,
    help="The cluster file.",
)
run_dir_option = click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    envvar="HAFW_RUN_DIR",
    default=DEFAULT_RUN_DIR,
    show_default=True,
    show_envvar=True,
    help="Where the agent's control socket is.",
)
node_option = click.option("--node", help="The node meant.  [default: what `uname -n` says]")
state_dir_option = click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    envvar="HAFW_STATE_DIR",
    default=DEFAULT_STATE_DIR,
    show_default=True,
    show_envvar=True,
    help="Where the agent keeps its state and journal.",
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON.")
