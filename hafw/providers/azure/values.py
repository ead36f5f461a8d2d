"""What the movers work with: a resource as it was read, and an order.

One rule: what is not ours in a resource is carried along whole, whatever it says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

Json = dict[str, Any]

SETTLED: Final = "Succeeded"
UPDATING: Final = "Updating"


@dataclass(frozen=True, slots=True)
class Document:
    """A network interface, a route table or a load balancer, as a GET showed it."""

    body: Json

    @property
    def name(self) -> str:
        """Within its resource group."""
        return str(self.body["name"])

    @property
    def id(self) -> str:
        """Its path within Azure, on which permissions are granted."""
        return str(self.body["id"])

    @property
    def etag(self) -> str:
        """What a change of it is conditional on."""
        return str(self.body["etag"])

    @property
    def state(self) -> str:
        """Its provisioningState."""
        return str(self.body["properties"].get("provisioningState", ""))

    @property
    def settled(self) -> bool:
        """Whether packets follow what it shows."""
        return self.state == SETTLED

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those of a network interface."""
        listed = self.body["properties"].get("ipConfigurations") or []
        return tuple(str(one["properties"].get("privateIPAddress", "")) for one in listed)

    def epoch(self, tag: str) -> int:
        """The epoch that wrote it last, for the VIP of `tag`; 0: none has."""
        found = re.fullmatch(r"epoch (\d+)", str((self.body.get("tags") or {}).get(tag, "")))
        return int(found[1]) if found else 0

    def changed(self, tag: str, epoch: int, **properties: object) -> Document:
        """The same with other properties, written by `epoch`."""
        return Document(
            {
                **self.body,
                "tags": {**(self.body.get("tags") or {}), tag: f"epoch {epoch}"},
                "properties": {**self.body["properties"], **properties},
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A virtual machine as it was read; `power`: the last word of its PowerState.

    `scale_set`: the path of the one that it is in; empty: none. `state`: its provisioningState.
    `disks`: the managed data disks that it lists, by their paths in small letters, as they are
    spelt in several ways: whether each of them is on its way out.
    """

    id: str
    vm_id: str
    power: str
    scale_set: str = ""
    state: str = ""
    zones: frozenset[str] = frozenset()
    disks: dict[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One order to a mover.

    `me`, `peer`: this node's network interface and the other's, or for routes their next hops.
    `tag`: the cluster, the group and the address, by which hafw knows what is its own.
    `one_call`: whether Azure may be asked to move an IP configuration by itself; `alone`: whether
    it is proved that nobody else moves it meanwhile.
    """

    address: str
    me: str
    peer: str
    epoch: int
    tag: str
    tables: tuple[str, ...] = ()
    one_call: bool = False
    alone: bool = False

    @property
    def cidr(self) -> str:
        """The address as a range of one."""
        return f"{self.address}/{128 if ':' in self.address else 32}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A managed disk as it was read: the machines that have it, by their paths in small letters.

    `shared`: several may have it. `zones`: that it is in. `everywhere`: in all of its region.
    """

    id: str
    owners: frozenset[str]
    shared: bool = False
    zones: frozenset[str] = frozenset()
    everywhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One order about a managed disk: its name, and the names of this node's machine and the other.

    `lun`: under which number this machine has it.
    """

    disk: str
    me: str
    peer: str
    lun: int
