"""What `hafw precheck` asks EC2: credentials, identity, zones, and what would undo a fence.

One rule: everything is a read; the dry runs belong to the warm-up. EC2 has none of moving a private
address, so whether that is allowed is left open here, and settled by a live probe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hafw.hooks.errors import ProviderError
from hafw.hooks.findings import Findings
from hafw.providers.aws import calls, fence
from hafw.providers.aws.calls import Use
from hafw.providers.aws.disk import Volume, check_identity
from hafw.providers.aws.metadata import Metadata, Unavailable

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import FenceRequest, VipRequest
    from hafw.hooks.resources import ResourceRequest
    from hafw.providers.aws.api import Ec2

SCALING_TAG: Final = "aws:autoscaling:groupName"
"""EC2 Auto Scaling puts it on every instance of a group (its user guide, "tags")."""
RENEWED: Final = ("iam-role", "container-role", "assume-role", "assume-role-with-web-identity")
"""Where the SDK gets new credentials by itself before the old ones expire (botocore)."""


def credentials(ec2: Ec2) -> Findings:
    """Where they come from, and whether they end by themselves."""
    notes = Findings("aws")
    found = ec2.credentials()
    if found is None:
        what = "there are no credentials"
        notes.error("aws.credentials", what, "give this instance a role (hafw policy aws)")
        return notes
    method, temporary = found
    if temporary and method not in RENEWED:
        what = f"the credentials ({method}) expire, and nobody renews them"
        notes.warn("aws.credentials", what, "give this instance a role (hafw policy aws)")
    else:
        notes.ok("aws.credentials", f"they come from {method}")
    return notes


def vip(request: VipRequest, ec2: Ec2) -> Findings:
    """One VIP: whose interfaces these are, and whether it can go to either."""
    notes = Findings(f"VIP {request.address}")
    _identity(request, notes)
    if request.options["mover"] == Use.ELASTIC_IP:
        return notes
    try:
        own, peer = (_interface(ec2, request, node) for node in (request.node, 1 - request.node))
    except ProviderError as problem:
        notes.refused("aws.interfaces", problem)
        return notes
    if request.options["mover"] == Use.ROUTE:
        _checks_nothing(peer, notes)
        return notes
    _in_one_subnet(own, peer, notes)
    notes.warn(
        "aws.permissions",
        "whether it may be assigned and unassigned cannot be asked: EC2 has no dry run of that",
        "hafw precheck --live-probe",
    )
    return notes


def disk(request: ResourceRequest, ec2: Ec2) -> Findings:
    """One disk: which instance this is, and whether the volume can go to either.

    What may be asked of it, the warm-up has rehearsed.
    """
    notes = Findings(f"{request.type} {request.options['volume']}")
    wanted = list(request.options["instance"])
    try:
        check_identity(request)
        zone = Volume(request, ec2).shown()["AvailabilityZone"]
        answer = ec2.call(calls.INSTANCES, InstanceIds=wanted)
    except ProviderError as problem:
        notes.refused("aws.volume", problem)
        return notes
    instances = [each for group in answer["Reservations"] for each in group["Instances"]]
    zones = {one["InstanceId"]: one["Placement"]["AvailabilityZone"] for one in instances}
    elsewhere = [name for name in wanted if zones.get(name) != zone]
    if elsewhere:
        what = f"the volume is in {zone}, and {elsewhere[0]} in {zones.get(elsewhere[0])}"
        notes.error("aws.zone", what, "use instances of the volume's zone: it cannot leave it")
    else:
        notes.ok("aws.zone", f"the volume and both instances are in {zone}")
    return notes


def target(request: FenceRequest, ec2: Ec2) -> Findings:
    """The fence: what would start the target again, or keep it from being stopped."""
    notes = Findings(f"fence aws of {request.target}")
    try:
        answer = ec2.call(calls.INSTANCES, InstanceIds=[fence.target_of(request).id])
    except ProviderError as problem:
        notes.refused("aws.restart", problem)
        return notes
    for one in (each for group in answer["Reservations"] for each in group["Instances"]):
        _comes_back(one, notes)
    return notes


def _comes_back(instance: dict[str, Any], notes: Findings) -> None:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    scaling, name = tags.get(SCALING_TAG), instance["InstanceId"]
    if scaling is not None:
        notes.error(
            "aws.restart",
            f"it is in the Auto Scaling group {scaling}, which replaces what is stopped",
            "aws autoscaling detach-instances --should-decrement-desired-capacity "
            f"--auto-scaling-group-name {scaling} --instance-ids {name}",
        )
    elif instance.get("InstanceLifecycle") == "spot":
        what = "it is a spot instance: EC2 may start it again, and some cannot be stopped"
        notes.warn("aws.restart", what, "use an on-demand instance")
    elif instance.get("RootDeviceType") == "instance-store":
        what = "its root device is an instance store, so it cannot be stopped"
        notes.error("aws.restart", what, "use an instance with an EBS root volume")
    else:
        notes.ok("aws.restart", "it is in no Auto Scaling group, so nothing starts it again")


def _identity(request: VipRequest, notes: Findings) -> None:
    try:
        found = Metadata().interfaces()
    except Unavailable as problem:
        remedy = "switch the metadata service on: a move is confirmed by it"
        notes.warn("aws.identity", f"whose interfaces these are is not known: {problem}", remedy)
        return
    own = request.own("eni")
    if own in found:
        notes.ok("aws.identity", f"{own} is an interface of this instance")
    else:
        what = f"{own} is no interface of this instance (it has {', '.join(sorted(found))})"
        notes.error("aws.identity", what, "correct eni in the cluster file")


def _interface(ec2: Ec2, request: VipRequest, node: int) -> dict[str, Any]:
    wanted = [request.options["eni"][node]]
    found: list[dict[str, Any]] = ec2.call(calls.INTERFACES, NetworkInterfaceIds=wanted)[
        "NetworkInterfaces"
    ]
    return found[0]


def _checks_nothing(peer: dict[str, Any], notes: Findings) -> None:
    """The warm-up has seen this node's; the other's matters when the VIP goes there."""
    name = peer["NetworkInterfaceId"]
    if peer.get("SourceDestCheck", True):
        notes.error(
            "aws.forwarding",
            f"{name}, of the other node, drops what is not for its own addresses",
            "aws ec2 modify-network-interface-attribute --no-source-dest-check "
            f"--network-interface-id {name}",
        )
    else:
        notes.ok("aws.forwarding", f"{name}, of the other node, takes packets for other addresses")


def _in_one_subnet(own: dict[str, Any], peer: dict[str, Any], notes: Findings) -> None:
    if own.get("SubnetId") == peer.get("SubnetId"):
        notes.ok("aws.subnet", "both interfaces are in one subnet")
    else:
        what = "the interfaces are in two subnets, and an address cannot leave its own"
        notes.error("aws.subnet", what, "use the mover route, or interfaces of one subnet")
