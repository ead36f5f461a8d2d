"""What the movers work with: machines, their interfaces and disks, routes.

One rule: an alias range that is not ours is carried along whole, whatever it says.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One of the two instances, as the cluster file fixes it."""

    project: str
    zone: str
    name: str
    nic: str = "nic0"

    def __str__(self) -> str:
        """As a link within the project names it."""
        return f"zones/{self.zone}/instances/{self.name}"

    @property
    def link(self) -> str:
        """As requests refer to it."""
        return f"projects/{self.project}/{self}"


@dataclass(frozen=True, slots=True)
class Alias:
    """An alias IP range; `secondary`: the subnetwork's secondary range that it is taken from."""

    cidr: str
    secondary: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface as it was read: what a change is conditional on."""

    fingerprint: str
    aliases: tuple[Alias, ...]

    def has(self, cidr: str) -> bool:
        """Is `cidr`, one host, an alias of it?"""
        bare = cidr.partition("/")[0]
        return any(alias.cidr in (cidr, bare) for alias in self.aliases)

    def without(self, cidr: str) -> tuple[Alias, ...]:
        """The aliases less `cidr`."""
        bare = cidr.partition("/")[0]
        return tuple(alias for alias in self.aliases if alias.cidr not in (cidr, bare))


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """An instance as it was read.

    `created_by`: the path of what made it; empty: a person. `devices`: the device names of its
    persistent disks, by their links.
    """

    id: int
    status: str
    can_ip_forward: bool
    interfaces: dict[str, Interface]
    created_by: str = ""
    local_ssds: int = 0
    devices: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A static route; `next_hop`: the link of an instance, or empty: it goes elsewhere."""

    name: str
    network: str
    dest_range: str
    priority: int
    next_hop: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One order to a mover: this node, the other one, and until when.

    `owner`: the cluster and the group, by which hafw knows what is its own. `secondary`, `network`:
    see `docs/gcp.md`.
    """

    address: str
    me: Machine
    peer: Machine
    epoch: int
    owner: str
    deadline_ns: int
    secondary: str = ""
    network: str = "default"

    @property
    def cidr(self) -> str:
        """The address as a range of one."""
        return f"{self.address}/{128 if ':' in self.address else 32}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A persistent disk, as the cluster file fixes it; `region`: empty for a disk of a zone."""

    project: str
    name: str
    zone: str = ""
    region: str = ""

    def __str__(self) -> str:
        """As a link within the project names it."""
        place = f"regions/{self.region}" if self.region else f"zones/{self.zone}"
        return f"{place}/disks/{self.name}"

    @property
    def link(self) -> str:
        """As requests refer to it."""
        return f"projects/{self.project}/{self}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A disk as it was read: the links of the instances that have it, and the zones it is for.

    `shared`: several may have it for writing.
    """

    users: frozenset[str]
    zones: frozenset[str]
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One order about a disk: this node, the other one, and until when."""

    disk: Disk
    me: Machine
    peer: Machine
    deadline_ns: int
