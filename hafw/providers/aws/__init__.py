"""The provider `aws`: moves VIPs and disks by calls to EC2; the fence `aws` stops instances.

One rule: Amazon's SDK is imported by the first hook that needs it, which is the warm-up: whoever
only wants to know the calls has no use for it.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from hafw import disk_rounds, hostaddress
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
from hafw.providers.aws.policy import policy

if TYPE_CHECKING:
    from hafw.hooks.findings import Finding
    from hafw.providers.aws.api import Ec2
    from hafw.providers.aws.disk import Volume
    from hafw.providers.aws.moving import Mover

WARM_S: Final = 10.0
"""How long the first call of a warm-up may take."""


@hookimpl
def hafw_warm(requests: tuple[VipRequest, ...]) -> None:
    """Import the SDK, see which instance this is, get credentials, connect."""
    until_ns = boot_ns() + int(WARM_S * 1e9)
    for request in requests:
        mover, ec2 = _mover(request), _ec2(request, until_ns=until_ns)
        ec2.prepare()
        _check_identity(request)
        with suppress(Retryable):  # an API that is away now may be back when it is needed
            mover.rehearse(request, ec2)


@hookimpl
def hafw_vip_observe(request: VipRequest) -> VipObservation:
    """Ask EC2 and look at the interface: MINE only if both have it; an error is no answer."""
    try:
        seen = _mover(request).seen(request, _ec2(request))
    except ProviderError as problem:
        return VipObservation(holder=Holder.UNKNOWN, who=str(problem))
    here = hostaddress.observe(request)
    if seen.holder is Holder.MINE and here.holder is Holder.FREE:
        who = f"it leads to {seen.who}, and is not on {request.interface}"
        return VipObservation(holder=Holder.FREE, who=who)
    if seen.holder is Holder.MINE:
        return here
    return VipObservation(holder=seen.holder, who=seen.who)


@hookimpl
def hafw_vip_attach(request: VipRequest) -> VipReceipt:
    """Move the VIP here in the cloud, then put it on the interface, behind the gate."""
    from hafw.providers.aws.moving import attach  # noqa: PLC0415 - with the SDK

    ec2 = _ec2(request)
    moved = attach(_mover(request), request, ec2)
    try:
        added = hostaddress.attach(request).changed
    except ProviderError as problem:  # the cloud has moved: it is not without effect
        raise UnknownOutcome(str(problem)) from problem
    return VipReceipt(changed=moved or added, detail=ec2.told())


@hookimpl
def hafw_vip_detach(request: VipRequest) -> VipReceipt:
    """Take the VIP off the interface, then give it up in the cloud."""
    from hafw.providers.aws.moving import detach  # noqa: PLC0415 - with the SDK

    removed = hostaddress.detach(request).changed
    ec2 = _ec2(request, Use.RELEASE)
    moved = detach(_mover(request), request, ec2)
    return VipReceipt(changed=moved or removed, detail=ec2.told())


@hookimpl
def hafw_vip_announce(request: VipRequest) -> VipReceipt:
    """Nothing to do: a VPC learns from calls alone, and ignores ARP."""
    del request
    return VipReceipt(changed=False)


@hookimpl
def hafw_vip_probe(request: VipRequest) -> VipObservation:
    """Nobody can be asked: a VPC answers every ARP request itself."""
    who = f"whether anybody answers for {request.address} cannot be asked in a VPC"
    return VipObservation(holder=Holder.UNKNOWN, who=who)


@hookimpl
def hafw_vip_plan(request: VipRequest) -> tuple[str, ...]:
    """The calls of an attach, and what it does on this machine."""
    return (
        *_mover(request).plan(request),
        f"add {request.address} to {request.interface} (netlink RTM_NEWADDR), behind the gate",
        "open the gate (nftables)",
    )


@hookimpl
def hafw_resource_warm(requests: tuple[ResourceRequest, ...]) -> None:
    """Import the SDK, see which instance this is, connect, and rehearse what EC2 can."""
    until_ns = boot_ns() + int(WARM_S * 1e9)
    for request in requests:
        ec2 = _ec2(request, until_ns=until_ns)
        ec2.prepare()
        _volume(request, ec2).rehearse()


@hookimpl
def hafw_resource_start(request: ResourceRequest) -> ResourceReceipt:
    """Bring the volume to this instance, from the peer's if that is off."""
    ec2 = _ec2(request)
    changed = disk_rounds.start(_volume(request, ec2), request)
    return ResourceReceipt(changed=changed, detail=ec2.told())


@hookimpl
def hafw_resource_stop(request: ResourceRequest) -> ResourceReceipt:
    """Detach the volume from this instance."""
    ec2 = _ec2(request, Use.RELEASE)
    changed = disk_rounds.stop(_volume(request, ec2))
    return ResourceReceipt(changed=changed, detail=ec2.told())


@hookimpl
def hafw_resource_probe(request: ResourceRequest) -> ResourceObservation:
    """Ask EC2 which instance has the volume."""
    return disk_rounds.probe(_volume(request, _ec2(request)))


@hookimpl
def hafw_resource_plan(request: ResourceRequest) -> tuple[str, ...]:
    """The calls of a start."""
    from hafw.providers.aws import disk  # noqa: PLC0415 - with the SDK

    return disk.plan(request)


