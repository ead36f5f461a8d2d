"""EBS volumes: the conformance suite, and what EC2 alone does with them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from hafw.hooks.errors import Conflict, Denied, Misconfigured, Retryable, UnknownOutcome
from hafw.hooks.findings import Finding, Verdict
from hafw.hooks.hookspecs import Holder, PolicyRequest, PrecheckRequest
from hafw.net.clock import boot_ns
from hafw.providers import aws as provider
from hafw.providers.aws.calls import Use
from hafw.testing.disks import DiskConformance, DiskPair
from hafw.testing.mover_bench import ALPHA, BETA
from hafw_sim.clouds.ec2 import Fault, Kind
from hafw_sim.clouds.ec2.model import CALLS as KNOWN
from hafw_sim.clouds.ec2.state import State
from tests.providers.aws.clouds import INSTANCES, Volumes
from tests.providers.aws.test_calls import allowed, declared, statements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw.hooks.placed import Option
    from hafw_sim.clouds.ec2 import Ec2
    from hafw_sim.clouds.ec2.server import Server

PLUGIN: Final = "hafw.providers.aws"
OPTIONS: Final[dict[str, Option]] = {
    "volume": Volumes.id,
    "instance": (INSTANCES["alpha"], INSTANCES["beta"]),
    "device": "/dev/sdf",
}


class TestEbs(DiskConformance):
    plugin = PLUGIN

    @pytest.fixture
    def cloud(self, ec2: Ec2) -> Volumes:
        return Volumes(ec2)

    @pytest.fixture
    def options(self) -> Mapping[str, Option]:
        return OPTIONS


@pytest.fixture
def cloud(ec2: Ec2) -> Volumes:
    return Volumes(ec2)


@pytest.fixture
def pair(cloud: Volumes) -> DiskPair:
    return DiskPair(PLUGIN, OPTIONS, cloud)


@pytest.fixture
def here(server: Server, pair: DiskPair, monkeypatch: pytest.MonkeyPatch) -> DiskPair:
    """The pair, as the instance alpha sees it."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.metadata["eni-00000001"])
    return pair


def changes(ec2: Ec2) -> list[str]:
    return [call for call in ec2.made if not call.startswith("Describe")]


# --- who has it, and what is on its way -------------------------------------------------------


def test_it_is_detached_from_the_dead_peer_before_it_is_attached_here(
    pair: DiskPair, cloud: Volumes, ec2: Ec2
) -> None:
    cloud.give_to("alpha")

    receipt = pair.start(BETA)

    was_at = [one.volumes[cloud.id].instance for one in ec2.state.history]
    went = [name for name, last in zip(was_at[1:], was_at, strict=False) if name != last]
    assert changes(ec2) == ["DetachVolume", "AttachVolume"]
    assert went[-2:] == ["", INSTANCES["beta"]]
    assert "DetachVolume " in receipt.detail
    assert "AttachVolume " in receipt.detail


def test_it_is_here_only_when_ec2_says_that_it_is_attached(pair: DiskPair, cloud: Volumes) -> None:
    pair.start(ALPHA)

    assert cloud.volume.attachment == "attached"


def test_a_stale_read_that_shows_it_here_misleads_nobody(
    pair: DiskPair, cloud: Volumes, ec2: Ec2
) -> None:
    cloud.give_to("alpha")
    ec2.state = State(ec2.state.things)  # so that nothing older is remembered
    cloud.give_to("beta")
    ec2.faults.add(Fault(Kind.STALE_READ, 3600.0, "DescribeVolumes", times=1))

    with pytest.raises(Conflict, match="attached to i-00000002"):
        pair.start(ALPHA, "operator")


@pytest.mark.parametrize("state", ["attaching", "detaching", "busy"])
def test_a_volume_that_is_coming_or_going_is_at_that_instance(
    pair: DiskPair, cloud: Volumes, state: str
) -> None:
    cloud.put(instance=INSTANCES["alpha"], attachment=state)

    assert pair.probe(ALPHA).holder is Holder.MINE
    assert pair.probe(BETA).holder is Holder.PEER


