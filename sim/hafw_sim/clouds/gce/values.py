"""What the model keeps: instances, their interfaces, disks, routes; and how the API writes them.

One rule: values are frozen, so an old state is kept by keeping the reference.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Json = dict[str, Any]

ROOT: Final = "https://www.googleapis.com/compute/v1"
"""What links in answers begin with, whatever the address of the server."""


class Guest(StrEnum):
    """Whether the operating system on an instance obeys a request to shut down."""

    OBEYS = "obeys"
    HANGS = "hangs"
    """It ignores the request; a stop without a graceful shutdown ends it."""
    NEVER_STOPS = "never stops"
    """Neither ends it: whether real ones can be like that is not known; see `docs/gcp.md`."""


@dataclass(frozen=True, slots=True)
class Alias:
    """An alias IP range; `secondary`: the subnetwork's range that it comes from, or its primary."""

    cidr: str
    secondary: str = ""

    def json(self) -> Json:
        """As a network interface shows it."""
        shown: Json = {"ipCidrRange": self.cidr}
        return shown | ({"subnetworkRangeName": self.secondary} if self.secondary else {})


@dataclass(frozen=True, slots=True)
class Nic:
    """A network interface; `serial` rises at every change and makes the fingerprint.

    `ranges`: the subnetwork's, by name; its primary has none.
    """

    address: str
    aliases: tuple[Alias, ...] = ()
    name: str = "nic0"
    network: str = "default"
    ranges: tuple[tuple[str, str], ...] = (("", "10.0.0.0/24"), ("pods", "10.8.0.0/24"))
    serial: int = 1

    @property
    def fingerprint(self) -> str:
        """Opaque to clients: it says only whether the interface is still the one that was read."""
        return base64.b64encode(f"{self.address}/{self.serial}".encode()).decode()

    def json(self, project: str) -> Json:
        """As `instances.get` shows it."""
        links = f"{ROOT}/projects/{project}"
        shown: Json = {
            "kind": "compute#networkInterface",
            "name": self.name,
            "network": f"{links}/global/networks/{self.network}",
            "subnetwork": f"{links}/regions/europe-west1/subnetworks/{self.network}",
            "networkIP": self.address,
            "fingerprint": self.fingerprint,
        }
        if self.aliases:
            shown["aliasIpRanges"] = [alias.json() for alias in self.aliases]
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A virtual machine. `resets`: how often it was reset; no call shows that.

    `created_by`: the path of the managed group that made it; empty: a person did.
    """

    name: str
    nics: tuple[Nic, ...]
    id: int = 0
    zone: str = "europe-west1-b"
    status: str = "RUNNING"
    guest: Guest = Guest.OBEYS
    can_ip_forward: bool = True
    created_by: str = ""
    local_ssds: int = 0
    resets: int = 0

    @property
    def path(self) -> str:
        """Within the project."""
        return f"zones/{self.zone}/instances/{self.name}"

    def json(self, project: str, disks: Iterable[Disk] = ()) -> Json:
        """As `instances.get` shows it; `disks`: all that there are."""
        links = f"{ROOT}/projects/{project}/zones/{self.zone}"
        attached = [disk.shown_at(project, self.path) for disk in disks if self.path in disk.users]
        return {
            "kind": "compute#instance",
            "id": str(self.id),
            "name": self.name,
            "zone": links,
            "selfLink": f"{links}/instances/{self.name}",
            "status": self.status,
            "canIpForward": self.can_ip_forward,
            "networkInterfaces": [nic.json(project) for nic in self.nics],
            "disks": [
                {"type": "PERSISTENT", "boot": True, "deviceName": "boot"},
                *[{"type": "SCRATCH"}] * self.local_ssds,
                *attached,
            ],
            "metadata": {
                "items": [{"key": "created-by", "value": self.created_by}] * bool(self.created_by)
            },
        }


def pair() -> tuple[Instance, Instance]:
    """Two instances in two zones of one subnetwork, with aliases that are not hafw's."""
    return (
        Instance(name="vm-a", nics=(Nic("10.0.0.2", (Alias("10.0.0.90/32"),)),)),
        Instance(
            name="vm-b",
            nics=(Nic("10.0.0.3", (Alias("10.8.0.7/32", "pods"),)),),
            zone="europe-west1-c",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A persistent disk of a zone, or of a region with replicas in two `zones`.

    `users`: under which device name it is attached to which instances, by their paths.
    """

    name: str
    zones: tuple[str, ...] = ("europe-west1-b", "europe-west1-c")
    users: Mapping[str, str] = field(default_factory=dict)
    access_mode: str = "READ_WRITE_SINGLE"
    id: int = 0

    @property
    def place(self) -> str:
        """Its zone, or its region, within the project."""
        if len(self.zones) == 1:
            return f"zones/{self.zones[0]}"
        return f"regions/{self.zones[0].rpartition('-')[0]}"

    @property
    def path(self) -> str:
        """Within the project."""
        return f"{self.place}/disks/{self.name}"

    def json(self, project: str) -> Json:
        """As `disks.get` and `regionDisks.get` show it."""
        links = f"{ROOT}/projects/{project}"
        kind = self.place.partition("s/")[0]
        shown: Json = {
            "kind": "compute#disk",
            "id": str(self.id),
            "name": self.name,
            kind: f"{links}/{self.place}",
            "selfLink": f"{links}/{self.path}",
            "status": "READY",
            "accessMode": self.access_mode,
        }
        if kind == "region":
            shown["replicaZones"] = [f"{links}/zones/{zone}" for zone in self.zones]
        if self.users:
            shown["users"] = [f"{links}/{user}" for user in self.users]
        return shown

    def shown_at(self, project: str, instance: str) -> Json:
        """As the instance that it is attached to shows it."""
        return {
            "type": "PERSISTENT",
            "mode": "READ_WRITE",
            "source": f"{ROOT}/projects/{project}/{self.path}",
            "deviceName": self.users[instance],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A static route; traffic goes by the one with the lowest priority number."""

    name: str
    dest_range: str
    next_hop: str
    priority: int = 1000
    network: str = "default"
    description: str = ""
    id: int = 0

    def json(self, project: str) -> Json:
        """As `routes.list` shows it; `next_hop` is the instance's path within the project."""
        links = f"{ROOT}/projects/{project}"
        return {
            "kind": "compute#route",
            "id": str(self.id),
            "name": self.name,
            "destRange": self.dest_range,
            "priority": self.priority,
            "network": f"{links}/global/networks/{self.network}",
            "nextHopInstance": f"{links}/{self.next_hop}",
            "description": self.description,
            "selfLink": f"{links}/global/routes/{self.name}",
        }


@dataclass(slots=True, kw_only=True)
class Operation:
    """A change under way: it takes effect when it ends, and may end with an error."""

    id: int
    kind: str
    scope: str
    target: str
    request: tuple[str, ...]
    inserted_s: float
    starts_s: float
    ends_s: float
    done: bool = False
    error: tuple[str, str] | None = None
    touches: frozenset[str] = field(default_factory=frozenset)

    @property
    def name(self) -> str:
        """What `zoneOperations.get` knows it by."""
        return f"operation-{self.id}"

    def json(self, project: str, now_s: float) -> Json:
        """As every change answers it, and `zoneOperations.get` and `wait` do."""
        running = "RUNNING" if now_s >= self.starts_s else "PENDING"
        shown: Json = {
            "kind": "compute#operation",
            "id": str(self.id),
            "name": self.name,
            "operationType": self.kind,
            "targetLink": f"{ROOT}/projects/{project}/{self.target}",
            "selfLink": f"{ROOT}/projects/{project}/{self.scope}/operations/{self.name}",
            "status": "DONE" if self.done else running,
            "progress": 100 if self.done else 0,
            "insertTime": datetime.fromtimestamp(self.inserted_s, UTC).isoformat(),
        }
        if self.scope.startswith("zones/"):
            shown["zone"] = f"{ROOT}/projects/{project}/{self.scope}"
        if self.error is not None:
            code, message = self.error
            shown["error"] = {"errors": [{"code": code, "message": message}]}
            shown["httpErrorStatusCode"] = 400
            shown["httpErrorMessage"] = "BAD REQUEST"
        return shown
