"""What the bench asks of a program that moves an address.

Rule: each peer is configured as well as its manual allows for the same detection budget; where it
cannot have that budget, its own is named beside its figures.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hafw.core.settings import Timing
    from hafw_sim.lab.lab import Lab

_PROGRAM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/usr/libexec/heartbeat"
"""Daemons are rarely on the PATH of an ordinary user."""


class Deployment(Protocol):
    """A peer on both nodes of one lab, its configuration written, nothing running yet."""

    def start(self, name: str) -> None:
        """Start it on one node; need not wait."""

    def ready(self) -> bool:
        """Whether, by its own word, the other node would take over now."""

    def hand_over(self, owner: str) -> None:
        """Let the owner give the address to the other node, by the peer's own command."""

    def stop(self, name: str) -> None:
        """Stop it on one node in good order; need not wait."""

    def account(self) -> Mapping[str, int]:
        """What it counted of its own troubles since the start, both nodes together."""


class Peer(Protocol):
    """A program that moves an address between two nodes."""

    name: str
    note: str
    """What a reader must know to judge its figures."""
    reflected: bool
    """Whether it is to have a gateway that reflects heartbeats."""
    commands: bool
    """Whether it has a command for a planned switchover."""
    starts_alone: bool
    """Whether one node alone takes the address when it never heard the other."""

    def missing(self) -> str | None:
        """What must be done before it can be measured; None if nothing."""

    def version(self) -> str:
        """Its version."""

    def detection_ns(self, timing: Timing) -> int:
        """How long after the last heartbeat it takes over, by its own rule."""

    def configured(self, timing: Timing) -> str:
        """Its configuration in the words of its manual."""

    def part(self, command: str) -> str:
        """What the process with this command line is to it."""

    def deploy(self, lab: Lab, directory: Path, timing: Timing) -> Deployment:
        """Write its configuration for both nodes below `directory`."""


def program(name: str) -> str | None:
    """Where a daemon is installed; None if it is not."""
    return shutil.which(name, path=_PROGRAM_PATH)