def test_what_the_peers_system_still_uses_is_not_torn_away(
    pair: DiskPair, cloud: Volumes, ec2: Ec2
) -> None:
    cloud.give_to("alpha")
    cloud.put(mounted=True)

    with pytest.raises(UnknownOutcome, match="on its way to or from i-00000001"):
        pair.start(BETA, lasts_s=2.0)

    assert changes(ec2) == ["DetachVolume"]
    assert cloud.leads_to() == {"alpha"}


def test_a_stopped_instance_lets_go_of_what_it_had_mounted(
    pair: DiskPair, cloud: Volumes, ec2: Ec2
) -> None:
    cloud.give_to("alpha")
    cloud.put(mounted=True)
    alpha = ec2.state.things.instances[INSTANCES["alpha"]]
    ec2.state.put(time.time(), replace(alpha, state="stopped"))

    pair.start(BETA)

    assert cloud.leads_to() == {"beta"}


def test_a_stop_of_what_is_mounted_here_is_not_confirmed(pair: DiskPair, cloud: Volumes) -> None:
    pair.start(ALPHA)
    cloud.put(mounted=True)

    with pytest.raises(UnknownOutcome, match="on its way to or from i-00000001"):
        pair.stop(ALPHA, lasts_s=1.5)


def test_a_volume_that_stays_on_its_way_to_the_peer_is_waited_for_without_a_change(
    pair: DiskPair, cloud: Volumes, ec2: Ec2
) -> None:
    cloud.put(instance=INSTANCES["alpha"], attachment="attaching")

    with pytest.raises(Retryable, match="on its way"):
        pair.start(BETA, lasts_s=1.5)

    assert changes(ec2) == []


def test_after_a_detach_a_refusal_is_not_without_effect(
    pair: DiskPair, cloud: Volumes, ec2: Ec2
) -> None:
    cloud.give_to("alpha")
    ec2.denied.add("AttachVolume")

    with pytest.raises(UnknownOutcome, match="ec2:AttachVolume"):
        pair.start(BETA)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"zone": "eu-central-1b"}, "not in the same availability zone"),
        ({"multi_attach": True}, "--no-multi-attach-enabled"),
    ],
)
def test_what_cannot_be_attached_is_said_and_changes_nothing(
    pair: DiskPair, cloud: Volumes, changed: dict[str, object], why: str
) -> None:
    cloud.put(**changed)

    with pytest.raises(Misconfigured, match=why):
        pair.start(ALPHA)

    assert cloud.leads_to() == set()


def test_a_device_name_that_is_taken_is_said(pair: DiskPair, cloud: Volumes, ec2: Ec2) -> None:
    root = ec2.state.things.volumes["vol-00000002"]
    ec2.state.put(time.time(), replace(root, device="/dev/sdf"))

    with pytest.raises(Misconfigured, match="/dev/sdf is already in use"):
        pair.start(ALPHA)

    assert cloud.leads_to() == set()


def test_a_volume_that_ec2_does_not_know_is_not_free(ec2: Ec2) -> None:
    pair = DiskPair(PLUGIN, OPTIONS | {"volume": "vol-00000009"}, Volumes(ec2))

    seen = pair.probe(ALPHA)

    assert seen.holder is Holder.UNKNOWN
    assert "does not exist" in seen.who


def test_another_type_of_resource_is_refused(pair: DiskPair) -> None:
    with pytest.raises(Misconfigured, match='"tape" is no resource of aws'):
        provider.hafw_resource_probe(request=replace(pair.request(ALPHA), type="tape"))


# --- before it is needed ----------------------------------------------------------------------


def test_another_machine_than_the_file_says_is_refused_at_the_start(here: DiskPair) -> None:
    with pytest.raises(Misconfigured, match="this instance is i-00000001"):
        provider.hafw_resource_warm(requests=(here.request(BETA),))


