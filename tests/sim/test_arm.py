"""The model of Azure Resource Manager answers Azure's unmodified SDKs as Azure does."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError

from hafw.providers.azure.api import Clients, connect
from hafw_sim.clouds.arm import Arm, Fault, Kind, pair, vms
from hafw_sim.clouds.arm.networks import holders
from hafw_sim.clouds.arm.server import Server, served
from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION, config

if TYPE_CHECKING:
    from collections.abc import Iterator

VIP = "10.0.0.50"


@pytest.fixture
def arm() -> Arm:
    return Arm(pair(), vms(), running_s=0.2)


@pytest.fixture
def server(arm: Arm) -> Iterator[Server]:
    with served(arm) as server:
        yield server


@pytest.fixture
def clients(server: Server) -> Iterator[Clients]:
    with ExitStack() as stack:
        found = connect(SUBSCRIPTION, server.endpoint)
        stack.enter_context(found.network)
        stack.enter_context(found.compute)
        yield found


def nic(clients: Clients, name: str) -> dict[str, Any]:
    return clients.network.network_interfaces.get(GROUP, name).as_dict()


def put(clients: Clients, body: dict[str, Any], **how: Any) -> Any:  # noqa: ANN401
    begin: Any = clients.network.network_interfaces.begin_create_or_update
    return begin(GROUP, body["name"], body, polling_interval=0.1, **how)


def with_vip(body: dict[str, Any]) -> dict[str, Any]:
    body["properties"]["ipConfigurations"].append(config("vip", VIP))
    return body


def code(problem: pytest.ExceptionInfo[HttpResponseError]) -> tuple[int | None, str | None]:
    error = problem.value.error
    return problem.value.status_code, error.code if error else None


def test_a_change_is_followed_to_its_end_by_the_sdk(arm: Arm, clients: Clients) -> None:
    changed = put(clients, with_vip(nic(clients, "nic-a"))).result(10).as_dict()

    assert changed["properties"]["provisioningState"] == "Succeeded"
    assert holders(arm.state.things, VIP) == ["nic-a"]
    assert "operations.get" in arm.made


def test_what_a_change_wants_shows_before_packets_follow_it(arm: Arm, clients: Clients) -> None:
    put(clients, with_vip(nic(clients, "nic-a")), polling=False)

    shown = nic(clients, "nic-a")

    assert shown["properties"]["provisioningState"] == "Updating"
    assert shown["properties"]["ipConfigurations"][-1]["name"] == "vip"
    assert holders(arm.state.things, VIP) == []


def test_an_old_etag_is_refused(clients: Clients) -> None:
    body = nic(clients, "nic-a")
    put(clients, body).result(10)

    with pytest.raises(HttpResponseError) as refused:
        put(clients, body, headers={"If-Match": body["etag"]})

    assert code(refused) == (412, "PreconditionFailed")


def test_a_second_change_waits_for_the_first(clients: Clients) -> None:
    body = nic(clients, "nic-a")
    put(clients, body, polling=False)

    with pytest.raises(HttpResponseError) as refused:
        put(clients, body)

    assert code(refused) == (409, "AnotherOperationInProgress")


def test_an_address_has_one_owner(clients: Clients) -> None:
    put(clients, with_vip(nic(clients, "nic-a")), polling=False)

    with pytest.raises(HttpResponseError) as refused:
        put(clients, with_vip(nic(clients, "nic-b")))

    assert code(refused) == (400, "PrivateIPAddressIsAllocated")


def test_an_address_is_taken_until_packets_leave_it(clients: Clients) -> None:
    body = nic(clients, "nic-a")
    put(clients, with_vip(nic(clients, "nic-a"))).result(10)
    put(clients, body, polling=False)

    with pytest.raises(HttpResponseError) as refused:
        put(clients, with_vip(nic(clients, "nic-b")))

    assert code(refused) == (400, "PrivateIPAddressIsAllocated")


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (Kind.LOCKED, (429, "RetryableErrorDueToAnotherOperation")),
        (Kind.THROTTLED, (429, "SubscriptionRequestsThrottled")),
        (Kind.ANOTHER_OPERATION, (409, "AnotherOperationInProgress")),
        (Kind.EXPIRED_TOKEN, (401, "ExpiredAuthenticationToken")),
        (Kind.CONTROL_PLANE_DOWN, (503, "ServerTimeout")),
    ],
)
def test_a_refusal_is_named_as_azure_names_it(
    arm: Arm, clients: Clients, kind: Kind, wanted: tuple[int, str]
) -> None:
    arm.faults.add(Fault(kind, 1.0))

    with pytest.raises(HttpResponseError) as refused:
        nic(clients, "nic-a")

    assert code(refused) == wanted


def test_a_failed_change_shows_and_no_packet_follows_it(arm: Arm, clients: Clients) -> None:
    arm.faults.add(Fault(Kind.FAILED_OPERATION, calls="networkInterfaces.createOrUpdate"))

    with pytest.raises(HttpResponseError):
        put(clients, with_vip(nic(clients, "nic-a"))).result(10)

    assert nic(clients, "nic-a")["properties"]["provisioningState"] == "Failed"
    assert holders(arm.state.things, VIP) == []


def test_a_machine_is_stopping_until_its_guest_has_shut_down(arm: Arm, clients: Clients) -> None:
    machines = clients.compute.virtual_machines
    machines.begin_power_off(GROUP, "vm-b", polling=False)

    view = machines.instance_view(GROUP, "vm-b").as_dict()
    arm.advance(time.time() + 1.0)

    assert view["statuses"][1]["code"] == "PowerState/stopping"
    assert arm.state.things.vms["vm-b"].power == "stopped"


def test_a_stuck_change_never_ends(arm: Arm, clients: Clients) -> None:
    arm.faults.add(Fault(Kind.STUCK_OPERATION, calls="networkInterfaces.createOrUpdate"))
    put(clients, with_vip(nic(clients, "nic-a")), polling=False)

    arm.advance(time.time() + 1e9)

    assert holders(arm.state.things, VIP) == []
