"""What the prechecks of AWS find on the model of EC2, and that they change nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hafw.hooks.findings import Finding, Verdict
from hafw.hooks.hookspecs import FenceRequest, PolicyRequest, PrecheckRequest
from hafw.net.clock import boot_ns
from hafw.providers import aws as provider
from hafw.providers.aws.api import Ec2 as Api
from hafw.providers.aws.calls import Use
from hafw_sim.clouds.ec2.model import CALLS as KNOWN
from tests.providers.aws.test_calls import allowed, vip
from tests.providers.aws.test_hooks import ALPHA, change_interface, here  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from hafw_sim.clouds.ec2 import Ec2

BETA = "eni-00000002"


def asked(*uses: Use, fence: bool = False, node: int = 0) -> dict[str, Finding]:
    """The findings by their id."""
    deadline_ns = boot_ns() + 5 * 10**9
    target = FenceRequest(
        cluster_id="c1",
        op="precheck",
        sender="alpha",
        target="beta",
        options={"instance_id": "i-00000002"},
        deadline_ns=deadline_ns,
    )
    request = PrecheckRequest(
        deadline_ns=deadline_ns,
        vips=tuple(vip(use, node) for use in uses),
        fence=target if fence else None,
    )
    return {one.id: one for one in provider.hafw_precheck(request=request)}


def verdicts(findings: dict[str, Finding]) -> dict[str, Verdict]:
    return {key: one.verdict for key, one in findings.items()}


@pytest.mark.usefixtures("here")
def test_a_pair_that_is_as_it_should_be_has_no_errors() -> None:
    findings = asked(Use.PRIVATE_IP, Use.ROUTE, Use.ELASTIC_IP, fence=True)

    assert verdicts(findings) == {
        "aws.credentials": Verdict.OK,
        "aws.identity": Verdict.OK,
        "aws.subnet": Verdict.OK,
        "aws.permissions": Verdict.WARNING,
        "aws.forwarding": Verdict.OK,
        "aws.restart": Verdict.OK,
    }


def test_a_precheck_changes_nothing(here: Ec2) -> None:  # noqa: F811
    before = here.state.things

    asked(Use.PRIVATE_IP, Use.ROUTE, Use.ELASTIC_IP, fence=True)

    assert here.state.things == before
    assert all(call.startswith("Describe") for call in here.made)


def test_a_precheck_needs_no_more_than_the_policy_allows(here: Ec2) -> None:  # noqa: F811
    uses = (Use.PRIVATE_IP, Use.ROUTE, Use.ELASTIC_IP)
    policy = PolicyRequest(
        vips=tuple(vip(use) for use in uses), peer_fence={"instance_id": "i-00000002"}
    )
    here.denied = set(KNOWN) - allowed(policy)

    findings = asked(*uses, fence=True)

    assert Verdict.ERROR not in verdicts(findings).values()


@pytest.mark.usefixtures("here")
def test_an_interface_of_another_machine_is_found() -> None:
    identity = asked(Use.PRIVATE_IP, node=1)["aws.identity"]

    assert identity.verdict is Verdict.ERROR
    assert "eni-00000002 is no interface of this instance (it has eni-00000001)" in identity.what


@pytest.mark.usefixtures("ec2")
def test_without_metadata_the_identity_is_not_known() -> None:
    assert asked(Use.PRIVATE_IP)["aws.identity"].verdict is Verdict.WARNING


def test_interfaces_of_two_subnets_are_found(here: Ec2) -> None:  # noqa: F811
    change_interface(here, BETA, subnet="10.0.2.0/24", primary="10.0.2.20")

    assert asked(Use.PRIVATE_IP)["aws.subnet"].verdict is Verdict.ERROR


def test_the_other_interface_must_not_check_destinations_either(here: Ec2) -> None:  # noqa: F811
    change_interface(here, BETA, source_dest_check=True)

    forwarding = asked(Use.ROUTE)["aws.forwarding"]

    assert forwarding.verdict is Verdict.ERROR
    assert forwarding.remedy.endswith(f"--network-interface-id {BETA}")


def test_an_auto_scaling_group_makes_a_fence_void(here: Ec2) -> None:  # noqa: F811
    target = here.state.things.instances["i-00000002"]
    here.state.put(0.0, replace(target, scaling_group="web"))

    restart = asked(fence=True)["aws.restart"]

    assert restart.verdict is Verdict.ERROR
    assert "--auto-scaling-group-name web --instance-ids i-00000002" in restart.remedy


def test_a_spot_instance_is_a_warning(here: Ec2) -> None:  # noqa: F811
    target = here.state.things.instances["i-00000002"]
    here.state.put(0.0, replace(target, spot=True))

    assert asked(fence=True)["aws.restart"].verdict is Verdict.WARNING


def test_a_missing_permission_is_named(here: Ec2) -> None:  # noqa: F811
    here.denied |= {"DescribeNetworkInterfaces", "DescribeInstances"}

    findings = asked(Use.PRIVATE_IP, fence=True)

    assert findings["aws.interfaces"].remedy.startswith("allow ec2:DescribeNetworkInterfaces")
    assert findings["aws.restart"].remedy.startswith("allow ec2:DescribeInstances")


@pytest.mark.parametrize(
    ("credentials", "verdict"),
    [
        (("iam-role", True), Verdict.OK),
        (("shared-credentials-file", False), Verdict.OK),
        (("env", True), Verdict.WARNING),
        (("sso", True), Verdict.WARNING),
    ],
)
def test_credentials_that_end_and_that_nobody_renews_are_a_warning(
    ec2: Ec2, monkeypatch: pytest.MonkeyPatch, credentials: tuple[str, bool], verdict: Verdict
) -> None:
    del ec2
    monkeypatch.setattr(Api, "credentials", lambda _: credentials)

    assert asked(Use.ELASTIC_IP)["aws.credentials"].verdict is verdict


def test_no_credentials_are_an_error(ec2: Ec2, monkeypatch: pytest.MonkeyPatch) -> None:
    del ec2
    monkeypatch.setattr(Api, "credentials", lambda _: None)

    assert asked(Use.ELASTIC_IP)["aws.credentials"].verdict is Verdict.ERROR
