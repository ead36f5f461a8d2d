"""The provider `gcp`: moves VIPs and disks by calls to Compute Engine; its fence stops instances.

One rule: Google's SDK is imported by the first hook that needs it, which is the warm-up: it takes
seconds, and whoever only wants to know the calls has no use for it.
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
from hafw.providers.gcp import disk, fence, health_check, metadata, precheck
from hafw.providers.gcp.calls import DISK_CALLS, FENCE_CALLS
from hafw.providers.gcp.errors import Missing, decided
from hafw.providers.gcp.orders import (
    check_identity,
    check_permissions,
    check_server,
    endpoint_of,
    holding_of,
    move_of,
    mover_calls,
    mover_of,
)
from hafw.providers.gcp.policy import policy
from hafw.providers.gcp.probe import probe

if TYPE_CHECKING:
    from hafw.hooks.findings import Finding
    from hafw.providers.gcp.api import Compute
    from hafw.providers.gcp.disk_api import Disks

WARM_S: Final = 10.0
"""How long the calls of a warm-up may take; the import of the SDK comes on top."""


@hookimpl
def hafw_warm(requests: tuple[VipRequest, ...]) -> None:
    """Import the SDK, see who this instance is, fetch a token, connect."""
    until_ns = boot_ns() + int(WARM_S * 1e9)
    for request in filter(health_check.chosen, requests):
        answering.resume(request, health_check.place(request))
    called = [request for request in requests if not health_check.chosen(request)]
    moves = [(request, mover_of(request), move_of(request, until_ns)) for request in called]
    with suppress(Retryable):  # an API that is away now may be back when it is needed
        for request, _, move in moves:
            check_identity(move.me)
            compute = _compute(endpoint_of(request))
            check_server(request, move, compute.server(move.me, until_ns))
            check_permissions(compute, move.me, mover_calls(request), until_ns)
            with suppress(Missing):  # a peer that is not there yet needs nothing
                check_permissions(compute, move.peer, mover_calls(request), until_ns)


@hookimpl
def hafw_vip_observe(request: VipRequest) -> VipObservation:
    """Ask Compute Engine and look at the interface: MINE only if both have it."""
    if health_check.chosen(request):
        return hostaddress.observe(request)  # its gate open, it has the traffic
    try:
        move = move_of(request)
        found: VipObservation = mover_of(request).observe(_compute(endpoint_of(request)), move)
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
    if health_check.chosen(request):
        return answering.attach(request, health_check.place(request))
    mover, move = mover_of(request), move_of(request)
    check_identity(move.me)
    compute = _compute(endpoint_of(request))
    done: tuple[str, ...] = decided(lambda: mover.attach(compute, move), move.deadline_ns)
    try:
        added = hostaddress.attach(request).changed
    except ProviderError as problem:  # the cloud has moved: it is not without effect
        raise UnknownOutcome(str(problem)) from problem
    return VipReceipt(changed=added or bool(done), detail=", ".join(done))


@hookimpl
def hafw_vip_detach(request: VipRequest) -> VipReceipt:
    """Take the address off the interface, then give it up in the cloud."""
    if health_check.chosen(request):
        return answering.detach(request, health_check.place(request))
    mover, move = mover_of(request), move_of(request)
    check_identity(move.me)
    gone = hostaddress.detach(request).changed
    try:
        compute = _compute(endpoint_of(request), Use.RELEASE)
        done: tuple[str, ...] = decided(lambda: mover.detach(compute, move), move.deadline_ns)
    except ProviderError as problem:
        raise UnknownOutcome(
            f"{request.address} is off {request.interface}, and may still lead here: {problem}"
        ) from problem
    return VipReceipt(changed=gone or bool(done), detail=", ".join(done))


@hookimpl
def hafw_vip_announce(request: VipRequest) -> VipReceipt:  # noqa: ARG001 - as the hook has it
    """Nothing to do: Google's network learns from calls alone, and ignores ARP."""
    return VipReceipt(changed=False)


@hookimpl
def hafw_vip_probe(request: VipRequest) -> VipObservation:
    """Nobody can be asked: Google's network answers every ARP request itself."""
    who = f"whether anybody answers for {request.address} cannot be asked in Google's network"
    return VipObservation(holder=Holder.UNKNOWN, who=who)


@hookimpl
def hafw_vip_plan(request: VipRequest) -> tuple[str, ...]:
    """The calls of an attach, and what it does on this machine."""
    if health_check.chosen(request):
        calls = health_check.plan(request)
    else:
        calls = mover_of(request).plan(move_of(request))
    return (
        *calls,
        f"add {request.address} to {request.interface} (netlink RTM_NEWADDR), behind the gate",
        "open the gate (nftables)",
    )


@hookimpl
def hafw_resource_warm(requests: tuple[ResourceRequest, ...]) -> None:
    """Import the SDK, see who this instance is and what it may do, look at each disk."""
    until_ns = boot_ns() + int(WARM_S * 1e9)
    orders = [(request, holding_of(request, until_ns)) for request in requests]
    with suppress(Retryable):  # an API that is away now may be back when it is needed
        for request, order in orders:
            check_identity(order.me)
            disks = _disks(request)
            disk.check_alone(disks.read(order.disk, until_ns), order)
            check_permissions(disks.compute, order.me, DISK_CALLS, until_ns)
            with suppress(Missing):  # a peer that is not there yet needs nothing
                check_permissions(disks.compute, order.peer, DISK_CALLS, until_ns)