@hookimpl
def hafw_notice_read(request: NoticeRequest) -> tuple[Notice, ...]:
    """Ask this instance's metadata for the end of a spot instance, and for scheduled events."""
    del request  # the metadata service has a shorter deadline of its own
    from hafw.providers.aws import metadata, notices  # noqa: PLC0415 - nothing else is needed

    try:
        return notices.read(metadata.Metadata())
    except metadata.Unavailable as problem:
        raise Retryable(str(problem), 0.0) from None


@hookimpl
def hafw_fence_warm(request: FenceRequest) -> None:
    """Import the SDK, and see that the target is another machine, and may be stopped."""
    ec2 = _ec2(request)
    from hafw.providers.aws import fence  # noqa: PLC0415 - with the SDK

    target = fence.target_of(request)
    fence.check_other(target)
    with suppress(Retryable):
        fence.rehearse(ec2, target)


@hookimpl
def hafw_fence_off(request: FenceRequest) -> FenceReceipt:
    """Stop the target, and read its state until it is off or the deadline comes."""
    ec2 = _ec2(request, Use.FENCE)
    from hafw.providers.aws import fence  # noqa: PLC0415 - with the SDK

    target = fence.target_of(request)
    fence.check_other(target)
    return ec2.spending.evidence(switch_off(fence.Instance(ec2, target), request))


@hookimpl
def hafw_fence_status(request: FenceRequest) -> FenceReceipt:
    """Read the target's state."""
    ec2 = _ec2(request, Use.FENCE)
    from hafw.providers.aws import fence  # noqa: PLC0415 - with the SDK

    return look(fence.Instance(ec2, fence.target_of(request)), request)


@hookimpl
def hafw_policy_write(request: PolicyRequest) -> str:
    """An IAM policy, or a Terraform resource with it."""
    return policy(request)


@hookimpl
def hafw_precheck(request: PrecheckRequest) -> tuple[Finding, ...]:
    """Credentials, identity, interfaces, zones, what would undo a fence: by reads alone."""
    asked = (*request.vips, *request.resources, *([request.fence] if request.fence else ()))
    if not asked:
        return ()
    ec2 = _ec2(asked[0])
    from hafw.providers.aws import precheck  # noqa: PLC0415 - with the SDK

    notes = [precheck.credentials(ec2)]
    notes += [precheck.vip(vip, _ec2(vip)) for vip in request.vips]
    notes += [precheck.disk(disk, _ec2(disk)) for disk in request.resources]
    if request.fence is not None:
        notes.append(precheck.target(request.fence, _ec2(request.fence)))
    return tuple(finding for each in notes for finding in each.found)


@hookimpl
def hafw_live_probe(request: ProbeRequest) -> tuple[Finding, ...]:
    """Compare EC2's refusals and delays with what the movers assume of them."""
    found: list[Finding] = []
    for vip in request.one_of_each_mover:
        mover, ec2 = _mover(vip), _ec2(vip)
        from hafw.providers.aws.probe import probe  # noqa: PLC0415 - with the SDK

        found += probe(mover, vip, ec2, request.address).found
    return tuple(found)


def _check_identity(request: VipRequest) -> None:
    """See that the interface is one of this machine. Raises Misconfigured."""
    from hafw.providers.aws.metadata import Metadata, Unavailable  # noqa: PLC0415

    try:
        found = Metadata().interfaces()
    except Unavailable:
        return
    if request.own("eni") not in found:
        raise Misconfigured(
            f"{request.own('eni')} is no interface of this instance (it has "
            f"{', '.join(sorted(found)) or 'none'}); correct eni of {request.nodes[request.node]} "
            "in the cluster file"
        )


def _ec2(
    request: VipRequest | ResourceRequest | FenceRequest,
    use: Use = Use.ROUTINE,
    *,
    until_ns: int | None = None,
) -> Ec2:
    try:
        from hafw.providers.aws.api import Ec2, Where  # noqa: PLC0415 - it takes a second
    except ModuleNotFoundError as problem:
        raise Misconfigured(f"{problem}; install it with: pip install 'hafw[aws]'") from None
    region, endpoint = (request.options.get(key) for key in ("region", "endpoint_url"))
    where = Where(str(region) if region else None, str(endpoint) if endpoint else None)
    return Ec2(where, request.deadline_ns if until_ns is None else until_ns, use)


def _volume(request: ResourceRequest, ec2: Ec2) -> Volume:
    from hafw.providers.aws.disk import Volume  # noqa: PLC0415 - with the SDK

    return Volume(request, ec2)


def _mover(request: VipRequest) -> Mover:
    name = str(request.options.get("mover", ""))
    found = _movers().get(name)
    if found is None:
        raise Misconfigured(f'"{name}" is no mover of aws; there are {", ".join(_movers())}')
    return found


@lru_cache(maxsize=1)
def _movers() -> dict[str, Mover]:
    try:
        from hafw.providers.aws.elastic_ip import ElasticIp  # noqa: PLC0415 - with the SDK
        from hafw.providers.aws.private_ip import PrivateIp  # noqa: PLC0415
        from hafw.providers.aws.route import Route  # noqa: PLC0415
    except ModuleNotFoundError as problem:
        raise Misconfigured(f"{problem}; install it with: pip install 'hafw[aws]'") from None
    return {"private-ip": PrivateIp(), "route": Route(), "elastic-ip": ElasticIp()}
