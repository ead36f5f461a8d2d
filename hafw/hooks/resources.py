"""The hooks of resources other than VIPs, such as `cloud-disk`, with what they get and give.

One rule: what may be on one node at a time is never taken from a holder that could still use it,
nor from a third machine; whoever cannot prove that it is here says so with an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hafw.hooks.hookspecs import Holder, hookspec
from hafw.hooks.placed import Placed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw.hooks.placed import Option


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRequest(Placed):
    """One resource of a group, other than a VIP, on this node.

    `type`: as the cluster file has it, such as "cloud-disk". `deadline_ns`: BOOTTIME; nothing that
    was begun outlives it. `op`: which operation this is (node/incarnation/epoch/n). `certificate`:
    what a start rests on ("fenced", "released" …); empty for every other order. `nodes`: the names
    of both, `node` the number of this one. `options`: what the cluster file says of it; a value for
    each node is a tuple in the order of `nodes`.
    """

    type: str
    cluster_id: str
    group: int
    epoch: int
    deadline_ns: int
    op: str = ""
    certificate: str = ""
    node: int = 0
    nodes: tuple[str, str] = ("", "")
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceReceipt:
    """The operation is confirmed by reading back; `changed` says whether it had anything to do.

    `detail`: for the journal, such as the ids of requests that a cloud's support asks for.
    """

    changed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceObservation:
    """What a probe found; `who` names the other holder or says why it is unknown.

    PEER: anybody but this node, a third machine included.
    """

    holder: Holder
    who: str = ""


@hookspec
def hafw_resource_warm(requests: tuple[ResourceRequest, ...]) -> None:
    """Prepare what a start would need: imports, credentials, connections.

    Called and called again as `hafw_warm` is, with all that this plugin has in the cluster file or
    with what one group has. Raises `ProviderError`: this node does not take it then, and says why.
    """


@hookspec(firstresult=True)
def hafw_resource_start(request: ResourceRequest) -> ResourceReceipt | None:
    """Bring the resource to this node and prove by reading back that it is here. Idempotent.

    Where the other node has it, it is taken from there only if `request.old_holder_is_off`, and is
    seen to be nowhere before it comes here; without that proof, or where a third machine has it:
    `Conflict`, which names who. A lost answer is resolved by reading, never by sending again.
    """


@hookspec(firstresult=True)
def hafw_resource_stop(request: ResourceRequest) -> ResourceReceipt | None:
    """Take the resource off this node and prove by reading back that it is gone. Idempotent.

    What the other node has, or anybody else, is left alone.
    """


@hookspec(firstresult=True)
def hafw_resource_probe(request: ResourceRequest) -> ResourceObservation | None:
    """Say who has the resource now. An error while asking is UNKNOWN, never FREE."""


@hookspec(firstresult=True)
def hafw_resource_plan(request: ResourceRequest) -> tuple[str, ...] | None:
    """The calls that a start would make now, one sentence each, without making them."""
