"""The model of EC2, asked by the unmodified SDK, and what EC2 does that a failover must survive."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError

from hafw_sim.clouds.ec2 import Ec2, Fault, Kind, pair
from hafw_sim.clouds.ec2.server import Server, served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ALPHA, BETA = "eni-00000001", "eni-00000002"
VIP, VIP6, OVERLAY = "10.0.1.50", "2001:db8:1::50", "192.168.50.50/32"
TABLE, ELASTIC = "rtb-00000001", "eipalloc-00000001"


class Sdk(Protocol):
    """boto3's client, which has no types."""

    def __getattr__(self, call: str) -> Callable[..., dict[str, Any]]: ...


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served(Ec2(pair())) as running:
        yield running


@pytest.fixture
def ec2(server: Server) -> Ec2:
    """The model behind the server, as new."""
    server.ec2 = Ec2(pair())
    return server.ec2


@pytest.fixture(scope="module")
def sdk(server: Server) -> Sdk:
    config = Config(retries={"total_max_attempts": 1}, read_timeout=5)
    session = boto3.session.Session("model", "model", region_name="eu-central-1")
    made: Sdk = session.client("ec2", endpoint_url=server.endpoint, config=config)
    return made


@pytest.fixture
def client(sdk: Sdk, ec2: Ec2) -> Sdk:
    del ec2
    return sdk


def code(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def assign(client: Sdk, interface: str, **more: object) -> None:
    client.assign_private_ip_addresses(
        NetworkInterfaceId=interface, PrivateIpAddresses=[VIP], **more
    )


def holders(client: Sdk, address: str = VIP) -> list[str]:
    wanted = {"Name": "addresses.private-ip-address", "Values": [address]}
    found = client.describe_network_interfaces(Filters=[wanted])["NetworkInterfaces"]
    return [one["NetworkInterfaceId"] for one in found]


def test_an_address_that_is_taken_is_refused_without_allow_reassignment(client: Sdk) -> None:
    assign(client, ALPHA)

    with pytest.raises(ClientError, match="assigned, but move is not allowed") as refused:
        assign(client, BETA, AllowReassignment=False)

    assert code(refused) == "InvalidParameterValue"
    assert holders(client) == [ALPHA]


def test_with_allow_reassignment_it_moves_and_its_elastic_ip_along(client: Sdk, ec2: Ec2) -> None:
    assign(client, ALPHA)
    client.associate_address(AllocationId=ELASTIC, NetworkInterfaceId=ALPHA, PrivateIpAddress=VIP)

    assign(client, BETA, AllowReassignment=True)

    assert holders(client) == [BETA]
    assert ec2.state.things.elastic[ELASTIC].interface == BETA


def test_an_address_is_unassigned_only_from_its_owner(client: Sdk) -> None:
    assign(client, ALPHA)

    with pytest.raises(ClientError, match="not assigned to interface"):
        client.unassign_private_ip_addresses(NetworkInterfaceId=BETA, PrivateIpAddresses=[VIP])

    assert holders(client) == [ALPHA]


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.9.9.9", "InvalidParameterValue"), ("10.0.1.20", "InvalidIPAddress.InUse")],
    ids=["outside the subnet", "another's primary"],
)
def test_an_address_that_cannot_be_assigned_is_refused(
    client: Sdk, address: str, expected: str
) -> None:
    with pytest.raises(ClientError) as refused:
        client.assign_private_ip_addresses(NetworkInterfaceId=ALPHA, PrivateIpAddresses=[address])

    assert code(refused) == expected


def test_an_ipv6_address_has_one_owner(client: Sdk) -> None:
    client.assign_ipv6_addresses(NetworkInterfaceId=ALPHA, Ipv6Addresses=[VIP6])

    with pytest.raises(ClientError):
        client.assign_ipv6_addresses(NetworkInterfaceId=BETA, Ipv6Addresses=[VIP6])
    client.unassign_ipv6_addresses(NetworkInterfaceId=ALPHA, Ipv6Addresses=[VIP6])
    client.assign_ipv6_addresses(NetworkInterfaceId=BETA, Ipv6Addresses=[VIP6])

    shown = client.describe_network_interfaces(NetworkInterfaceIds=[BETA])["NetworkInterfaces"]
    assert shown[0]["Ipv6Addresses"] == [{"Ipv6Address": VIP6}]


def test_a_route_is_replaced_and_a_dry_run_changes_nothing(client: Sdk, ec2: Ec2) -> None:
    wanted = {"RouteTableId": TABLE, "DestinationCidrBlock": OVERLAY, "NetworkInterfaceId": BETA}

    with pytest.raises(ClientError) as dry:
        client.replace_route(**wanted, DryRun=True)
    before = ec2.state.things.routes[TABLE][OVERLAY]
    client.replace_route(**wanted)

    assert code(dry) == "DryRunOperation"
    assert before == ALPHA
    shown = client.describe_route_tables(RouteTableIds=[TABLE])["RouteTables"][0]["Routes"]
    assert [
        one["NetworkInterfaceId"] for one in shown if one.get("DestinationCidrBlock") == OVERLAY
    ] == [BETA]


