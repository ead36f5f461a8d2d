"""The cluster file as values: what an operator decided, parsed and checked.

One rule: a `Cluster` exists only when the whole file was right; nothing here reads or judges.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import TYPE_CHECKING, Final

from hafw.core.settings import SECOND, Timing

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from hafw.config.problems import Problem

IPAddress = IPv4Address | IPv6Address
IPInterface = IPv4Interface | IPv6Interface

DEFAULT_PORT: Final = 7410
"""UDP port of the heartbeats where the file names none (design decision; unassigned at IANA)."""

DEFAULT_LEASE_TTL_NS: Final = 20 * SECOND
"""Twice the default deadtime: the store may be away for one of them."""

DEFAULT_FENCE_DELAY_NS: Final = 5 * SECOND
"""Longer than a device needs to switch a machine off."""

PILL_METHOD: Final = "sbd"
"""The fence that needs a watchdog in its target."""

DEFAULT_KEY_FILE: Final = "/etc/hafw/cluster.key"


class Mode(StrEnum):
    """What the operator expects of the groups; a check, not a behaviour."""

    ACTIVE_PASSIVE = "active-passive"
    ACTIVE_ACTIVE = "active-active"


class Protection(StrEnum):
    """What the operator accepts beyond what the cluster can prove, or demands of each proof."""

    BEST_EFFORT = "best-effort"
    FENCED_AND_LEASED = "fenced+leased"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEnd:
    """One node's end of a heartbeat link."""

    interface: str
    address: IPAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A heartbeat link: one end for each node, in the order of `Cluster.nodes`."""

    ends: tuple[LinkEnd, LinkEnd]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """The ping nodes. If one reflects, it is the first of `addresses`.

    `switchover`: the node that sees fewer ping nodes hands its groups over while the links live.
    """

    addresses: tuple[IPAddress, ...] = ()
    reflect: IPAddress | None = None
    switchover: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """What gives the right to take over in silence: a lease at the store with the URL `lease`."""

    lease: str
    lease_ttl_ns: int = DEFAULT_LEASE_TTL_NS

    @property
    def store(self) -> str:
        """The name of the plugin that serves it."""
        return self.lease.partition(":")[0]


class Force(StrEnum):
    """What an operator insists on against the rules, by its name."""

    STORAGE_WITHOUT_FENCING = "storage-without-fencing"


ResourceOption = str | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vip:
    """A virtual IP. `interfaces` names where it goes on each node, in the order of the nodes.

    `options`: what the provider needs, sorted by key; what differs by node in the nodes' order.
    """

    provider: str
    address: IPInterface
    interfaces: tuple[str, str]
    options: tuple[tuple[str, ResourceOption], ...] = ()
    type: str = "vip"

    @property
    def name(self) -> str:
        """What people call it: the address."""
        return str(self.address.ip)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudDisk:
    """A disk of a cloud, attached to the machine of the node that has the group.

    `options`: as those of a VIP.
    """

    provider: str
    options: tuple[tuple[str, ResourceOption], ...]
    type: str = "cloud-disk"

    @property
    def name(self) -> str:
        """What people call it: the volume's id, or the disk's name."""
        options = dict(self.options)
        return str(options.get("volume", options.get("disk", "")))


Resource = Vip | CloudDisk
"""Anything that a group owns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A resource group. `preferred` is the number of a node; resources start in this order.

    `force`: the rule that does not count for this group.
    """

    id: int
    preferred: int
    resources: tuple[Resource, ...]
    auto_failback: bool = False
    force: Force | None = None

    @property
    def vips(self) -> tuple[Vip, ...]:
        """Those of its resources that are VIPs."""
        return tuple(each for each in self.resources if isinstance(each, Vip))


FenceOption = str | int | bool


@dataclass(frozen=True, slots=True)
class Fence:
    """One method to switch a node off, and how long it may take.

    `options` are sorted by name; a value in a table of its own is named "table.key".
    """

    method: str
    options: tuple[tuple[str, FenceOption], ...]
    timeout_ns: int


@dataclass(frozen=True, slots=True)
class Watchdog:
    """What switches a node off unless its agent pets it; it counts whole seconds."""

    device: Path
    timeout_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The whole file. Nodes are numbered 0 and 1 in the order in which the file names them.

    `fences`: how each node is switched off by the other: levels, tried in this order.
    `watchdogs`: what each node arms for the fence `sbd`.
    `control_group`: the user group whose members may give orders to an agent, beside root.
    """

    name: str
    id: UUID
    key_file: Path
    nodes: tuple[str, str]
    links: tuple[Link, ...]
    groups: tuple[Group, ...]
    port: int = DEFAULT_PORT
    mode: Mode = Mode.ACTIVE_PASSIVE
    protection: Protection | None = None
    ping: Ping = Ping()
    timing: Timing = Timing()
    authority: Authority | None = None
    fence_delay_ns: int = DEFAULT_FENCE_DELAY_NS
    fences: tuple[tuple[Fence, ...], tuple[Fence, ...]] = ((), ())
    watchdogs: tuple[Watchdog | None, Watchdog | None] = (None, None)
    control_group: str | None = None
    warnings: tuple[Problem, ...] = field(default=(), compare=False)

    def node_number(self, name: str) -> int:
        """The number of the node called `name`, whatever its case. Raises `UnknownNode`."""
        for number, node in enumerate(self.nodes):
            if node.casefold() == name.casefold():
                return number
        raise UnknownNode(name, self.nodes)

    def pill_disk(self, number: int) -> str | None:
        """The disk on which a node looks for poison pills; None if nobody writes any."""
        for level in self.fences[number]:
            if level.method == PILL_METHOD:
                return str(dict(level.options)["device"])
        return None

    def group(self, group_id: int) -> Group:
        """The group with this id. Raises KeyError when there is none."""
        for group in self.groups:
            if group.id == group_id:
                return group
        raise KeyError(group_id)


class UnknownNode(LookupError):
    """This machine (or `--node`) is not in the cluster file."""

    def __init__(self, name: str, nodes: tuple[str, str]) -> None:
        super().__init__(
            f'"{name}" is no node of this cluster; its nodes are {nodes[0]} and {nodes[1]}. '
            "Names must equal `uname -n`; name another with --node."
        )
