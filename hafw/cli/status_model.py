"""What a status answer contains, as far as the command line reads it.

One rule: an agent may say more than this, and an older one less; neither is an error.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hafw.cli.exits import Exit, Failure

SCHEMA: Final = "hafw.status/1"
"""Names the form of `hafw status --json`; a change that breaks readers changes the number."""


class MaintenanceStatus(msgspec.Struct, frozen=True):
    """Whether groups are kept from moving. `remaining_s` None: until it is switched off."""

    on: bool = False
    remaining_s: int | None = None
    by: str | None = None


class ClusterStatus(msgspec.Struct, frozen=True):
    """The cluster as a whole. `drift`: the nodes run different cluster files."""

    name: str
    mode: str
    protection: str = ""
    config_hash: str = ""
    drift: bool = False
    maintenance: MaintenanceStatus = MaintenanceStatus()


class NodeStatus(msgspec.Struct, frozen=True):
    """One node. `active`: it owns a group. `owns`: none, local, foreign, all, transition."""

    name: str
    role: str = ""
    service: str = ""
    state: str = ""
    active: bool = False
    owns: str = "none"


class VipStatus(msgspec.Struct, frozen=True):
    """A virtual IP, and the node that has it."""

    address: str
    owner: str | None = None


class ResourceStatus(msgspec.Struct, frozen=True):
    """Anything that the group owns."""

    type: str
    name: str = ""
    provider: str = ""


class LeaseStatus(msgspec.Struct, frozen=True):
    """A group's lease, as the node that was asked read it last."""

    store: str = ""
    state: str = ""
    holder: str | None = None
    epoch: int = 0
    answered_ms: float | None = None


class GroupStatus(msgspec.Struct, frozen=True):
    """One resource group, as the node that was asked sees it.

    `forced`: the rule that it is without.
    """

    id: int
    preferred: str
    owner: str | None = None
    state: str = ""
    epoch: int = 0
    certificate: str | None = None
    protection: str = ""
    forced: str | None = None
    vips: list[VipStatus] = []
    resources: list[ResourceStatus] = []
    lease: LeaseStatus | None = None


class LinkStatus(msgspec.Struct, frozen=True):
    """A heartbeat link. `late`: how many beats came after warntime."""

    name: str
    interface: str = ""
    peer: str = ""
    state: str = ""
    last_heard_ms: float | None = None
    late: int = 0


class PingStatus(msgspec.Struct, frozen=True):
    """A ping node. `reflects`: heartbeats come back by way of it; None if it is not asked to."""

    address: str
    state: str = ""
    reflects: bool | None = None


class TakeoverStatus(msgspec.Struct, frozen=True, rename={"from_node": "from", "to_node": "to"}):
    """The newest change of owner. `phases_ms`: where the time went, in order."""

    group: int | None = None
    from_node: str | None = None
    to_node: str | None = None
    at: str = ""
    certificate: str = ""
    cause: str = ""
    phases_ms: dict[str, float] = {}


class Warned(msgspec.Struct, frozen=True):
    """Something an operator should know, and what to do next."""

    text: str
    next: str = ""


class AgentStatus(msgspec.Struct, frozen=True):
    """The agent that answered: what it was given by this machine, and what it dropped."""

    worker: str = ""
    gate: str = ""
    scheduling: str = ""
    dropped: dict[str, int] = {}


class Status(msgspec.Struct, frozen=True):
    """The whole answer."""

    cluster: ClusterStatus
    node: str
    nodes: list[NodeStatus] = []
    groups: list[GroupStatus] = []
    links: list[LinkStatus] = []
    ping: list[PingStatus] = []
    last_takeover: TakeoverStatus | None = None
    warnings: list[Warned] = []
    agent: AgentStatus = AgentStatus()


def read_status(result: dict[str, object]) -> Status:
    """The answer as values. Raises `Failure` where it has not the form of this version."""
    try:
        return msgspec.convert(result, Status)
    except msgspec.ValidationError as error:
        raise Failure(
            Exit.UNEXPECTED,
            f"the agent's status is not understood ({error}); agent and command line are probably "
            "of different versions, `hafw status --json` shows it as it is",
        ) from error


def exit_of(status: Status) -> Exit:
    """What `hafw status` ends with: no owner is worse than degraded, degraded worse than ok."""
    if any(group.owner is None for group in status.groups):
        return Exit.NO_OWNER
    up = [
        *(node.state in {"up", "active"} for node in status.nodes),
        *(link.state == "up" for link in status.links),
        *(ping.state == "up" for ping in status.ping),
        *(group.state == "active" for group in status.groups if group.owner == status.node),
        not status.warnings,
        not status.cluster.maintenance.on,
    ]
    return Exit.OK if all(up) else Exit.DEGRADED
