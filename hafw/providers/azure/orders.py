"""Reads what the worker asks for: which resources, which mover, and that this is the machine.

One rule: a machine acts only for the node that the cluster file gives its name to.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import Denied, Misconfigured
from hafw.providers.azure import disk, load_balancer, metadata, nic, route
from hafw.providers.azure.values import Holding, Move

if TYPE_CHECKING:
    from types import ModuleType

    from hafw.hooks.hookspecs import VipRequest
    from hafw.hooks.placed import Placed
    from hafw.hooks.resources import ResourceRequest
    from hafw.providers.azure.api import Arm

MOVERS: Final[dict[str, ModuleType]] = {"nic": nic, "route": route}
"""Those that make calls: not `load-balancer`."""


def mover_of(request: VipRequest) -> ModuleType:
    """The module that moves this VIP. Raises Misconfigured."""
    name = str(request.options.get("mover", ""))
    if name not in MOVERS:
        known = ", ".join((*MOVERS, load_balancer.NAME))
        raise Misconfigured(f'"{name}" is no mover of azure: there are {known}')
    if name == "nic" and ip_address(request.address).version != 4:  # noqa: PLR2004
        raise Misconfigured(f"{request.address}: nic moves IPv4 addresses; use the mover route")
    return MOVERS[name]


def move_of(request: VipRequest) -> Move:
    """The order as the movers want it. Raises Misconfigured where it does not say enough."""
    each = "nic" if request.options.get("mover") == "nic" else "next_hop"
    try:
        return Move(
            address=request.address,
            me=request.own(each),
            peer=request.peers(each),
            epoch=request.epoch,
            tag=f"hafw-{request.cluster_id}-{request.group}-{request.address}",
            tables=tuple(request.options.get("route_tables", ())),
            one_call="one_call" in request.options,
            alone=request.old_holder_is_off,
        )
    except KeyError as problem:
        raise Misconfigured(f"the VIP {request.address} has no key {problem}") from None


def holding_of(request: ResourceRequest) -> Holding:
    """The order about a disk. Raises Misconfigured where it does not say enough, or no disk."""
    if request.type != disk.TYPE:
        raise Misconfigured(f'azure has no resource of the type "{request.type}", only {disk.TYPE}')
    try:
        return Holding(
            disk=str(request.options["disk"]),
            me=request.own("vm"),
            peer=request.peers("vm"),
            lun=int(str(request.options["lun"])),
        )
    except KeyError as problem:
        what = f"the {disk.TYPE} of group {request.group} has no key {problem}"
        raise Misconfigured(what) from None


def check_identity(request: Placed) -> None:
    """See that this machine is the node's. Raises Misconfigured or Retryable."""
    options = request.options
    _check(str(options["subscription"]), str(options["resource_group"]), request.own("vm"))


@lru_cache(maxsize=4)
def _check(subscription: str, group: str, name: str) -> None:
    """Once is enough."""
    found = metadata.identity()
    wanted = (subscription.lower(), group.lower(), name.lower())
    if (found.subscription, found.group, found.name) != wanted:
        raise Misconfigured(
            f"this machine is {found.name} in {found.group} of {found.subscription}; the cluster "
            f"file says that this node is {name} in {group} of {subscription}"
        )


def check_permissions(arm: Arm, scope: str, wanted: tuple[str, ...]) -> None:
    """See that what will be needed on `scope` is granted, before it is needed. Raises Denied."""
    lacking = arm.lacking(scope, wanted)
    if lacking:
        raise Denied(
            f"this node lacks {', '.join(lacking)} on {scope}: grant its managed identity the role "
            "that `hafw policy azure` writes"
        )
