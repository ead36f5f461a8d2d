"""The calls that are made are the calls that are declared, and the policy allows these alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest

from hafw import fence_rounds
from hafw.hooks.hookspecs import FenceRequest, PolicyRequest, VipRequest
from hafw.net.clock import boot_ns
from hafw.providers import aws as provider
from hafw.providers.aws.calls import CALLS, Use
from hafw.testing.movers import NODES, Hosts
from hafw_sim.clouds.ec2.model import CALLS as KNOWN
from tests.providers.aws.clouds import BOTH

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import VipOption
    from hafw_sim.clouds.ec2 import Ec2

TABLES: Final = ("rtb-00000001", "rtb-00000002")
VIPS: Final[dict[Use, tuple[str, dict[str, VipOption]]]] = {
    Use.PRIVATE_IP: ("10.0.1.50", {"mover": "private-ip", "eni": BOTH}),
    Use.PRIVATE_IPV6: ("2001:db8:1::50", {"mover": "private-ip", "eni": BOTH}),
    Use.ROUTE: ("192.168.50.50", {"mover": "route", "eni": BOTH, "route_tables": TABLES}),
    Use.ELASTIC_IP: (
        "203.0.113.5",
        {"mover": "elastic-ip", "eni": BOTH, "allocation_id": "eipalloc-00000001"},
    ),
}
MOVERS = pytest.mark.parametrize("use", VIPS)


def vip(use: Use, node: int = 0, certificate: str = "", **more: str) -> VipRequest:
    address, options = VIPS[use]
    return VipRequest(
        cluster_id="c1",
        group=3,
        epoch=7,
        address=address,
        interface="eth0",
        deadline_ns=boot_ns() + 10 * 10**9,
        certificate=certificate,
        node=node,
        nodes=NODES,
        options=options | more,
    )


def use_mover(use: Use) -> None:
    """Everything that a mover ever does."""
    provider.hafw_warm(requests=(vip(use),))
    provider.hafw_vip_attach(request=vip(use, 0, "fenced"))
    provider.hafw_vip_attach(request=vip(use, 1, "reflected"))
    provider.hafw_vip_observe(request=vip(use, 1))
    provider.hafw_vip_detach(request=vip(use, 1))


def use_fence() -> None:
    """Everything that the fence ever does."""
    request = FenceRequest(
        cluster_id="c1",
        op="0/1/7/1",
        sender="alpha",
        target="beta",
        options={"instance_id": "i-00000002"},
        deadline_ns=boot_ns() + 10 * 10**9,
    )
    provider.hafw_fence_warm(request=request)
    provider.hafw_fence_off(request=request)


@pytest.fixture(autouse=True)
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    hosts = Hosts()
    for name in ("observe", "attach", "detach"):
        monkeypatch.setattr(f"hafw.hostaddress.{name}", getattr(hosts, name))
    monkeypatch.setattr(fence_rounds, "PAUSE_S", 0.05)
    return hosts


def declared(*uses: Use) -> set[str]:
    return {call.name for call in CALLS if set(call.uses) & set(uses)}


def statements(request: PolicyRequest) -> list[dict[str, Any]]:
    written = json.loads(provider.hafw_policy_write(request=request))
    found: list[dict[str, Any]] = written["Statement"]
    return found


def allowed(request: PolicyRequest) -> set[str]:
    return {
        action.removeprefix("ec2:")
        for one in statements(request)
        if one["Effect"] == "Allow"
        for action in one["Action"]
    }


@MOVERS
def test_a_mover_makes_the_calls_that_it_declares(ec2: Ec2, use: Use) -> None:
    use_mover(use)

    assert set(ec2.made) == declared(use)


def test_the_fence_makes_the_calls_that_it_declares(ec2: Ec2) -> None:
    use_fence()

    assert set(ec2.made) == declared(Use.FENCE)


@MOVERS
def test_a_mover_needs_no_more_than_its_policy_allows(ec2: Ec2, use: Use) -> None:
    policy = PolicyRequest(vips=(vip(use),))
    ec2.denied = set(KNOWN) - allowed(policy)

    use_mover(use)

    assert set(ec2.made) == allowed(policy)


def test_the_fence_needs_no_more_than_its_policy_allows(ec2: Ec2) -> None:
    policy = PolicyRequest(vips=(vip(Use.ROUTE),), peer_fence={"instance_id": "i-00000002"})
    ec2.denied = set(KNOWN) - allowed(policy)

    use_fence()

    assert allowed(policy) == declared(Use.FENCE, Use.ROUTE)


def test_without_a_cluster_file_the_policy_covers_every_call() -> None:
    assert allowed(PolicyRequest()) == {call.name for call in CALLS}


def test_the_policy_names_what_it_is_for_and_denies_stopping_oneself() -> None:
    policy = PolicyRequest(
        vips=(vip(Use.PRIVATE_IP, region="eu-central-1"),),
        own_fence={"instance_id": "i-00000001"},
        peer_fence={"instance_id": "i-00000002"},
    )

    found = {one["Sid"]: one for one in statements(policy)}

    interface = "arn:aws:ec2:eu-central-1:*:network-interface/"
    assert found["ChangeInterfaces"]["Resource"] == [interface + eni for eni in BOTH]
    instance = "arn:aws:ec2:eu-central-1:*:instance/"
    assert found["ChangePeer"]["Resource"] == instance + "i-00000002"
    assert found["NeverItself"] == {
        "Sid": "NeverItself",
        "Effect": "Deny",
        "Action": ["ec2:StopInstances"],
        "Resource": instance + "i-00000001",
    }


@pytest.mark.parametrize(
    ("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_a_sovereign_cloud_has_a_partition_of_its_own(region: str, partition: str) -> None:
    policy = PolicyRequest(vips=(vip(Use.PRIVATE_IP, region=region),))

    resources = [one["Resource"] for one in statements(policy) if one["Sid"] == "ChangeInterfaces"]

    assert resources[0][0].startswith(f"arn:{partition}:ec2:{region}:")


def test_the_terraform_form_holds_the_same_policy() -> None:
    text = provider.hafw_policy_write(request=PolicyRequest(terraform=True))

    body = text.partition("jsonencode(")[2].rpartition(")")[0]
    assert text.startswith('resource "aws_iam_policy" "hafw" {')
    assert json.loads(body)["Statement"] == statements(PolicyRequest())


@MOVERS
def test_with_a_proof_one_change_takes_the_vip_over(ec2: Ec2, use: Use) -> None:
    provider.hafw_vip_attach(request=vip(use, 0, "fenced"))
    ec2.made.clear()

    provider.hafw_vip_attach(request=vip(use, 1, "fenced"))

    changes = [call for call in ec2.made if not call.startswith("Describe")]
    expected = {Use.PRIVATE_IP: 1, Use.PRIVATE_IPV6: 3, Use.ROUTE: len(TABLES), Use.ELASTIC_IP: 1}
    assert len(changes) == expected[use]


def test_every_call_is_one_of_the_sdk() -> None:
    operations = boto3.session.Session().client("ec2", region_name="eu-central-1").meta
    known = set(operations.method_to_api_mapping.values())

    assert {call.name for call in CALLS} <= known
