"""What is said of a load balancer that would not send the VIP to whoever holds it."""

from __future__ import annotations

import copy
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from hafw import answering, hostaddress
from hafw.hooks.errors import Denied, Misconfigured, ProviderError
from hafw.hooks.findings import Finding, Verdict
from hafw.hooks.hookspecs import Holder, PrecheckRequest, VipObservation, VipRequest
from hafw.net.clock import boot_ns
from hafw.providers import azure as provider
from hafw.providers.azure import metadata, precheck
from hafw.providers.azure.orders import _check
from hafw_sim.clouds.arm import Arm, Fault, Kind, balanced_pair, vms
from hafw_sim.clouds.arm.balancers import public_address
from hafw_sim.clouds.arm.server import served
from hafw_sim.clouds.arm.values import BALANCERS
from tests.providers.azure.test_load_balancer import request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hafw_sim.clouds.arm.server import Server
    from hafw_sim.clouds.exchange import Json

ADDRESS: Final = "10.1.1.111"


@pytest.fixture
def port() -> int:
    """One that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def arm(port: int) -> Arm:
    return Arm(balanced_pair(ADDRESS, port), vms(), running_s=0.01)


@pytest.fixture
def cloud(arm: Arm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """The cloud as vm-a sees it, which holds nothing, and whose kernel uses no timestamps."""
    _check.cache_clear()
    timestamps = tmp_path / "tcp_timestamps"
    timestamps.write_text("0\n")
    monkeypatch.setattr(precheck, "TIMESTAMPS", timestamps)
    free = VipObservation(holder=Holder.FREE)
    monkeypatch.setattr(hostaddress, "observe", lambda _: free)
    with served(arm) as server:
        monkeypatch.setenv(metadata.HOST_VARIABLE, server.metadata_hosts["vm-a"])
        yield server


def vip(server: Server, port: int) -> VipRequest:
    return request(server.endpoint, port=str(port))


def change(arm: Arm, how: Callable[[Json], object]) -> None:
    """Change the load balancer, as anybody might."""
    old = arm.state.things.resources[BALANCERS.lower(), "store-vip"]
    body = copy.deepcopy(old.body)
    how(body)
    arm.state.change(replace(old, body=body), 0.0)


def rule(**changes: object) -> Callable[[Json], object]:
    return lambda body: body["properties"]["loadBalancingRules"][0]["properties"].update(changes)


def probe(**changes: object) -> Callable[[Json], object]:
    return lambda body: body["properties"]["probes"][0]["properties"].update(changes)


def pool(body: Json) -> list[Any]:
    listed: list[Any] = body["properties"]["backendAddressPools"][0]["properties"][
        "backendIPConfigurations"
    ]
    return listed


def frontend(**changes: object) -> Callable[[Json], object]:
    return lambda body: body["properties"]["frontendIPConfigurations"][0]["properties"].update(
        changes
    )


FLAWS: Final[dict[str, tuple[Callable[[Json], object], str]]] = {
    "no floating IP": (rule(enableFloatingIP=False), "everything has no floating IP"),
    "no probe": (rule(probe=None), "everything has no probe, so packets go to both"),
    "another port": (probe(port=443), "asks at port 443, and this node answers at another"),
    "another protocol": (probe(protocol="Https"), "asks by Https, which is not answered"),
    "a node left out": (lambda body: pool(body).pop(), "nic-b is in no backend pool"),
    "another address": (frontend(privateIPAddress="10.1.1.112"), f"with the frontend {ADDRESS}"),
    "the wrong kind": (lambda body: body["sku"].update(name="Basic"), "is of the SKU Basic"),
}


def test_a_node_behind_a_load_balancer_that_is_right_is_ready(cloud: Server, port: int) -> None:
    provider.hafw_warm((vip(cloud, port),))

    assert answering._responders == {}


@pytest.mark.parametrize(("how", "said"), FLAWS.values(), ids=FLAWS)
def test_a_node_is_not_ready_while_the_vip_would_not_follow(
    cloud: Server, arm: Arm, port: int, how: Callable[[Json], object], said: str
) -> None:
    change(arm, how)

    with pytest.raises(Misconfigured, match=said):
        provider.hafw_warm((vip(cloud, port),))


def test_names_are_the_same_however_they_are_spelt(cloud: Server, arm: Arm, port: int) -> None:
    change(arm, lambda body: pool(body)[0].update(id=pool(body)[0]["id"].upper()))

    provider.hafw_warm((vip(cloud, port),))


def test_an_api_that_is_away_keeps_no_node_from_being_ready(
    cloud: Server, arm: Arm, port: int
) -> None:
    arm.faults.add(Fault(Kind.CONTROL_PLANE_DOWN, 0.0, "*", None))

    provider.hafw_warm((vip(cloud, port),))


def test_a_public_address_is_found_by_its_path(cloud: Server, arm: Arm, port: int) -> None:
    outside = public_address("store-public", ADDRESS)
    arm.state.put(outside, 0.0)
    change(arm, frontend(privateIPAddress=None, publicIPAddress={"id": outside.path}))

    provider.hafw_warm((vip(cloud, port),))

    assert arm.made == ["loadBalancers.get", "publicIPAddresses.get"]


def test_a_public_address_that_may_not_be_read_is_named(cloud: Server, arm: Arm, port: int) -> None:
    outside = public_address("store-public", ADDRESS)
    change(arm, frontend(privateIPAddress=None, publicIPAddress={"id": outside.path}))
    arm.denied.add("Microsoft.Network/publicIPAddresses/read")

    with pytest.raises(Denied, match="publicIPAddresses/read"):
        provider.hafw_warm((vip(cloud, port),))


def test_a_load_balancer_that_is_not_there_is_named(cloud: Server, port: int) -> None:
    named = request(cloud.endpoint, port=str(port), load_balancer="shop-vip")

    with pytest.raises(ProviderError, match="shop-vip"):
        provider.hafw_warm((named,))


# --- prechecks ---------------------------------------------------------------------------------


def asked(server: Server, port: int) -> dict[str, Finding]:
    given = PrecheckRequest(deadline_ns=boot_ns() + 5 * 10**9, vips=(vip(server, port),))
    return {one.id: one for one in provider.hafw_precheck(request=given)}


def test_a_pair_that_is_as_it_should_be_passes(cloud: Server, arm: Arm, port: int) -> None:
    before = arm.state.things
    change(arm, probe(probeThreshold=2))
    before = arm.state.things

    found = asked(cloud, port)

    assert {one.verdict for one in found.values()} == {Verdict.OK}
    expected = {"azure.identity", "azure.balancer", "azure.port", "azure.credentials"}
    assert set(found) == expected
    assert found["azure.balancer"].what.endswith("to who answers, within 10 s")
    assert arm.state.things == before


@pytest.mark.parametrize(("how", "said"), FLAWS.values(), ids=FLAWS)
def test_what_is_wrong_is_found_with_what_to_do(
    cloud: Server, arm: Arm, port: int, how: Callable[[Json], object], said: str
) -> None:
    change(arm, how)

    found = asked(cloud, port)["azure.balancer"]

    assert found.verdict is Verdict.ERROR
    assert said in found.what
    assert found.remedy


def test_a_probe_that_lets_all_through_when_none_answers_is_a_warning(
    cloud: Server, arm: Arm, port: int
) -> None:
    change(arm, probe(noHealthyBackendsBehavior="AllProbedUp"))

    assert asked(cloud, port)["azure.balancer"].verdict is Verdict.WARNING


def test_a_port_that_is_taken_is_found(cloud: Server, port: int) -> None:
    with socket.socket() as other:
        other.bind(("0.0.0.0", port))
        other.listen()

        found = asked(cloud, port)["azure.port"]

    assert found.verdict is Verdict.ERROR
    assert found.remedy == "give the VIP a port that nothing else uses"


def test_timestamps_are_a_warning(cloud: Server, port: int) -> None:
    precheck.TIMESTAMPS.write_text("1\n")

    found = asked(cloud, port)["azure.timestamps"]

    assert found.verdict is Verdict.WARNING
    assert found.remedy == "sysctl -w net.ipv4.tcp_timestamps=0"
