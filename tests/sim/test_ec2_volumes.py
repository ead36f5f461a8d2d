"""Volumes in the model of EC2, asked by the unmodified SDK."""

# ruff: noqa: F811 - the fixtures are those of the other tests of the model

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from hafw_sim.clouds.ec2 import Fault, Guest, Kind, volumes
from tests.sim.test_ec2 import Sdk, client, code, ec2, sdk, server  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from hafw_sim.clouds.ec2 import Ec2

VOLUME, ROOT = "vol-00000001", "vol-00000002"
ALPHA, BETA = "i-00000001", "i-00000002"
PATIENCE_S: Final = 10.0


def attach(client: Sdk, instance: str, **more: object) -> dict[str, Any]:
    wanted = {"VolumeId": VOLUME, "InstanceId": instance, "Device": "/dev/sdf"}
    return client.attach_volume(**(wanted | more))


def detach(client: Sdk, instance: str, **more: object) -> dict[str, Any]:
    return client.detach_volume(VolumeId=VOLUME, InstanceId=instance, **more)


def shown(client: Sdk) -> tuple[str, list[tuple[str, str]]]:
    """The volume's state, and where it is, with the state of that."""
    (one,) = client.describe_volumes(VolumeIds=[VOLUME])["Volumes"]
    return one["State"], [(each["InstanceId"], each["State"]) for each in one["Attachments"]]


def until(client: Sdk, expected: tuple[str, list[tuple[str, str]]]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while shown(client) != expected:
        assert time.monotonic() < until_s, shown(client)


def put(ec2: Ec2, **changes: object) -> None:
    one = ec2.state.things.volumes[VOLUME]
    ec2.state.put(time.time(), replace(one, **changes))  # type: ignore[arg-type]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on its way does not arrive before the test is over."""
    monkeypatch.setattr(volumes, "ATTACH_S", 3_600.0)
    monkeypatch.setattr(volumes, "DETACH_S", 3_600.0)


def test_an_attach_and_a_detach_arrive(client: Sdk) -> None:
    attach(client, ALPHA)
    until(client, ("in-use", [(ALPHA, "attached")]))
    detach(client, ALPHA)
    until(client, ("available", []))


@pytest.mark.usefixtures("slow")
def test_while_they_are_on_their_way_the_volume_is_still_there(client: Sdk, ec2: Ec2) -> None:
    coming = attach(client, ALPHA)["State"], shown(client)
    put(ec2, attachment="attached")
    going = detach(client, ALPHA)["State"], shown(client)

    assert coming == ("attaching", ("in-use", [(ALPHA, "attaching")]))
    assert going == ("detaching", ("in-use", [(ALPHA, "detaching")]))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("attaching", "VolumeInUse"),
        ("attached", "VolumeInUse"),
        ("busy", "VolumeInUse"),
        ("detaching", "IncorrectState"),
    ],
)
def test_a_volume_is_attached_to_one_instance_at_a_time(
    client: Sdk, ec2: Ec2, state: str, expected: str
) -> None:
    put(ec2, instance=ALPHA, attachment=state)

    with pytest.raises(ClientError) as refused:
        attach(client, BETA)

    assert code(refused) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [("", "IncorrectState"), ("attached", "InvalidAttachment.NotFound")],
    ids=["nowhere", "elsewhere"],
)
def test_a_volume_is_detached_only_from_where_it_is(
    client: Sdk,
    ec2: Ec2,
    state: str,
    expected: str,
) -> None:
    put(ec2, instance=ALPHA if state else "", attachment=state)

    with pytest.raises(ClientError) as refused:
        detach(client, BETA)

    assert code(refused) == expected
    assert ec2.state.things.volumes[VOLUME].attachment == state


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"VolumeId": "vol-00000009"}, "InvalidVolume.NotFound"),
        ({"InstanceId": "i-00000009"}, "InvalidInstanceID.NotFound"),
        ({"Device": "/dev/xvda"}, "InvalidParameterValue"),
    ],
)
def test_what_cannot_be_attached_is_refused(
    client: Sdk,
    wanted: dict[str, str],
    expected: str,
) -> None:
    with pytest.raises(ClientError) as refused:
        attach(client, ALPHA, **wanted)

    assert code(refused) == expected


def test_a_volume_does_not_leave_its_zone(client: Sdk, ec2: Ec2) -> None:
    put(ec2, zone="eu-central-1b")

    with pytest.raises(ClientError) as refused:
        attach(client, ALPHA)

    assert code(refused) == "InvalidVolume.ZoneMismatch"


def test_a_dry_run_changes_nothing(client: Sdk) -> None:
    with pytest.raises(ClientError) as dry:
        attach(client, ALPHA, DryRun=True)

    assert code(dry) == "DryRunOperation"
    assert shown(client) == ("available", [])


def test_what_a_system_uses_stays_busy_until_its_instance_has_stopped(
    client: Sdk,
    ec2: Ec2,
) -> None:
    put(ec2, instance=BETA, device="/dev/sdf", attachment="attached", mounted=True)
    beta = ec2.state.things.instances[BETA]
    ec2.state.put(time.time(), replace(beta, guest=Guest.HANGS))

    busy = detach(client, BETA)["State"], shown(client)
    client.stop_instances(InstanceIds=[BETA], Force=True, SkipOsShutdown=True)
    until(client, ("available", []))

    assert busy == ("busy", ("in-use", [(BETA, "busy")]))


def test_a_stopped_instance_keeps_its_volumes(client: Sdk, ec2: Ec2) -> None:
    put(ec2, instance=BETA, device="/dev/sdf", attachment="attached")
    client.stop_instances(InstanceIds=[BETA], Force=True, SkipOsShutdown=True)
    until_s = time.monotonic() + PATIENCE_S
    while ec2.state.things.instances[BETA].state != "stopped":
        client.describe_instances(InstanceIds=[BETA])
        assert time.monotonic() < until_s

    assert shown(client) == ("in-use", [(BETA, "attached")])


def test_a_lost_reply_has_had_its_effect(client: Sdk, ec2: Ec2) -> None:
    ec2.faults.add(Fault(Kind.LOST_REPLY, calls="AttachVolume", times=1))

    with pytest.raises(HTTPClientError):
        attach(client, ALPHA)

    until(client, ("in-use", [(ALPHA, "attached")]))


def test_a_permission_is_asked_for_first(client: Sdk, ec2: Ec2) -> None:
    ec2.denied.add("AttachVolume")

    with pytest.raises(ClientError) as refused:
        attach(client, ALPHA, DryRun=True)

    assert code(refused) == "UnauthorizedOperation"
