"""What `hafw precheck` asks Azure: identity, credentials, permissions, forwarding, disks, restarts.

One rule: everything is a read; Azure itself says which permissions are granted where.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from hafw import hostaddress
from hafw.hooks.errors import ProviderError
from hafw.hooks.findings import Findings
from hafw.hooks.hookspecs import Holder
from hafw.providers.azure import fence, load_balancer, metadata
from hafw.providers.azure.calls import FENCE_CALLS
from hafw.providers.azure.disk import check_alone, scopes
from hafw.providers.azure.orders import holding_of, move_of, mover_of

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import FenceRequest, VipRequest
    from hafw.hooks.placed import Placed
    from hafw.hooks.resources import ResourceRequest
    from hafw.providers.azure.api import Arm
    from hafw.providers.azure.disk_api import Disks
    from hafw.providers.azure.values import Holding, Move

TIMESTAMPS: Final = Path("/proc/sys/net/ipv4/tcp_timestamps")
SOON_S: Final = 300.0
"""A token that was just asked for and ends sooner is not renewed: Azure's last an hour or more."""


def credentials(arm: Arm) -> Findings:
    """Whether a token can be had, and how long it lasts."""
    notes = Findings("azure")
    try:
        left_s = arm.token_left_s()
    except ProviderError as problem:
        notes.refused("azure.credentials", problem)
        return notes
    if left_s is None:
        notes.ok("azure.credentials", "none are needed by plain HTTP")
    elif left_s < SOON_S:
        remedy = "give this machine a managed identity (docs/azure.md)"
        notes.warn("azure.credentials", f"the token ends in {left_s:.0f} s", remedy)
    else:
        notes.ok("azure.credentials", f"a token is had, and lasts {left_s / 60:.0f} minutes")
    return notes


def vip(request: VipRequest, arm: Arm) -> Findings:
    """One VIP: who this machine is, what it may do where, and what its mover needs."""
    notes, move = Findings(f"VIP {request.address}"), move_of(request)
    _identity(request, notes)
    try:
        for scope, wanted in mover_of(request).scopes(arm, move):
            _permissions(arm, scope, wanted, notes)
    except ProviderError as problem:
        notes.refused("azure.permissions", problem)
    if request.options["mover"] == "route":
        try:
            forwarding(arm, move, notes)
        except ProviderError as problem:
            notes.refused("azure.forwarding", problem)
    return notes


def balanced(request: VipRequest, arm: Arm) -> Findings:
    """One VIP behind a load balancer: who this machine is, the load balancer, and the port."""
    notes, name = Findings(f"VIP {request.address}"), request.options["load_balancer"]
    _identity(request, notes)
    try:
        judged = load_balancer.judged(request, arm)
    except ProviderError as problem:
        notes.refused("azure.balancer", problem)
    else:
        for flaw in judged.flaws:
            (notes.error if flaw.grave else notes.warn)("azure.balancer", flaw.what, flaw.remedy)
        if not judged.flaws:
            told = f"{name} sends new connections to who answers, within {judged.follows_s:g} s"
            notes.ok("azure.balancer", told)
    with notes.check("azure.port", f"the port {request.options['port']} can be answered at"):
        if hostaddress.observe(request).holder is not Holder.MINE:  # else it is done there now
            load_balancer.try_port(request)
    if TIMESTAMPS.read_text().strip() != "0":
        what = "this kernel uses TCP timestamps, by which it may drop the load balancer's probes"
        notes.warn("azure.timestamps", what, "sysctl -w net.ipv4.tcp_timestamps=0")
    return notes


def cloud_disk(request: ResourceRequest, disks: Disks) -> Findings:
    """One disk: who this machine is, whether both can have the disk, and only one at a time."""
    notes = Findings(f"{request.type} {request.options.get('disk', '')}")
    try:
        order = holding_of(request)
        _identity(request, notes)
        _reachable(disks, order, notes)
        for scope, wanted in scopes(disks, order):
            _permissions(disks.arm, scope, wanted, notes)
    except ProviderError as problem:
        notes.refused("azure.disk", problem)
    return notes


