"""Persistent disks in the model of Compute Engine, asked without HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw_sim.clouds.gce import Disk, Fault, Gce, Kind, pair
from tests.sim.test_gce import Client

if TYPE_CHECKING:
    from hafw_sim.clouds.gce.values import Json

B, C = "zones/europe-west1-b/instances/vm-a", "zones/europe-west1-c/instances/vm-b"
DISK = "regions/europe-west1/disks/data"
ZONAL = "zones/europe-west1-b/disks/logs"
IN_USE = "resourceInUseByAnotherResource"


@pytest.fixture
def gce() -> Gce:
    disks = [Disk(name="data"), Disk(name="logs", zones=("europe-west1-b",))]
    return Gce("p", pair(), disks=disks)


@pytest.fixture
def client(gce: Gce) -> Client:
    return Client(gce)


def attach(client: Client, instance: str, disk: str = DISK, **query: str) -> Json:
    body = {"source": f"projects/p/{disk}", "deviceName": disk.rpartition("/")[2]}
    return client.ask("POST", f"{instance}/attachDisk", body, **query)


def detach(client: Client, instance: str, device: str = "data") -> Json:
    return client.ask("POST", f"{instance}/detachDisk", deviceName=device)


def ended(client: Client, operation: Json) -> Json:
    zone = str(operation["zone"]).rpartition("/")[2]
    return client.ask("POST", f"zones/{zone}/operations/{operation['name']}/wait")


def users(client: Client, disk: str = DISK) -> list[str]:
    return [one.rpartition("/")[2] for one in client.ask("GET", disk).get("users", [])]


def reason(answer: Json) -> str:
    return str(answer["error"]["errors"][0]["reason"])


def test_a_disk_is_at_its_instance_when_the_operation_is_done(client: Client) -> None:
    operation = attach(client, B)
    before = users(client)

    ended(client, operation)

    assert before == []
    assert users(client) == ["vm-a"]
    (shown,) = (one for one in client.ask("GET", B)["disks"] if one.get("deviceName") == "data")
    assert shown["source"].endswith(f"/projects/p/{DISK}")


def test_what_one_instance_has_is_refused_to_every_other(client: Client) -> None:
    ended(client, attach(client, B))

    assert reason(attach(client, C)) == IN_USE
    assert users(client) == ["vm-a"]


def test_of_two_who_attach_at_once_the_second_gets_an_error(client: Client) -> None:
    first, second = attach(client, B), attach(client, C)

    ends = [ended(client, first), ended(client, second)]

    assert "error" not in ends[0]
    assert ends[1]["error"]["errors"][0]["code"] == "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"
    assert users(client) == ["vm-a"]


def test_nothing_is_taken_by_force(client: Client) -> None:
    ended(client, attach(client, B))

    assert attach(client, C, forceAttach="true")["status_code"] == 400


def test_a_disk_is_detached_from_the_instance_that_has_it_alone(client: Client) -> None:
    ended(client, attach(client, B))

    refused = detach(client, C)
    ended(client, detach(client, B))

    assert refused["status_code"] == 400
    assert users(client) == []


def test_a_detach_takes_off_whatever_has_the_device_name_when_it_lands(
    gce: Gce, client: Client
) -> None:
    ended(client, attach(client, B))
    gce.faults.add(Fault(Kind.LATE_LANDING, 30.0, "instances.detachDisk"))
    late = client.send("POST", f"{B}/detachDisk", deviceName="data")
    gce.faults.end()
    ended(client, detach(client, B))
    ended(client, attach(client, B))

    client.settle(late)
    gce.advance(client.now_s + 1.0)

    assert users(client) == []


def test_a_machine_that_is_off_keeps_its_disk(client: Client) -> None:
    ended(client, attach(client, B))

    ended(client, client.ask("POST", f"{B}/stop"))

    assert users(client) == ["vm-a"]


def test_a_disk_of_one_zone_stays_in_it(client: Client) -> None:
    ended(client, attach(client, B, ZONAL))
    elsewhere = attach(client, C, ZONAL)

    assert users(client, ZONAL) == ["vm-a"]
    assert reason(elsewhere) == "invalid"


def test_a_disk_that_does_not_exist_is_not_found(client: Client) -> None:
    assert client.ask("GET", "zones/europe-west1-b/disks/data")["status_code"] == 404
    assert attach(client, B, "zones/europe-west1-b/disks/data")["status_code"] == 404


def test_a_disk_for_many_writers_is_refused_to_nobody(gce: Gce, client: Client) -> None:
    gce.state.put_disk(Disk(name="data", access_mode="READ_WRITE_MANY"), client.now_s)

    for instance in (B, C):
        ended(client, attach(client, instance))

    assert users(client) == ["vm-a", "vm-b"]
