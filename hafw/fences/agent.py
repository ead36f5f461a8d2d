"""The fence `agent`: any fence agent of ClusterLabs (the package `fence-agents`), as a program.

One rule: its parameters go in by standard input, and its exit status is believed for what it means:
after `off` the state is read again, with `status`, as that of every other device.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from hafw.fence_options import Options
from hafw.fence_rounds import look, switch_off
from hafw.fences import programs
from hafw.hooks.errors import Misconfigured, Retryable, UnknownOutcome
from hafw.hooks.hookspecs import FenceReceipt, FenceRequest, Power, hookimpl

if TYPE_CHECKING:
    from hafw.fences.programs import Ended

METHOD: Final = "agent"
OPTIONS: Final = ("agent",)
PARAMETERS: Final = "parameters."
SECRETS: Final = "secrets."
PREFIXES: Final = (PARAMETERS, SECRETS)
OURS: Final = ("action", "option", "delay")
"""What hafw decides: what is done (by its new and its old name), and when."""
TARGETS: Final = ("plug", "port", "ip", "ipaddr", "systems_uri")
"""The parameters that say which machine is meant, by their new and old names."""
NOT_POWER: Final = frozenset(
    {
        "fence_scsi",
        "fence_mpath",
        "fence_kdump",
        "fence_sanbox2",
        "fence_brocade",
        "fence_ack_manual",
    }
)
"""Agents whose "off" leaves the machine running: without storage, and still with its address."""

_NAME: Final = re.compile(r"fence_[A-Za-z0-9_]+")
_ON, _OFF = 0, 2
"""Exit status of `status`; 1 is any failure."""


class Agent:
    """One agent and its parameters, for one request."""

    method = METHOD

    def __init__(self, request: FenceRequest) -> None:
        """Raises Misconfigured or Denied for options that cannot work."""
        options = Options(request, OPTIONS, PREFIXES)
        self._request = request
        self._name = options.text("agent")
        if _NAME.fullmatch(self._name) is None:
            raise Misconfigured(f'"{self._name}" is no fence agent; write as in "fence_apc_snmp"')
        if self._name in NOT_POWER:
            raise Misconfigured(
                f"{self._name} does not switch the machine off: it would go on answering for its "
                "addresses; use an agent that controls its power"
            )
        self._program = programs.find(self._name, "fence-agents")
        self._parameters: dict[str, str] = {}
        for key, value in request.options.items():
            if key.startswith(PARAMETERS):
                self._add(key.removeprefix(PARAMETERS), _spelt(value), is_secret=False)
            elif key.startswith(SECRETS):
                self._add(key.removeprefix(SECRETS), options.secret(key), is_secret=True)
        self._target = " ".join(
            f"{key} {self._parameters[key]}" for key in TARGETS if key in self._parameters
        )

    def identity(self) -> str:
        """What the parameters say: an agent tells nothing else."""
        return f"{PurePath(self._program).name} {self._target}".rstrip()

    def read(self) -> tuple[Power, str]:
        """Exit status 0 is on, 2 is off."""
        try:
            ended = self._run("status")
        except TimeoutError as problem:
            raise Retryable(f"{self._name}: {problem}", 1.0) from None
        if ended.status not in (_ON, _OFF):
            raise Retryable(f"{self._name} status failed: {ended.last_line}", 1.0)
        return (Power.ON, "on") if ended.status == _ON else (Power.OFF, "off")

    def order_off(self) -> None:
        """An agent that fails may have switched it off all the same."""
        try:
            ended = self._run("off")
        except TimeoutError as problem:
            raise UnknownOutcome(f"{self._name}: {problem}") from None
        if ended.status:
            raise UnknownOutcome(f"{self._name} off failed: {ended.last_line}")

    def _add(self, name: str, value: str, *, is_secret: bool) -> None:
        """Refuse what would say something else than it seems to, or should not be said here."""
        if name in OURS:
            raise Misconfigured(f'the parameter "{name}" is not the cluster file\'s to give')
        if not name.isidentifier() or not value.isprintable():
            raise Misconfigured(f'the parameter "{name}" or its value is not one printable line')
        if "passw" in name and not is_secret:
            raise Misconfigured(f'"{name}" belongs into a file of its own: secrets.{name} = …')
        self._parameters[name] = value

    def _run(self, action: str) -> Ended:
        lines = "".join(f"{key}={value}\n" for key, value in self._parameters.items())
        return programs.run([self._program], self._request.deadline_ns, f"{lines}action={action}\n")


def _spelt(value: str | int | bool) -> str:  # noqa: FBT001 - an option's value
    """As agents want it: 1 for true."""
    return str(int(value)) if isinstance(value, bool) else str(value)


@hookimpl
def hafw_fence_warm(request: FenceRequest) -> None:
    """Refuse what cannot work."""
    Agent(request)


@hookimpl
def hafw_fence_off(request: FenceRequest) -> FenceReceipt:
    """Action off, then status until it is off."""
    return switch_off(Agent(request), request)


@hookimpl
def hafw_fence_status(request: FenceRequest) -> FenceReceipt:
    """Action status."""
    return look(Agent(request), request)