def test_every_association_of_an_elastic_ip_has_its_own_id(client: Sdk) -> None:
    wanted = {"AllocationId": ELASTIC, "AllowReassociation": False}
    first = client.associate_address(**wanted, NetworkInterfaceId=ALPHA)["AssociationId"]

    with pytest.raises(ClientError) as taken:
        client.associate_address(**wanted, NetworkInterfaceId=BETA)
    client.disassociate_address(AssociationId=first)
    second = client.associate_address(**wanted, NetworkInterfaceId=ALPHA)["AssociationId"]
    with pytest.raises(ClientError) as stale:
        client.disassociate_address(AssociationId=first)

    assert code(taken) == "Resource.AlreadyAssociated"
    assert second != first
    assert code(stale) == "InvalidAssociationID.NotFound"


def test_an_elastic_ip_moves_to_an_instance_unless_that_is_ruled_out(client: Sdk) -> None:
    client.associate_address(AllocationId=ELASTIC, NetworkInterfaceId=ALPHA)

    client.associate_address(AllocationId=ELASTIC, InstanceId="i-00000002")

    described = client.describe_instances(InstanceIds=["i-00000002"])
    (shown,) = described["Reservations"][0]["Instances"][0]["NetworkInterfaces"]
    assert shown["NetworkInterfaceId"] == BETA
    assert shown["PrivateIpAddresses"][0]["Association"] == {"PublicIp": "203.0.113.5"}


def state_of(client: Sdk, instance: str) -> str:
    found = client.describe_instances(InstanceIds=[instance])["Reservations"]
    return str(found[0]["Instances"][0]["State"]["Name"])


def test_a_stop_takes_its_time(client: Sdk) -> None:
    client.stop_instances(InstanceIds=["i-00000002"], Force=True, SkipOsShutdown=True)

    first = state_of(client, "i-00000002")
    until_s = time.monotonic() + 10
    while state_of(client, "i-00000002") == "stopping":
        assert time.monotonic() < until_s

    assert first == "stopping"
    assert state_of(client, "i-00000002") == "stopped"


def test_a_lost_reply_has_had_its_effect(client: Sdk, ec2: Ec2) -> None:
    ec2.faults.add(Fault(Kind.LOST_REPLY, times=1))

    with pytest.raises(HTTPClientError):
        assign(client, ALPHA)

    assert holders(client) == [ALPHA]


def test_what_is_throttled_or_denied_has_no_effect(client: Sdk, ec2: Ec2) -> None:
    ec2.faults.add(Fault(Kind.THROTTLED, calls="Assign*", times=1))
    ec2.denied.add("AssignPrivateIpAddresses")

    with pytest.raises(ClientError) as throttled:
        assign(client, ALPHA)
    with pytest.raises(ClientError) as denied:
        assign(client, ALPHA)

    assert code(throttled) == "RequestLimitExceeded"
    assert code(denied) == "UnauthorizedOperation"
    assert holders(client) == []


def test_a_stale_read_shows_what_was(client: Sdk, ec2: Ec2) -> None:
    assign(client, ALPHA)
    ec2.faults.add(Fault(Kind.STALE_READ, 3600.0, "Describe*", times=1))

    assert holders(client) == []
    assert holders(client) == [ALPHA]


def test_an_empty_bucket_throttles_until_it_fills_again() -> None:
    ec2 = Ec2(pair(), bucket=2, refill=1)
    form = "Action=DescribeAddresses&Version=2016-11-15"

    statuses = [ec2.handle(form, at_s).status for at_s in (10, 10, 10, 11)]  # type: ignore[union-attr]

    assert statuses == [200, 200, 503, 200]


def test_metadata_follows_a_move_late_and_only_with_a_token(
    server: Server, ec2: Ec2, client: Sdk
) -> None:
    root = f"{server.metadata[ALPHA]}/latest"
    url = f"{root}/meta-data/network/interfaces/macs/02:00:00:00:00:01/local-ipv4s"
    with urlopen(Request(f"{root}/api/token", method="PUT")) as answer:
        token = answer.read().decode()
    asked = Request(url, headers={"X-aws-ec2-metadata-token": token})
    ec2.remap_s = 3600.0
    assign(client, ALPHA)

    with urlopen(asked) as answer:
        late = answer.read().decode().split()
    ec2.remap_s = 0.0
    with urlopen(asked) as answer:
        now = answer.read().decode().split()

    assert late == ["10.0.1.10"]
    assert now == ["10.0.1.10", VIP]


def test_a_parameter_that_the_api_does_not_have_is_refused(ec2: Ec2) -> None:
    form = f"Action=AssignPrivateIpAddresses&NetworkInterfaceId={ALPHA}&DryRun=true"

    answer = ec2.handle(form, 0.0)

    assert "UnknownParameter" in answer.body  # type: ignore[union-attr]


def test_the_command_serves_the_model_until_it_is_told_to_end() -> None:
    command = [
        sys.executable,
        "-m",
        "hafw.cli.main",
        "sim",
        "clouds",
        "aws",
        "--fault",
        "throttled",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(7)]
        told = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)

        body = b"Action=DescribeAddresses&Version=2016-11-15"
        with pytest.raises(HTTPError) as throttled:
            urlopen(told["AWS_ENDPOINT_URL"], body, timeout=10)
        with urlopen(f"{told['AWS_ENDPOINT_URL']}/model/faults", b"", timeout=10) as answer:
            ended = answer.read()
        with urlopen(told["AWS_ENDPOINT_URL"], body, timeout=10) as answer:
            status = answer.status
        process.terminate()

        assert throttled.value.code == 503
        throttled.value.close()
        assert ended == b"0 faults added\n"
        assert status == 200
        assert process.wait(10) == 0
        assert told["HAFW_ALPHA"] != told["HAFW_BETA"]
