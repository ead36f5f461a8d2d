"""`hafw precheck --live-probe` on the model of Compute Engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hafw.providers.gcp import metadata
from hafw.providers.gcp.api import Compute
from hafw.providers.gcp.orders import check_identity
from hafw_sim.clouds.gce import Gce, pair
from hafw_sim.clouds.gce.server import served
from tests.providers.probing import MOVED, probed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hafw_sim.clouds.gce.server import Server

FREE = {"alias-ip": "10.0.0.77", "route": "192.168.50.77"}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A project whose name a cluster file can have, as the instance vm-a sees it."""
    with served(Gce("my-project", pair(), pending_s=0.0, running_s=0.01)) as server:
        monkeypatch.setenv(metadata.HOST_VARIABLE, server.metadata_hosts["vm-a"])
        check_identity.cache_clear()
        yield server


def vip(server: Server, mover: str) -> str:
    return (
        f'provider = "gcp", mover = "{mover}", project = "my-project",'
        'zone = { alpha = "europe-west1-b", beta = "europe-west1-c" },'
        f'instance = {{ alpha = "vm-a", beta = "vm-b" }}, endpoint = "{server.endpoint}",'
    )


def held(server: Server) -> Any:  # noqa: ANN401
    """What leads anywhere."""
    things = server.gce.state.things
    return [nic.aliases for one in things.instances.values() for nic in one.nics], things.routes


def test_without_an_address_nothing_is_changed(here: Server, tmp_path: Path) -> None:
    before = here.gce.state.things

    result = probed(tmp_path, vip(here, "alias-ip"))

    assert result.status == 0
    assert result.verdicts() == {"probe.fingerprint": ["ok"]}
    assert here.gce.state.things == before


@pytest.mark.parametrize("mover", FREE)
def test_a_scratch_address_goes_to_both_nodes_and_away(
    here: Server, tmp_path: Path, mover: str
) -> None:
    before = held(here)

    result = probed(tmp_path, vip(here, mover), FREE[mover])

    assert result.status == 0
    fingerprint = {"probe.fingerprint": ["ok"]} if mover == "alias-ip" else {}
    assert result.verdicts() == {**fingerprint, "probe.move": MOVED, "probe.scratch": ["ok"]}
    assert held(here) == before


def test_an_address_that_somebody_has_is_left_alone(here: Server, tmp_path: Path) -> None:
    before = held(here)

    result = probed(tmp_path, vip(here, "alias-ip"), "10.0.0.90")

    assert result.status == 1
    assert result.verdicts()["probe.scratch"] == ["error"]
    assert held(here) == before


def test_a_missing_permission_is_named(here: Server, tmp_path: Path) -> None:
    here.gce.denied.add("compute.subnetworks.use")

    result = probed(tmp_path, vip(here, "alias-ip"))

    assert result.status == 1
    assert "compute.subnetworks.use" in result.what("probe.fingerprint")


def test_a_cloud_that_ignores_fingerprints_is_found(
    here: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Compute, "set_aliases", lambda *_: "operation-1")

    result = probed(tmp_path, vip(here, "alias-ip"))

    assert result.verdicts() == {"probe.fingerprint": ["error"]}


def test_another_instance_probes_nothing(
    here: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(metadata.HOST_VARIABLE, here.metadata_hosts["vm-b"])
    before = held(here)

    result = probed(tmp_path, vip(here, "route"), FREE["route"])

    assert result.status == 1
    assert "this instance is vm-b" in result.what("probe.fingerprint")
    assert held(here) == before
