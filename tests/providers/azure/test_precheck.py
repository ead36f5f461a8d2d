"""What the prechecks of Azure find on the model, and that they change nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from hafw.hooks.findings import Finding, Verdict
from hafw.hooks.hookspecs import FenceRequest, PrecheckRequest, VipRequest
from hafw.net.clock import boot_ns
from hafw.providers import azure as provider
from hafw.providers.azure import metadata
from hafw.providers.azure.api import Arm as Api
from hafw.providers.azure.calls import CALLS, FENCE_CALLS, MOVER_CALLS
from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION
from tests.providers.azure.test_calls import permissions

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import VipOption
    from hafw_sim.clouds.arm import Arm
    from hafw_sim.clouds.arm.server import Server

MOVERS: Final[dict[str, dict[str, VipOption]]] = {
    "nic": {"nic": ("nic-a", "nic-b")},
    "route": {"next_hop": ("10.0.0.4", "10.0.0.5"), "route_tables": ("clients",)},
}
PLACE: Final = {"subscription": SUBSCRIPTION, "resource_group": GROUP}


@pytest.fixture
def here(cloud: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The cloud, as the machine vm-a sees it."""
    monkeypatch.setenv(metadata.HOST_VARIABLE, cloud.metadata_hosts["vm-a"])
    return cloud


def request(server: Server, mover: str, address: str = "10.0.0.50") -> VipRequest:
    return VipRequest(
        cluster_id="c1",
        group=3,
        epoch=7,
        address=address,
        interface="eth0",
        deadline_ns=boot_ns() + 5 * 10**9,
        node=0,
        nodes=("alpha", "beta"),
        options={
            **PLACE,
            "mover": mover,
            "vm": ("vm-a", "vm-b"),
            "endpoint": server.endpoint,
            **MOVERS[mover],
        },
    )


def fence(server: Server) -> FenceRequest:
    return FenceRequest(
        cluster_id="c1",
        op="precheck",
        sender="alpha",
        target="beta",
        options={
            **PLACE,
            "vm": "vm-b",
            "vm_id": "bbbbbbbb-0000-4000-8000-00000000000b",
            "endpoint": server.endpoint,
        },
        deadline_ns=boot_ns() + 5 * 10**9,
    )


def asked(server: Server, mover: str = "", *, fenced: bool = False) -> list[Finding]:
    given = PrecheckRequest(
        deadline_ns=boot_ns() + 5 * 10**9,
        vips=(request(server, mover),) if mover else (),
        fence=fence(server) if fenced else None,
    )
    return list(provider.hafw_precheck(request=given))


def wrong(findings: list[Finding]) -> list[Finding]:
    return [one for one in findings if one.verdict is not Verdict.OK]


@pytest.mark.parametrize("mover", MOVERS)
def test_a_pair_that_is_as_it_should_be_passes(here: Server, arm: Arm, mover: str) -> None:
    before = arm.state.things

    findings = asked(here, mover, fenced=True)

    assert wrong(findings) == []
    expected = {"azure.identity", "azure.permissions", "azure.restart", "azure.credentials"}
    forwarding = {"azure.forwarding"} if mover == "route" else set()
    assert {one.id for one in findings} == expected | forwarding
    assert arm.state.things == before


@pytest.mark.parametrize("mover", MOVERS)
def test_a_precheck_needs_no_more_than_the_roles_allow(here: Server, arm: Arm, mover: str) -> None:
    needed = permissions((*MOVER_CALLS[mover], *FENCE_CALLS))
    arm.denied |= permissions(CALLS) - needed

    assert wrong(asked(here, mover, fenced=True)) == []


def test_another_machine_than_the_files_is_found(
    here: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(metadata.HOST_VARIABLE, here.metadata_hosts["vm-b"])

    assert [one.id for one in wrong(asked(here, "nic"))] == ["azure.identity"]


def test_an_interface_that_does_not_forward_is_found(here: Server, arm: Arm) -> None:
    nic = next(one for one in arm.state.things.resources.values() if one.name == "nic-b")
    properties = {**nic.body["properties"], "enableIPForwarding": False}
    arm.state.change(replace(nic, body={**nic.body, "properties": properties}), 0.0)

    (found,) = wrong(asked(here, "route"))

    assert found.verdict is Verdict.ERROR
    assert found.remedy == "az network nic update --name nic-b --ip-forwarding true"


def test_a_next_hop_that_no_interface_has_is_found(
    here: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    hops = {**MOVERS["route"], "next_hop": ("10.0.0.4", "10.0.0.77")}
    monkeypatch.setitem(MOVERS, "route", hops)

    (found,) = wrong(asked(here, "route"))

    assert "no interface of this resource group has the next hop 10.0.0.77" in found.what


@pytest.mark.parametrize("mover", MOVERS)
def test_missing_permissions_are_named_where_they_are_missing(
    here: Server, arm: Arm, mover: str
) -> None:
    arm.denied |= {
        "Microsoft.Network/networkInterfaces/write",
        "Microsoft.Network/routeTables/write",
        "Microsoft.Compute/virtualMachines/powerOff/action",
    }

    found = [one.what for one in wrong(asked(here, mover, fenced=True))]

    kind, places = {
        "nic": ("networkInterfaces", ("nic-a", "nic-b")),
        "route": ("routeTables", ("clients",)),
    }[mover]
    expected = [f"this node lacks Microsoft.Network/{kind}/write on {one}" for one in places]
    last = "this node lacks Microsoft.Compute/virtualMachines/powerOff/action on vm-b"
    assert found == [*expected, last]


def test_the_permission_for_one_call_is_named_where_that_is_chosen(
    here: Server, arm: Arm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MOVERS, "nic", {**MOVERS["nic"], "one_call": "untested"})
    arm.denied.add("Microsoft.Network/virtualNetworks/moveIpConfigurations/action")

    (found,) = wrong(asked(here, "nic"))

    assert found.what.endswith("moveIpConfigurations/action on net")


def test_a_scale_set_that_repairs_is_a_warning(here: Server, arm: Arm) -> None:
    arm.state.put_vm(replace(arm.state.things.vms["vm-b"], scale_set="web"), 0.0)

    (found,) = wrong(asked(here, fenced=True))

    assert found.verdict is Verdict.WARNING
    assert "az vmss update --name web" in found.remedy


def test_a_token_that_ends_soon_is_a_warning(here: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Api, "token_left_s", lambda _: 60.0)

    assert [one.id for one in wrong(asked(here, "nic"))] == ["azure.credentials"]
