"""What is looked at: one node of a cluster file, and what its agent says, where one runs.

One rule: all checks get the same, read once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from hafw.cli.status_model import GroupStatus, Status
    from hafw.config.keys import Key
    from hafw.config.model import Cluster

HEARD: Final = frozenset({"up", "late"})
"""States of a node whose words of now are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The node with this `number`. `status`: None if no agent answers, `silence` says why."""

    config: Path
    cluster: Cluster
    number: int
    keys: tuple[Key, ...] = ()
    status: Status | None = None
    silence: str = ""

    @property
    def node(self) -> str:
        """The name of the node."""
        return self.cluster.nodes[self.number]

    @property
    def peer(self) -> str:
        """The name of the other node."""
        return self.cluster.nodes[1 - self.number]

    @property
    def hears_peer(self) -> bool:
        """Whether the agent hears the other one."""
        nodes = self.status.nodes if self.status is not None else ()
        return any(node.name == self.peer and node.state in HEARD for node in nodes)

    def group(self, number: int) -> GroupStatus | None:
        """What the agent says of a group."""
        groups = self.status.groups if self.status is not None else ()
        return next((group for group in groups if group.id == number), None)
