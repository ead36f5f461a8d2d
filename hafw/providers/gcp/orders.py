"""Reads what the worker asks for: which machines, which mover, and that this is one of them.

One rule: an instance acts only for the node that the cluster file gives its name to.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import Denied, Misconfigured
from hafw.providers.gcp import alias_ip, disk, health_check, metadata, route
from hafw.providers.gcp.calls import MOVER_CALLS, ON_INSTANCE
from hafw.providers.gcp.values import Disk, Holding, Machine, Move

if TYPE_CHECKING:
    from types import ModuleType

    from hafw.hooks.hookspecs import VipRequest
    from hafw.hooks.placed import Placed
    from hafw.hooks.resources import ResourceRequest
    from hafw.providers.gcp.api import Compute
    from hafw.providers.gcp.calls import Call
    from hafw.providers.gcp.values import Server

MOVERS: Final[dict[str, ModuleType]] = {"alias-ip": alias_ip, "route": route}
NIC: Final = "nic0"
NETWORK: Final = "default"


def endpoint_of(request: Placed) -> str:
    """Where the API is; empty: where Google has it."""
    return str(request.options.get("endpoint", ""))


def mover_of(request: VipRequest) -> ModuleType:
    """The module that moves this VIP. Raises Misconfigured."""
    name = str(request.options.get("mover", ""))
    if name not in MOVERS:
        known = ", ".join((*MOVERS, health_check.NAME))
        raise Misconfigured(f'"{name}" is no mover of gcp; there are {known}')
    if name == "alias-ip" and ip_address(request.address).version != 4:  # noqa: PLR2004
        raise Misconfigured(f"{request.address}: alias IP ranges are IPv4; use the mover route")
    return MOVERS[name]


def move_of(request: VipRequest, deadline_ns: int | None = None) -> Move:
    """The order as the movers want it. Raises Misconfigured where it does not say enough."""
    try:
        return Move(
            address=request.address,
            me=_machine(request, request.node),
            peer=_machine(request, 1 - request.node),
            epoch=request.epoch,
            owner=f"{request.cluster_id}/{request.group}",
            deadline_ns=request.deadline_ns if deadline_ns is None else deadline_ns,
            secondary=str(request.options.get("secondary_range", "")),
            network=str(request.options.get("network", NETWORK)),
        )
    except KeyError as problem:
        raise Misconfigured(f"the VIP {request.address} has no key {problem}") from None


def holding_of(request: ResourceRequest, deadline_ns: int | None = None) -> Holding:
    """The order about a disk. Raises Misconfigured where it does not say enough, or no disk."""
    options = request.options
    if request.type != disk.TYPE:
        raise Misconfigured(f'gcp has no resource of the type "{request.type}", only {disk.TYPE}')
    try:
        me, peer = _machine(request, request.node), _machine(request, 1 - request.node)
        name, region = str(options["disk"]), str(options.get("region", ""))
    except KeyError as problem:
        raise Misconfigured(
            f"the {disk.TYPE} of group {request.group} has no key {problem}"
        ) from None
    if not region and me.zone != peer.zone:
        raise Misconfigured(
            f"the disk {name} is of one zone, and the nodes are in {me.zone} and {peer.zone}: put "
            "both into one zone, or use a regional disk and name its region"
        )
    zone = "" if region else me.zone
    return Holding(
        disk=Disk(project=me.project, name=name, zone=zone, region=region),
        me=me,
        peer=peer,
        deadline_ns=request.deadline_ns if deadline_ns is None else deadline_ns,
    )


@lru_cache(maxsize=4)
def check_identity(me: Machine) -> None:
    """See that this instance is `me`; once is enough. Raises Misconfigured or Retryable."""
    found = metadata.identity()
    if (found.project, found.zone, found.name) != (me.project, me.zone, me.name):
        raise Misconfigured(
            f"this instance is {found.name} in {found.zone} of {found.project}; the cluster file "
            f"says that this node is {me.name} in {me.zone} of {me.project}"
        )


def mover_calls(request: VipRequest) -> tuple[Call, ...]:
    """The calls that this VIP's mover makes."""
    return MOVER_CALLS[str(request.options["mover"])]


def check_server(request: VipRequest, move: Move, server: Server) -> None:
    """See that this node's instance is what the mover needs. Raises Misconfigured."""
    if request.options["mover"] == "route" and not server.can_ip_forward:
        raise Misconfigured(
            f"{move.me} does not take packets for other addresses than its own: set canIpForward"
        )
    if request.options["mover"] == "alias-ip" and move.me.nic not in server.interfaces:
        raise Misconfigured(f"{move.me} has no network interface {move.me.nic}")


def check_permissions(
    compute: Compute, machine: Machine, calls: tuple[Call, ...], until_ns: int
) -> None:
    """See that what `calls` need on an instance is granted, before it is needed. Raises Denied.

    What they need on a network or on the project cannot be asked.
    """
    every = {permission for call in calls for permission in call.permissions}
    wanted = tuple(sorted(every & ON_INSTANCE))
    lacking = compute.lacking(machine, wanted, until_ns)
    if lacking:
        raise Denied(
            f"this node lacks {', '.join(lacking)} on {machine.link}: grant its service account "
            "the role that `hafw policy gcp` writes"
        )


def _machine(request: Placed, node: int) -> Machine:
    options = request.options
    return Machine(
        project=str(options["project"]),
        zone=options["zone"][node],
        name=options["instance"][node],
        nic=options["nic"][node] if "nic" in options else NIC,
    )