@pytest.mark.parametrize("call", ["AttachVolume", "DetachVolume", "DescribeVolumes"])
def test_a_missing_permission_is_found_before_it_is_needed(
    here: DiskPair, ec2: Ec2, call: str
) -> None:
    ec2.denied.add(call)

    with pytest.raises(Denied, match=f"ec2:{call}"):
        provider.hafw_resource_warm(requests=(here.request(ALPHA),))


def test_an_api_that_is_away_at_the_start_may_be_back_when_it_is_needed(
    here: DiskPair, ec2: Ec2, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "WARM_S", 0.3)
    ec2.faults.add(Fault(Kind.CONTROL_PLANE_DOWN))

    provider.hafw_resource_warm(requests=(here.request(ALPHA),))


def prechecked(pair: DiskPair) -> dict[str, Finding]:
    request = PrecheckRequest(deadline_ns=boot_ns() + 5 * 10**9, resources=(pair.request(ALPHA),))
    return {one.id: one for one in provider.hafw_precheck(request=request)}


def test_a_pair_that_is_as_it_should_be_has_no_findings_but_good_ones(
    here: DiskPair, ec2: Ec2
) -> None:
    before = ec2.state.things

    found = prechecked(here)

    assert set(found) == {"aws.credentials", "aws.zone"}
    assert {one.verdict for one in found.values()} == {Verdict.OK}
    assert ec2.state.things == before


def test_an_instance_of_another_zone_is_found(here: DiskPair, ec2: Ec2) -> None:
    beta = ec2.state.things.instances[INSTANCES["beta"]]
    ec2.state.put(time.time(), replace(beta, zone="eu-central-1b"))

    found = prechecked(here)["aws.zone"]

    assert found.verdict is Verdict.ERROR
    assert "i-00000002 in eu-central-1b" in found.what


def test_a_volume_that_several_instances_may_have_is_found(here: DiskPair, cloud: Volumes) -> None:
    cloud.put(multi_attach=True)

    found = prechecked(here)["aws.volume"]

    assert found.verdict is Verdict.ERROR
    assert "aws ec2 modify-volume" in found.remedy


# --- what it is allowed -----------------------------------------------------------------------


def use(pair: DiskPair) -> None:
    """Everything that a disk ever does."""
    pair.hooks.hafw_resource_warm(requests=(pair.request(ALPHA),))
    pair.start(ALPHA)
    pair.start(BETA)
    pair.stop(BETA)
    prechecked(pair)


def test_a_disk_makes_the_calls_that_it_declares_and_needs_no_others(
    pair: DiskPair, ec2: Ec2
) -> None:
    policy = PolicyRequest(resources=(pair.request(ALPHA),))
    ec2.denied = set(KNOWN) - allowed(policy)

    use(pair)

    assert set(ec2.made) == declared(Use.DISK) == allowed(policy)


def test_the_policy_attaches_to_this_node_alone_and_detaches_from_either(pair: DiskPair) -> None:
    policy = PolicyRequest(resources=(pair.request(BETA),))

    found = {one["Sid"]: (one["Action"], one["Resource"]) for one in statements(policy)}

    arns = ["arn:aws:ec2:*:*:volume/vol-00000001", "arn:aws:ec2:*:*:instance/i-00000001"]
    own = "arn:aws:ec2:*:*:instance/i-00000002"
    assert found["ChangeVolumeOwn"] == (["ec2:AttachVolume"], [arns[0], own])
    assert found["ChangeVolumeBoth"] == (["ec2:DetachVolume"], [*arns, own])


def test_a_plan_names_what_would_be_taken_from_whom(pair: DiskPair) -> None:
    with_proof, without = (
        " | ".join(provider.hafw_resource_plan(request=pair.request(BETA, certificate)))
        for certificate in ("fenced", "operator")
    )

    assert "DetachVolume vol-00000001 from i-00000001" in with_proof
    assert "never by force" in with_proof
    assert "DetachVolume" not in without
    assert "AttachVolume vol-00000001 to i-00000002 as /dev/sdf" in without
