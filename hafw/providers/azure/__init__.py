"""The provider `azure`: moves VIPs and disks by calls to Azure; its fence cuts machines' power.

One rule: Azure's SDKs are imported by the first hook that needs them, which is the warm-up: they
take seconds, and whoever only wants to know the calls has no use for them.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from hafw import answering, disk_rounds, hostaddress
from hafw.api_budget import Use
from hafw.fence_rounds import look, switch_off
from hafw.hooks.errors import Misconfigured, ProviderError, Retryable, UnknownOutcome
from hafw.hooks.hookspecs import (
    FenceReceipt,
    FenceRequest,
    Holder,
    Notice,
    NoticeRequest,
    PolicyRequest,
    PrecheckRequest,
    ProbeRequest,
    VipObservation,
    VipReceipt,
    VipRequest,
    hookimpl,
)
from hafw.hooks.resources import ResourceObservation, ResourceReceipt, ResourceRequest
from hafw.net.clock import boot_ns
from hafw.providers.azure import disk, fence, load_balancer, notices, precheck, probe
from hafw.providers.azure.calls import FENCE_CALLS
from hafw.providers.azure.errors import decided
from hafw.providers.azure.orders import (
    check_identity,
    check_permissions,
    holding_of,
    move_of,
    mover_of,
)
from hafw.providers.azure.policy import policy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw.hooks.findings import Finding
    from hafw.providers.azure.api import Arm
    from hafw.providers.azure.disk_api import Disks

WARM_S: Final = 10.0
"""How long the calls of a warm-up may take; the import of the SDKs comes on top."""


@hookimpl
def hafw_warm(requests: tuple[VipRequest, ...]) -> None:
    """Import the SDKs, see who this machine is, fetch a token, connect, ask for permissions."""
    until_ns = boot_ns() + int(WARM_S * 1e9)
    balanced = [request for request in requests if load_balancer.chosen(request)]
    # Whoever holds a VIP goes on answering for it, whatever has become of the load balancer.
    idle = [
        request
        for request in balanced
        if not answering.resume(request, load_balancer.place(request))
    ]
    called = [request for request in requests if request not in balanced]
    orders = [(request, mover_of(request), move_of(request)) for request in called]
    with suppress(Retryable):  # an API that is away now may be back when it is needed
        for request in idle:
            load_balancer.try_port(request)
            check_identity(request)
            load_balancer.check(request, _arm(request.options, until_ns))
        for request, mover, move in orders:
            check_identity(request)
            arm = _arm(request.options, until_ns)
            for scope, wanted in mover.scopes(arm, move):
                check_permissions(arm, scope, wanted)


@hookimpl
def hafw_vip_observe(request: VipRequest) -> VipObservation:
    """Ask Azure and look at the interface: MINE only if both have it."""
    if load_balancer.chosen(request):
        return hostaddress.observe(request)  # its gate open, it has the traffic
    try:
        arm = _arm(request.options, request.deadline_ns)
        found: VipObservation = mover_of(request).observe(arm, move_of(request))
    except ProviderError as problem:
        return VipObservation(holder=Holder.UNKNOWN, who=str(problem))
    if found.holder is not Holder.MINE:
        return found
    here = hostaddress.observe(request)
    if here.holder is Holder.FREE:  # as after a restart of the machine: nobody answers for it
        who = f"it leads here, and is not on {request.interface}"
        return VipObservation(holder=Holder.FREE, who=who)
    return here


@hookimpl
def hafw_vip_attach(request: VipRequest) -> VipReceipt:
    """Move the address here in the cloud, then put it on the interface, behind the gate."""
    if load_balancer.chosen(request):
        return answering.attach(request, load_balancer.place(request))
    mover, move = mover_of(request), move_of(request)
    check_identity(request)
    arm = _arm(request.options, request.deadline_ns)
    moved = decided(arm, lambda: bool(mover.attach(arm, move)))
    try:
        added = hostaddress.attach(request).changed
    except ProviderError as problem:  # the cloud has moved: it is not without effect
        raise UnknownOutcome(str(problem)) from problem
    return VipReceipt(changed=added or moved, detail="; ".join(arm.made))


@hookimpl
def hafw_vip_detach(request: VipRequest) -> VipReceipt:
    """Take the address off the interface, then give it up in the cloud."""
    if load_balancer.chosen(request):
        return answering.detach(request, load_balancer.place(request))
    mover, move = mover_of(request), move_of(request)
    check_identity(request)
    gone = hostaddress.detach(request).changed
    try:
        arm = _arm(request.options, request.deadline_ns, Use.RELEASE)
        moved = decided(arm, lambda: bool(mover.detach(arm, move)))
    except ProviderError as problem:
        raise UnknownOutcome(
            f"{request.address} is off {request.interface}, and may still lead here: {problem}"
        ) from problem
    return VipReceipt(changed=gone or moved, detail="; ".join(arm.made))


@hookimpl
def hafw_vip_announce(request: VipRequest) -> VipReceipt:  # noqa: ARG001 - as the hook has it
    """Nothing to do: Azure's network learns from calls alone, and ignores ARP."""
    return VipReceipt(changed=False)


