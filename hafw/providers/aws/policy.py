"""The least-privilege policy of a node, from the calls that its resources and its fence make.

One rule: nothing is allowed that is not in `calls`, and stopping this node's own instance is denied
by name, whatever else its role allows.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from hafw.providers.aws.calls import CALLS, Call, Scope, Use

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hafw.hooks.hookspecs import PolicyRequest
    from hafw.hooks.resources import ResourceRequest

_KINDS: Final = {
    Scope.INTERFACES: "network-interface",
    Scope.TABLES: "route-table",
    Scope.ELASTIC: "elastic-ip",
    Scope.PEER: "instance",
    Scope.VOLUME: "volume",
    Scope.OWN: "instance",
    Scope.BOTH: "instance",
}
_OPTIONS: Final = {
    Scope.INTERFACES: "eni",
    Scope.TABLES: "route_tables",
    Scope.ELASTIC: "allocation_id",
}
_PARTITIONS: Final = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


def policy(request: PolicyRequest) -> str:
    """The policy as IAM takes it, or as a Terraform resource."""
    document = {"Version": "2012-10-17", "Statement": _statements(request)}
    text = json.dumps(document, indent=2)
    if not request.terraform:
        return text
    body = text.replace("\n", "\n  ")
    return (
        f'resource "aws_iam_policy" "hafw" {{\n  name   = "hafw"\n  policy = jsonencode({body})\n}}'
    )


def uses_of(request: PolicyRequest) -> tuple[Use, ...]:
    """What the calls are needed for; without resources, everything."""
    if not (request.vips or request.resources):
        return tuple(Use)
    found = {
        Use.PRIVATE_IPV6
        if vip.options["mover"] == Use.PRIVATE_IP and ":" in vip.address
        else Use(str(vip.options["mover"]))
        for vip in request.vips
    }
    if request.resources:
        found.add(Use.DISK)
    if request.peer_fence is not None:
        found.add(Use.FENCE)
    return tuple(use for use in Use if use in found)


def _statements(request: PolicyRequest) -> list[dict[str, Any]]:
    uses = uses_of(request)
    needed = [call for call in CALLS if set(call.uses) & set(uses)]
    reads = [call for call in needed if call.scopes == (Scope.ANY,)]
    found = [_statement("Read", "Allow", reads, ["*"])]
    groups: dict[tuple[Scope, ...], list[Call]] = {}
    for call in needed:
        if call not in reads:
            groups.setdefault(call.scopes, []).append(call)
    for scopes, group in groups.items():
        resources = [arn for scope in scopes for arn in _resources(request, scope)]
        found.append(_statement(_sid(scopes), "Allow", group, resources))
    if Use.FENCE in uses and request.own_fence is not None:
        stop = [call for call in needed if Scope.PEER in call.scopes]
        own = [_arn(request, "instance", str(request.own_fence["instance_id"]))]
        found.append(_statement("NeverItself", "Deny", stop, own))
    return found


def _statement(
    sid: str, effect: str, group: Sequence[Call], resources: list[str]
) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": effect,
        "Action": [call.permission for call in group],
        "Resource": resources[0] if len(resources) == 1 else resources,
    }


def _sid(scopes: tuple[Scope, ...]) -> str:
    return "Change" + "".join(scope.value.capitalize() for scope in scopes)


def _resources(request: PolicyRequest, scope: Scope) -> list[str]:
    names: set[str] = set()
    if scope is Scope.PEER and request.peer_fence is not None:
        names.add(str(request.peer_fence["instance_id"]))
    for vip in request.vips:
        value = vip.options.get(_OPTIONS.get(scope, ""), ())
        names |= {value} if isinstance(value, str) else set(value)
    for disk in request.resources:
        names |= _of_disk(disk, scope)
    return [_arn(request, _KINDS[scope], name) for name in sorted(names) or ["*"]]


def _of_disk(disk: ResourceRequest, scope: Scope) -> set[str]:
    match scope:
        case Scope.VOLUME:
            return {str(disk.options["volume"])}
        case Scope.OWN:
            return {disk.own("instance")}
        case Scope.BOTH:
            return set(disk.options["instance"])
        case _:
            return set()


def _arn(request: PolicyRequest, kind: str, name: str) -> str:
    placed = (*request.vips, *request.resources)
    regions = {str(each.options["region"]) for each in placed if "region" in each.options}
    region = regions.pop() if len(regions) == 1 else "*"
    starts = (partition for start, partition in _PARTITIONS.items() if region.startswith(start))
    return f"arn:{next(starts, 'aws')}:ec2:{region}:*:{kind}/{name}"
