"""The states of a resource group on one node, and every transition that there is.

One rule: a transition that is not in the table cannot happen; the documentation is drawn from it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from hafw.core.model import Phase


class State(StrEnum):
    """Where a group is in its life on this node."""

    CLEANING = "cleaning"
    STANDBY = "standby"
    BLOCKED = "blocked"
    STARTING = "starting"
    ACTIVE = "active"
    STOPPING = "stopping"


TRANSITIONS: Final[dict[State, dict[State, str]]] = {
    State.CLEANING: {State.STANDBY: "all that an earlier agent left is stopped"},
    State.STANDBY: {
        State.STARTING: "a certificate, and its intent is durable",
        State.BLOCKED: "the peer is silent and no certificate can be had, or maintenance",
    },
    State.BLOCKED: {
        State.STARTING: "a certificate, and its intent is durable",
        State.STANDBY: "the peer is heard, or maintenance is over",
    },
    State.STARTING: {
        State.ACTIVE: "every resource is confirmed started",
        State.STOPPING: "a start failed, the right ended, or the peer holds a higher epoch",
    },
    State.ACTIVE: {
        State.STOPPING: "the right ended, handed over, told to, or the peer holds a higher epoch",
    },
    State.STOPPING: {State.STANDBY: "every resource is confirmed stopped"},
}
"""The whole machine: the diagram in the documentation is drawn from this table."""

PHASES: Final = {
    State.CLEANING: Phase.STOPPING,
    State.STANDBY: Phase.CLEAR,
    State.BLOCKED: Phase.CLEAR,
    State.STARTING: Phase.STARTING,
    State.ACTIVE: Phase.ACTIVE,
    State.STOPPING: Phase.STOPPING,
}
"""What a node says of a group in each state."""