@hookimpl
def hafw_resource_start(request: ResourceRequest) -> ResourceReceipt:
    """Attach the disk here, after it was detached from a peer that is proved to be off."""
    order = holding_of(request)
    check_identity(order.me)
    found = disk.PersistentDisk(_disks(request), order, alone=True)
    changed = disk_rounds.start(found, request)
    return ResourceReceipt(changed=changed, detail=", ".join(found.made))


@hookimpl
def hafw_resource_stop(request: ResourceRequest) -> ResourceReceipt:
    """Detach the disk from this node."""
    order = holding_of(request)
    check_identity(order.me)
    found = disk.PersistentDisk(_disks(request, Use.RELEASE), order)
    changed = disk_rounds.stop(found)
    return ResourceReceipt(changed=changed, detail=", ".join(found.made))


@hookimpl
def hafw_resource_probe(request: ResourceRequest) -> ResourceObservation:
    """Ask Compute Engine who has the disk."""
    try:
        found = disk.PersistentDisk(_disks(request), holding_of(request))
    except ProviderError as problem:
        return ResourceObservation(holder=Holder.UNKNOWN, who=str(problem))
    return disk_rounds.probe(found)


@hookimpl
def hafw_resource_plan(request: ResourceRequest) -> tuple[str, ...]:
    """The calls of a start."""
    return disk.plan(holding_of(request), peer_is_off=request.old_holder_is_off)


@hookimpl
def hafw_policy_write(request: PolicyRequest) -> str:
    """Two roles as gcloud takes them, or Terraform for the pair."""
    return policy(request)


@hookimpl
def hafw_notice_read(request: NoticeRequest) -> tuple[Notice, ...]:
    """Ask this instance's metadata server for maintenance and preemption: both are near."""
    del request  # the metadata service has a shorter deadline of its own
    return tuple(Notice(what, 0.0) for what in metadata.announced())


@hookimpl
def hafw_fence_warm(request: FenceRequest) -> None:
    """Import the SDK, and see that the target is another machine, and the one that is meant."""
    target = fence.target_of(request)
    with suppress(Retryable):
        fence.check_other(target)
        compute = _fencing(request)
        fence.Instance(compute, target, request.deadline_ns).read()
        check_permissions(compute, target.machine, FENCE_CALLS, request.deadline_ns)


@hookimpl
def hafw_fence_off(request: FenceRequest) -> FenceReceipt:
    """Stop the target, and read its state until it is off or the deadline comes."""
    target = fence.target_of(request)
    fence.check_other(target)
    compute = _fencing(request, Use.FENCE)
    instance = fence.Instance(compute, target, request.deadline_ns)
    return compute.spending.evidence(switch_off(instance, request))


@hookimpl
def hafw_fence_status(request: FenceRequest) -> FenceReceipt:
    """Read the target's state."""
    target = fence.target_of(request)
    compute = _fencing(request, Use.FENCE)
    return look(fence.Instance(compute, target, request.deadline_ns), request)


@hookimpl
def hafw_precheck(request: PrecheckRequest) -> tuple[Finding, ...]:
    """Identity, credentials, forwarding, disks, permissions, what would undo a fence: by reads."""
    called = [vip for vip in request.vips if not health_check.chosen(vip)]
    notes = [precheck.vip(vip, _compute(endpoint_of(vip))) for vip in called]
    notes += [precheck.cloud_disk(one, _disks(one)) for one in request.resources]
    if request.fence is not None:
        notes.append(precheck.target(request.fence, _fencing(request.fence)))
    endpoints = [endpoint_of(one) for one in (*called, *request.resources)]
    if request.fence is not None:
        endpoints.append(str(request.fence.options.get("endpoint", "")))
    notes += [precheck.credentials(_compute(each)) for each in dict.fromkeys(endpoints)]
    return tuple(finding for each in notes for finding in each.found)


@hookimpl
def hafw_live_probe(request: ProbeRequest) -> tuple[Finding, ...]:
    """Compare Compute Engine's refusals and delays with what the movers assume of them."""
    called = [vip for vip in request.one_of_each_mover if not health_check.chosen(vip)]
    notes = [probe(vip, _compute(endpoint_of(vip)), request.address) for vip in called]
    return tuple(finding for each in notes for finding in each.found)


def _disks(request: ResourceRequest, use: Use = Use.ROUTINE) -> Disks:
    compute = _compute(endpoint_of(request), use)
    from hafw.providers.gcp.disk_api import Disks  # noqa: PLC0415 - it takes seconds

    return Disks(compute)


def _fencing(request: FenceRequest, use: Use = Use.ROUTINE) -> Compute:
    return _compute(str(request.options.get("endpoint", "")), use)


def _compute(endpoint: str, use: Use = Use.ROUTINE) -> Compute:
    try:
        from hafw.providers.gcp.api import compute  # noqa: PLC0415 - it takes seconds
    except ModuleNotFoundError as problem:
        raise Misconfigured(f"{problem}; install it with: pip install 'hafw[gcp]'") from None
    return compute(endpoint).spent_on(use)
