"""What `hafw precheck` asks Compute Engine: who this is and what it may do, disks, restarts.

One rule: everything is a read. An instance says which permissions are granted on it; those on the
network, its subnetwork or the project cannot be asked, and only a live probe shows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import ProviderError
from hafw.hooks.findings import Findings
from hafw.providers.gcp import fence, metadata
from hafw.providers.gcp.calls import DISK_CALLS, FENCE_CALLS, ON_INSTANCE
from hafw.providers.gcp.disk import check_alone
from hafw.providers.gcp.orders import holding_of, move_of, mover_calls

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import FenceRequest, VipRequest
    from hafw.hooks.resources import ResourceRequest
    from hafw.providers.gcp.api import Compute
    from hafw.providers.gcp.calls import Call
    from hafw.providers.gcp.disk_api import Disks
    from hafw.providers.gcp.values import Holding, Machine, Server

PERSON: Final = "google.oauth2.credentials"
"""The module of Google's SDK whose credentials are those of somebody who logged in."""


def credentials(compute: Compute) -> Findings:
    """Whether they are the machine's own."""
    notes, kind = Findings("gcp"), compute.credentials_kind
    if kind == PERSON:
        remedy = "give this instance a service account, and remove GOOGLE_APPLICATION_CREDENTIALS"
        notes.warn("gcp.credentials", "they are a person's, and may end at any time", remedy)
    else:
        notes.ok("gcp.credentials", f"they are of the kind {kind}, and are renewed")
    return notes


def vip(request: VipRequest, compute: Compute) -> Findings:
    """One VIP: who this instance is, and both instances."""
    notes, move = Findings(f"VIP {request.address}"), move_of(request)
    _identity(move.me, notes)
    for machine in (move.me, move.peer):
        try:
            server = compute.server(machine, move.deadline_ns)
        except ProviderError as problem:
            notes.refused("gcp.instance", problem)
            continue
        if request.options["mover"] == "route":
            _forwards(machine, server, notes)
        _permissions(compute, machine, mover_calls(request), move.deadline_ns, notes)
    remedy = "hafw precheck --live-probe --probe-address ADDRESS, with one that nobody uses"
    _elsewhere(mover_calls(request), remedy, notes)
    return notes


def cloud_disk(request: ResourceRequest, disks: Disks) -> Findings:
    """One disk: who this instance is, whether both can have the disk, and only one at a time."""
    notes = Findings(f"{request.type} {request.options.get('disk', '')}")
    try:
        order = holding_of(request)
        _identity(order.me, notes)
        _reachable(disks, order, notes)
    except ProviderError as problem:
        notes.refused("gcp.disk", problem)
        return notes
    for machine in (order.me, order.peer):
        _permissions(disks.compute, machine, DISK_CALLS, order.deadline_ns, notes)
    _elsewhere(DISK_CALLS, "move the group once: hafw standby, and back", notes)
    return notes


def target(request: FenceRequest, compute: Compute) -> Findings:
    """The fence: permissions, and what would start the target again or keep it from stopping."""
    notes, aim = Findings(f"fence gcp of {request.target}"), fence.target_of(request)
    try:
        server = compute.server(aim.machine, request.deadline_ns)
    except ProviderError as problem:
        notes.refused("gcp.restart", problem)
        return notes
    _permissions(compute, aim.machine, FENCE_CALLS, request.deadline_ns, notes)
    if "/instanceGroupManagers/" in server.created_by:
        group = server.created_by.rpartition("/")[2]
        notes.error(
            "gcp.restart",
            f"it is in the managed instance group {group}, which may start what is stopped",
            f"gcloud compute instance-groups managed abandon-instances {group} "
            f"--instances {aim.machine.name}",
        )
    else:
        told = "it is in no managed instance group; an automatic restart never follows a stop"
        notes.ok("gcp.restart", told)
    if server.local_ssds and not aim.discard_local_ssd:
        what = "it has local SSDs, and is not stopped unless their content may be lost"
        notes.error("gcp.local_ssd", what, "write discard_local_ssd = true beside its fence")
    return notes


def _reachable(disks: Disks, order: Holding, notes: Findings) -> None:
    """Whether the disk is there, for the zones of both nodes. Raises ProviderError."""
    found = disks.read(order.disk, order.deadline_ns)
    check_alone(found, order)
    outside = sorted({order.me.zone, order.peer.zone} - found.zones)
    if outside:
        what = f"{order.disk} cannot be attached in {' and '.join(outside)}"
        notes.error("gcp.disk", what, "use a regional disk with replicas in the zones of both")
        return
    where = " and ".join(sorted(user.rpartition("/")[2] for user in found.users)) or "nobody"
    notes.ok("gcp.disk", f"{order.disk} can be attached to either node; {where} has it now")


def _elsewhere(calls: tuple[Call, ...], remedy: str, notes: Findings) -> None:
    """Name the permissions of which no instance says whether they are granted."""
    every = {permission for call in calls for permission in call.permissions}
    what = f"whether {', '.join(sorted(every - ON_INSTANCE))} are granted cannot be asked"
    notes.warn("gcp.permissions_elsewhere", what, remedy)


def _identity(me: Machine, notes: Findings) -> None:
    try:
        found = metadata.identity()
    except ProviderError as problem:
        notes.refused("gcp.identity", problem)
        return
    if (found.project, found.zone, found.name) == (me.project, me.zone, me.name):
        notes.ok("gcp.identity", f"this instance is {me.name} in {me.zone}")
    else:
        what = f"this instance is {found.name} in {found.zone} of {found.project}, not {me.link}"
        notes.error("gcp.identity", what, "correct project, zone and instance in the cluster file")


def _forwards(machine: Machine, server: Server, notes: Findings) -> None:
    if server.can_ip_forward:
        notes.ok("gcp.forwarding", f"{machine.name} takes packets for other addresses than its own")
    else:
        what = f"{machine.name} drops packets for other addresses than its own"
        notes.error("gcp.forwarding", what, "create it anew with --can-ip-forward")


def _permissions(
    compute: Compute, machine: Machine, calls: tuple[Call, ...], until_ns: int, notes: Findings
) -> None:
    every = {permission for call in calls for permission in call.permissions}
    try:
        lacking = compute.lacking(machine, tuple(sorted(every & ON_INSTANCE)), until_ns)
    except ProviderError as problem:
        notes.refused("gcp.permissions", problem)
        return
    if lacking:
        what = f"this node lacks {', '.join(lacking)} on {machine.name}"
        notes.error("gcp.permissions", what, "grant the role that `hafw policy gcp` writes")
    else:
        notes.ok("gcp.permissions", f"what is needed on {machine.name} itself is granted")
