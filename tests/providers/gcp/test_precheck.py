"""What the prechecks of Google Cloud find on the model, and that they change nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hafw.hooks.findings import Finding, Verdict
from hafw.hooks.hookspecs import FenceRequest, PrecheckRequest
from hafw.net.clock import boot_ns
from hafw.providers import gcp as provider
from hafw.providers.gcp import metadata
from hafw.providers.gcp.api import Compute
from hafw.providers.gcp.calls import CALLS, FENCE_CALLS, MOVER_CALLS
from tests.providers.gcp.test_calls import permissions
from tests.providers.gcp.test_hooks import request

if TYPE_CHECKING:
    from hafw_sim.clouds.gce.server import Server


@pytest.fixture
def here(cloud: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The cloud, as the instance vm-a sees it."""
    monkeypatch.setenv(metadata.HOST_VARIABLE, cloud.metadata_hosts["vm-a"])
    return cloud


def asked(
    server: Server, mover: str = "", *, discard: bool = False, fence: bool = False
) -> list[Finding]:
    deadline_ns = boot_ns() + 5 * 10**9
    options: dict[str, str | int | bool] = {
        "project": "p",
        "zone": "europe-west1-c",
        "instance": "vm-b",
        "instance_id": str(server.gce.state.things.instances["europe-west1-c", "vm-b"].id),
        "endpoint": server.endpoint,
        "discard_local_ssd": discard,
    }
    target = FenceRequest(
        cluster_id="c1",
        op="precheck",
        sender="alpha",
        target="beta",
        options=options,
        deadline_ns=deadline_ns,
    )
    vips = (replace(request(server, mover=mover), deadline_ns=deadline_ns),) if mover else ()
    given = PrecheckRequest(deadline_ns=deadline_ns, vips=vips, fence=target if fence else None)
    return list(provider.hafw_precheck(request=given))


def verdicts(findings: list[Finding]) -> dict[str, list[str]]:
    """The verdicts of each kind of finding, without repetition."""
    return {
        one.id: sorted({other.verdict.value for other in findings if other.id == one.id})
        for one in findings
    }


def change(server: Server, zone: str, name: str, **changes: object) -> None:
    state = server.gce.state
    state.put(replace(state.things.instances[zone, name], **changes), 0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("mover", ["alias-ip", "route"])
def test_a_pair_that_is_as_it_should_be_has_no_errors(here: Server, mover: str) -> None:
    before = here.gce.state.things

    findings = verdicts(asked(here, mover, fence=True))

    expected = {
        "gcp.identity": ["ok"],
        "gcp.permissions": ["ok"],
        "gcp.permissions_elsewhere": ["warning"],
        "gcp.restart": ["ok"],
        "gcp.credentials": ["ok"],
    }
    forwarding = {"gcp.forwarding": ["ok"]} if mover == "route" else {}
    assert findings == expected | forwarding
    assert here.gce.state.things == before


@pytest.mark.parametrize("mover", MOVER_CALLS)
def test_a_precheck_needs_no_more_than_the_roles_allow(here: Server, mover: str) -> None:
    needed = permissions((*MOVER_CALLS[mover], *FENCE_CALLS))
    here.gce.denied |= permissions(CALLS) - needed

    findings = asked(here, mover, fence=True)

    assert [one for one in findings if one.verdict is Verdict.ERROR] == []


def test_another_instance_than_the_files_is_found(
    here: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(metadata.HOST_VARIABLE, here.metadata_hosts["vm-b"])

    assert verdicts(asked(here, "alias-ip"))["gcp.identity"] == ["error"]


def test_the_other_instance_must_forward_as_well(here: Server) -> None:
    change(here, "europe-west1-c", "vm-b", can_ip_forward=False)

    wrong = [one for one in asked(here, "route") if one.verdict is Verdict.ERROR]

    assert [one.what for one in wrong] == ["vm-b drops packets for other addresses than its own"]


def test_missing_permissions_are_all_named(here: Server) -> None:
    here.gce.denied |= {"compute.instances.updateNetworkInterface", "compute.instances.stop"}

    wrong = [
        one.what for one in asked(here, "alias-ip", fence=True) if one.verdict is Verdict.ERROR
    ]

    assert wrong == [
        "this node lacks compute.instances.updateNetworkInterface on vm-a",
        "this node lacks compute.instances.updateNetworkInterface on vm-b",
        "this node lacks compute.instances.stop on vm-b",
    ]


def test_a_managed_instance_group_makes_a_fence_void(here: Server) -> None:
    group = "projects/1/zones/europe-west1-c/instanceGroupManagers/web"
    change(here, "europe-west1-c", "vm-b", created_by=group)

    restart = next(one for one in asked(here, fence=True) if one.id == "gcp.restart")

    assert restart.verdict is Verdict.ERROR
    assert "abandon-instances web --instances vm-b" in restart.remedy


def test_local_ssds_keep_an_instance_from_being_stopped(here: Server) -> None:
    change(here, "europe-west1-c", "vm-b", local_ssds=1)

    kept, given_up = (verdicts(asked(here, fence=True, discard=one)) for one in (False, True))

    assert kept["gcp.local_ssd"] == ["error"]
    assert "gcp.local_ssd" not in given_up


def test_a_persons_credentials_are_a_warning(here: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    compute = Compute(here.endpoint)
    compute.credentials_kind = "google.oauth2.credentials"
    monkeypatch.setattr(provider, "_compute", lambda _: compute)

    assert verdicts(asked(here, "alias-ip"))["gcp.credentials"] == ["warning"]