@hookimpl
def hafw_vip_probe(request: VipRequest) -> VipObservation:
    """Nobody can be asked: Azure's network answers every ARP request itself."""
    who = f"whether anybody answers for {request.address} cannot be asked in Azure's network"
    return VipObservation(holder=Holder.UNKNOWN, who=who)


@hookimpl
def hafw_vip_plan(request: VipRequest) -> tuple[str, ...]:
    """The calls of an attach, and what it does on this machine."""
    calls: tuple[str, ...]
    if load_balancer.chosen(request):
        calls = load_balancer.plan(request)
    else:
        calls = mover_of(request).plan(move_of(request))
    return (
        *calls,
        f"add {request.address} to {request.interface} (netlink RTM_NEWADDR), behind the gate",
        "open the gate (nftables)",
    )


@hookimpl
def hafw_resource_warm(requests: tuple[ResourceRequest, ...]) -> None:
    """Import the SDKs, see who this machine is and what it may do, look at each disk."""
    until_ns = boot_ns() + int(WARM_S * 1e9)
    orders = [(request, holding_of(request)) for request in requests]
    with suppress(Retryable):  # an API that is away now may be back when it is needed
        for request, order in orders:
            check_identity(request)
            disks = _disks(request, until_ns)
            disk.check_alone(disks.read(order.disk), order)
            for scope, wanted in disk.scopes(disks, order):
                check_permissions(disks.arm, scope, wanted)


@hookimpl
def hafw_resource_start(request: ResourceRequest) -> ResourceReceipt:
    """Attach the disk here, after it was detached from a peer that is proved to be off."""
    order = holding_of(request)
    check_identity(request)
    disks = _disks(request, request.deadline_ns)
    changed = disk_rounds.start(disk.ManagedDisk(disks, order, alone=True), request)
    return ResourceReceipt(changed=changed, detail="; ".join(disks.arm.made))


@hookimpl
def hafw_resource_stop(request: ResourceRequest) -> ResourceReceipt:
    """Detach the disk from this node."""
    order = holding_of(request)
    check_identity(request)
    disks = _disks(request, request.deadline_ns, Use.RELEASE)
    changed = disk_rounds.stop(disk.ManagedDisk(disks, order))
    return ResourceReceipt(changed=changed, detail="; ".join(disks.arm.made))


@hookimpl
def hafw_resource_probe(request: ResourceRequest) -> ResourceObservation:
    """Ask Azure who has the disk."""
    try:
        found = disk.ManagedDisk(_disks(request, request.deadline_ns), holding_of(request))
    except ProviderError as problem:
        return ResourceObservation(holder=Holder.UNKNOWN, who=str(problem))
    return disk_rounds.probe(found)


@hookimpl
def hafw_resource_plan(request: ResourceRequest) -> tuple[str, ...]:
    """The calls of a start."""
    return disk.plan(holding_of(request), peer_is_off=request.old_holder_is_off)


