"""Managed disks in the model of Azure Resource Manager, by Azure's unmodified SDK."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError

from hafw.providers.azure.api import connect
from hafw_sim.clouds.arm import Arm, Disk, Fault, Kind, pair, vms
from hafw_sim.clouds.arm.server import Server, served
from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION
from tests.sim.test_arm import code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.mgmt.compute import ComputeManagementClient

DISK = Disk(name="data")


@pytest.fixture
def arm() -> Arm:
    return Arm(pair(), vms(), disks=[DISK, Disk(name="logs", zone="1")], running_s=0.2)


@pytest.fixture
def server(arm: Arm) -> Iterator[Server]:
    with served(arm) as server:
        yield server


@pytest.fixture
def compute(server: Server) -> Iterator[ComputeManagementClient]:
    with ExitStack() as stack:
        found = connect(SUBSCRIPTION, server.endpoint)
        stack.enter_context(found.network)
        stack.enter_context(found.compute)
        yield found.compute


def change(compute: ComputeManagementClient, vm: str, *, wait: bool = True, **body: Any) -> None:  # noqa: ANN401
    begin: Any = compute.virtual_machines.begin_attach_detach_data_disks
    begun = begin(GROUP, vm, body, polling=wait, polling_interval=0.1)
    if wait:
        begun.result(10)


def attach(compute: ComputeManagementClient, vm: str, **how: Any) -> None:  # noqa: ANN401
    path = how.pop("path", DISK.path)
    change(compute, vm, dataDisksToAttach=[{"diskId": path, "lun": 1}], **how)


def detach(compute: ComputeManagementClient, vm: str, **how: Any) -> None:  # noqa: ANN401
    change(compute, vm, dataDisksToDetach=[{"diskId": DISK.path}], **how)


def owner(compute: ComputeManagementClient) -> str:
    found = compute.disks.get(GROUP, "data").as_dict()
    return str(found.get("managedBy", "")).rpartition("/")[2]


def listed(compute: ComputeManagementClient, vm: str) -> list[dict[str, Any]]:
    found = compute.virtual_machines.get(GROUP, vm).as_dict()
    disks: list[dict[str, Any]] = found["properties"]["storageProfile"]["dataDisks"]
    return disks


def test_a_machine_lists_a_disk_before_it_owns_it(compute: ComputeManagementClient) -> None:
    attach(compute, "vm-a", wait=False)
    wanted = [one["name"] for one in listed(compute, "vm-a")], owner(compute)

    with pytest.raises(HttpResponseError) as refused:
        detach(compute, "vm-a")

    assert wanted == (["data"], "")
    assert code(refused) == (409, "AnotherOperationInProgress")


def test_a_disk_goes_and_comes_back_by_changes_that_the_sdk_follows(
    compute: ComputeManagementClient,
) -> None:
    attach(compute, "vm-a")
    had = owner(compute)
    detach(compute, "vm-a")
    left = owner(compute), listed(compute, "vm-a")
    attach(compute, "vm-b")

    assert (had, left, owner(compute)) == ("vm-a", ("", []), "vm-b")


def test_what_one_machine_has_is_refused_to_every_other(compute: ComputeManagementClient) -> None:
    attach(compute, "vm-a")

    with pytest.raises(HttpResponseError) as refused:
        attach(compute, "vm-b")

    assert code(refused) == (409, "ConflictingUserInput")


def test_of_two_who_attach_at_once_the_second_fails(
    arm: Arm, compute: ComputeManagementClient
) -> None:
    attach(compute, "vm-a", wait=False)

    attach(compute, "vm-b")

    assert owner(compute) == "vm-a"
    assert arm.state.things.vms["vm-b"].state == "Failed"
    assert listed(compute, "vm-b") == []


def test_what_is_on_its_way_out_cannot_be_attached_elsewhere(
    compute: ComputeManagementClient,
) -> None:
    attach(compute, "vm-a")
    detach(compute, "vm-a", wait=False)
    leaving = [one["toBeDetached"] for one in listed(compute, "vm-a")]

    with pytest.raises(HttpResponseError) as refused:
        attach(compute, "vm-b")

    assert leaving == [True]
    assert code(refused) == (409, "AttachDiskWhileBeingDetached")


def test_a_detach_that_fails_leaves_the_disk_where_it_is(
    arm: Arm, compute: ComputeManagementClient
) -> None:
    attach(compute, "vm-a")
    arm.faults.add(Fault(Kind.FAILED_OPERATION, calls="*attachDetachDataDisks", times=1))

    with pytest.raises(HttpResponseError):
        detach(compute, "vm-a")

    assert owner(compute) == "vm-a"
    assert [one["toBeDetached"] for one in listed(compute, "vm-a")] == [False]


@pytest.mark.parametrize(
    "body",
    [
        {"dataDisksToDetach": [{"diskId": DISK.path, "detachOption": "ForceDetach"}]},
        {"dataDisksToDetach": [{"diskId": DISK.path}]},
        {"dataDisksToAttach": [{"diskId": DISK.path.replace("data", "logs"), "lun": 1}]},
    ],
    ids=["by force", "of a disk that is not there", "of a disk in another zone"],
)
def test_what_cannot_be_is_refused(compute: ComputeManagementClient, body: dict[str, Any]) -> None:
    with pytest.raises(HttpResponseError) as refused:
        change(compute, "vm-a", **body)

    assert refused.value.status_code == 400


def test_a_disk_of_a_machine_without_power_is_still_its_own(
    arm: Arm, compute: ComputeManagementClient
) -> None:
    attach(compute, "vm-a")
    arm.state.put_vm(replace(arm.state.things.vms["vm-a"], power="deallocated"), 0.0)

    found = compute.disks.get(GROUP, "data").as_dict()

    assert found["properties"]["diskState"] == "Reserved"
    assert owner(compute) == "vm-a"
