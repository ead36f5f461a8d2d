"""`hafw precheck --live-probe` on the model of Azure Resource Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from hafw.providers.azure import metadata
from hafw.providers.azure.api import Arm as Api
from hafw.providers.azure.orders import _check
from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION
from tests.providers.probing import MOVED, probed

if TYPE_CHECKING:
    from pathlib import Path

    from hafw_sim.clouds.arm import Arm
    from hafw_sim.clouds.arm.server import Server

FREE: Final = {"nic": "10.0.0.77", "route": "192.168.50.77"}
OPTIONS: Final = {
    "nic": 'nic = { alpha = "nic-a", beta = "nic-b" },',
    "route": 'next_hop = { alpha = "10.0.0.4", beta = "10.0.0.5" }, route_tables = ["clients"],',
}


@pytest.fixture
def here(cloud: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The cloud, as the machine vm-a sees it."""
    monkeypatch.setenv(metadata.HOST_VARIABLE, cloud.metadata_hosts["vm-a"])
    _check.cache_clear()
    return cloud


def place(server: Server) -> str:
    return (
        f'subscription = "{SUBSCRIPTION}", resource_group = "{GROUP}", '
        f'endpoint = "{server.endpoint}"'
    )


def vip(server: Server, mover: str) -> str:
    return (
        f'provider = "azure", mover = "{mover}", {place(server)}, '
        f'vm = {{ alpha = "vm-a", beta = "vm-b" }}, {OPTIONS[mover]}'
    )


def fence(server: Server) -> str:
    identity = 'vm = "vm-b", vm_id = "bbbbbbbb-0000-4000-8000-00000000000b"'
    return f'method = "azure", {place(server)}, {identity}'


def led(arm: Arm) -> Any:  # noqa: ANN401
    """What leads anywhere; the tag of the scratch address's epoch stays."""
    return [one.body["properties"] for one in arm.state.things.resources.values()]


@pytest.mark.parametrize("mover", FREE)
def test_without_an_address_nothing_is_changed(
    here: Server, arm: Arm, tmp_path: Path, mover: str
) -> None:
    before = arm.state.things

    result = probed(tmp_path, vip(here, mover), fence=fence(here))

    assert result.status == 0
    assert result.verdicts() == {"probe.etag": ["ok"], "probe.power": ["ok"]}
    assert arm.state.things == before


@pytest.mark.parametrize("mover", FREE)
def test_a_scratch_address_goes_to_both_nodes_and_away(
    here: Server, arm: Arm, tmp_path: Path, mover: str
) -> None:
    before = led(arm)

    result = probed(tmp_path, vip(here, mover), FREE[mover])

    assert result.status == 0
    assert result.verdicts() == {
        "probe.etag": ["ok"],
        "probe.move": MOVED,
        "probe.scratch": ["ok"],
    }
    assert [sorted(one["routes"], key=str) if "routes" in one else one for one in led(arm)] == [
        sorted(one["routes"], key=str) if "routes" in one else one for one in before
    ]


def test_a_move_in_one_call_is_tried_where_it_is_chosen(
    here: Server, arm: Arm, tmp_path: Path
) -> None:
    chosen = vip(here, "nic") + ' one_call = "untested",'

    result = probed(tmp_path, chosen, FREE["nic"])

    assert result.status == 0
    assert arm.made.count("virtualNetworks.moveIpConfigurations") == 1


def test_an_address_that_somebody_has_is_left_alone(here: Server, arm: Arm, tmp_path: Path) -> None:
    before = arm.state.things

    result = probed(tmp_path, vip(here, "nic"), "10.0.0.90")

    assert result.status == 1
    assert result.verdicts()["probe.scratch"] == ["error"]
    assert arm.state.things == before


def test_a_missing_permission_is_named(here: Server, arm: Arm, tmp_path: Path) -> None:
    arm.denied.add("Microsoft.Network/routeTables/write")

    result = probed(tmp_path, vip(here, "route"))

    assert result.status == 1
    assert "Microsoft.Network/routeTables/write" in result.what("probe.etag")


def test_a_cloud_that_ignores_etags_is_found(
    here: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Api, "write_table", lambda _, wanted: wanted)

    assert probed(tmp_path, vip(here, "route")).verdicts() == {"probe.etag": ["error"]}