@hookimpl
def hafw_policy_write(request: PolicyRequest) -> str:
    """Two roles as Azure's CLI takes them, or Terraform for the pair."""
    return policy(request)


@hookimpl
def hafw_notice_read(request: NoticeRequest) -> tuple[Notice, ...]:
    """Ask this machine's metadata service for scheduled events."""
    del request  # the metadata service has a shorter deadline of its own
    return notices.read()


@hookimpl
def hafw_fence_warm(request: FenceRequest) -> None:
    """Import the SDKs, and see that the target is another machine, and the one that is meant."""
    target = fence.target_of(request)
    with suppress(Retryable):
        fence.check_other(target)
        arm = _arm(request.options, request.deadline_ns)
        fence.Machine(arm, target).read()
        wanted = {one for call in FENCE_CALLS for one in call.permissions}
        check_permissions(arm, arm.server(target.name).id, tuple(sorted(wanted)))


@hookimpl
def hafw_fence_off(request: FenceRequest) -> FenceReceipt:
    """Cut the target's power, and read its state until it is off or the deadline comes."""
    target = fence.target_of(request)
    fence.check_other(target)
    arm = _arm(request.options, request.deadline_ns, Use.FENCE)
    return arm.spending.evidence(switch_off(fence.Machine(arm, target), request))


@hookimpl
def hafw_fence_status(request: FenceRequest) -> FenceReceipt:
    """Read the target's state."""
    target = fence.target_of(request)
    arm = _arm(request.options, request.deadline_ns, Use.FENCE)
    return look(fence.Machine(arm, target), request)


@hookimpl
def hafw_precheck(request: PrecheckRequest) -> tuple[Finding, ...]:
    """Identity, credentials, permissions, forwarding, disks, what would undo a fence: by reads."""
    notes = [
        (precheck.balanced if load_balancer.chosen(vip) else precheck.vip)(
            vip, _arm(vip.options, vip.deadline_ns)
        )
        for vip in request.vips
    ]
    notes += [precheck.cloud_disk(one, _disks(one, one.deadline_ns)) for one in request.resources]
    fenced = request.fence
    if fenced is not None:
        notes.append(precheck.target(fenced, _arm(fenced.options, fenced.deadline_ns)))
    placed = (*request.vips, *request.resources, fenced)
    asked = [one.options for one in placed if one is not None]
    notes += [precheck.credentials(_arm(options, request.deadline_ns)) for options in asked[:1]]
    return tuple(finding for each in notes for finding in each.found)


@hookimpl
def hafw_live_probe(request: ProbeRequest) -> tuple[Finding, ...]:
    """Compare Azure's refusals and delays with what movers and fence assume of them."""
    tried = request.one_of_each_mover
    notes = [
        probe.probe(vip, _arm(vip.options, vip.deadline_ns), request.address)
        for vip in tried
        if not load_balancer.chosen(vip)
    ]
    notes += [
        probe.arrival(vip, _arm(vip.options, vip.deadline_ns))
        for vip in tried
        if load_balancer.chosen(vip)
    ]
    fenced = request.fence
    if fenced is not None:
        notes.append(probe.power(fenced, _arm(fenced.options, fenced.deadline_ns)))
    return tuple(finding for each in notes for finding in each.found)


def _disks(request: ResourceRequest, until_ns: int, use: Use = Use.ROUTINE) -> Disks:
    arm = _arm(request.options, until_ns, use)
    from hafw.providers.azure.disk_api import Disks  # noqa: PLC0415 - it takes seconds

    return Disks(arm)


def _arm(options: Mapping[str, object], until_ns: int, use: Use = Use.ROUTINE) -> Arm:
    try:
        from hafw.providers.azure.api import Arm, Where  # noqa: PLC0415 - it takes seconds
    except ModuleNotFoundError as problem:
        raise Misconfigured(f"{problem}; install it with: pip install 'hafw[azure]'") from None
    where = Where(
        subscription=str(options["subscription"]),
        group=str(options["resource_group"]),
        endpoint=str(options.get("endpoint", "")).rstrip("/"),
    )
    return Arm(where, until_ns, use=use)