def target(request: FenceRequest, arm: Arm) -> Findings:
    """The fence: permissions, and what would start the target again."""
    notes, aim = Findings(f"fence azure of {request.target}"), fence.target_of(request)
    wanted = {one for call in FENCE_CALLS for one in call.permissions}
    try:
        server = arm.server(aim.name)
        _permissions(arm, server.id, tuple(sorted(wanted)), notes)
    except ProviderError as problem:
        notes.refused("azure.restart", problem)
        return notes
    if server.scale_set:
        name = server.scale_set.rpartition("/")[2]
        notes.warn(
            "azure.restart",
            f"it is in the scale set {name}, whose automatic repairs start what is stopped",
            f"az vmss update --name {name} --enable-automatic-repairs false",
        )
    else:
        notes.ok("azure.restart", "it is in no scale set, so nothing starts it again")
    return notes


def forwarding(arm: Arm, move: Move, notes: Findings) -> None:
    """Whether the interfaces with the next hops forward. Raises ProviderError."""
    owners = {address: nic for nic in arm.nics() for address in nic.addresses}
    for hop in (move.me, move.peer):
        nic = owners.get(hop)
        if nic is None:
            what = f"no interface of this resource group has the next hop {hop}"
            remedy = "correct next_hop in the cluster file, or see yourself that it forwards"
            notes.warn("azure.forwarding", what, remedy)
        elif nic.body["properties"].get("enableIPForwarding"):
            notes.ok("azure.forwarding", f"{nic.name}, with {hop}, forwards")
        else:
            what = f"{nic.name}, with {hop}, drops packets for other addresses than its own"
            remedy = f"az network nic update --name {nic.name} --ip-forwarding true"
            notes.error("azure.forwarding", what, remedy)


def _reachable(disks: Disks, order: Holding, notes: Findings) -> None:
    """Whether the disk is there, for the zones of both machines. Raises ProviderError."""
    found = disks.read(order.disk)
    check_alone(found, order)
    outside = [
        name
        for name in (order.me, order.peer)
        if not found.everywhere and disks.arm.server(name).zones != found.zones
    ]
    if outside:
        what = f"{order.disk} cannot be attached to {' and '.join(outside)}: another zone"
        notes.error("azure.disk", what, "use a zone-redundant disk (ZRS), or machines in its zone")
        return
    where = " and ".join(sorted(path.rpartition("/")[2] for path in found.owners)) or "nobody"
    notes.ok("azure.disk", f"{order.disk} can be attached to either machine; {where} has it now")


def _identity(request: Placed, notes: Findings) -> None:
    options = request.options
    own = (str(options["subscription"]), str(options["resource_group"]), request.own("vm"))
    try:
        found = metadata.identity()
    except ProviderError as problem:
        notes.refused("azure.identity", problem)
        return
    if (found.subscription, found.group, found.name) == tuple(one.lower() for one in own):
        notes.ok("azure.identity", f"this machine is {own[2]}")
    else:
        what = (
            f"this machine is {found.name} in {found.group} of {found.subscription}, not {own[2]}"
        )
        remedy = "correct subscription, resource_group and vm in the cluster file"
        notes.error("azure.identity", what, remedy)


def _permissions(arm: Arm, scope: str, wanted: tuple[str, ...], notes: Findings) -> None:
    """What is granted on a scope. Raises ProviderError."""
    lacking, name = arm.lacking(scope, wanted), scope.rpartition("/")[2]
    if lacking:
        what = f"this node lacks {', '.join(lacking)} on {name}"
        notes.error("azure.permissions", what, "grant the role that `hafw policy azure` writes")
    else:
        notes.ok("azure.permissions", f"what is needed on {name} is granted")
