"""`hafw policy azure`: the roles follow from the calls, and no node can stop itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hafw.cli.main import main
from hafw.providers.azure.calls import CALLS
from tests.config.samples import GOOD, changed
from tests.config.test_disks import MANAGED_DISK

PLACE = 'subscription = "0b1f6471-1bf0-4dda-aec3-111122223333", resource_group = "store"'
VIP = (
    f'provider = "azure", mover = "nic", {PLACE}, vm = {{ alpha = "store-a", beta = "store-b" }}, '
    'nic = { alpha = "nic-a", beta = "nic-b" },'
)
FENCE = 'fence = {{ method = "azure", {}, vm = "{}", vm_id = "{}" }}\n'
FENCED = (
    "[nodes.alpha]\n"
    + FENCE.format(PLACE, "store-a", "aaaaaaaa-0000-4000-8000-00000000000a")
    + "[nodes.beta]\n"
    + FENCE.format(PLACE, "store-b", "bbbbbbbb-0000-4000-8000-00000000000b")
)
MACHINES = (
    "/subscriptions/0b1f6471-1bf0-4dda-aec3-111122223333/resourceGroups/store/providers/"
    "Microsoft.Compute/virtualMachines/"
)


def written(*arguments: str) -> str:
    ended = CliRunner().invoke(main, ["policy", "azure", *arguments])
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def roles(*arguments: str) -> dict[str, Any]:
    return {role["Name"]: role for role in json.loads(written(*arguments))}


def config(tmp_path: Path, *, fenced: bool, disk: bool = False) -> str:
    """A cluster file of a pair on Azure."""
    text = changed('provider = "onprem",', VIP, GOOD)
    if fenced:
        text = changed("[nodes.alpha]\n[nodes.beta]\n", FENCED, text)
    if disk:
        text = changed("resources = [\n", f"resources = [\n  {MANAGED_DISK},\n", text)
    file = tmp_path / "cluster.toml"
    file.write_text(text)
    return str(file)


def test_without_a_cluster_file_the_roles_cover_the_whole_provider() -> None:
    found = roles()

    every = {permission for call in CALLS for permission in call.permissions}
    assert {one for role in found.values() for one in role["Actions"]} == every
    assert "Microsoft.Compute/virtualMachines/powerOff/action" not in found["hafw"]["Actions"]


def test_a_pair_needs_what_its_movers_need(tmp_path: Path) -> None:
    found = roles("--config", config(tmp_path, fenced=False), "--node", "alpha")

    assert list(found) == ["hafw"]
    assert found["hafw"]["Actions"] == [
        "Microsoft.Authorization/permissions/read",
        "Microsoft.Network/networkInterfaces/read",
        "Microsoft.Network/networkInterfaces/write",
        "Microsoft.Network/virtualNetworks/subnets/join/action",
    ]


def test_a_pair_with_a_disk_needs_what_moves_it(tmp_path: Path) -> None:
    found = roles("--config", config(tmp_path, fenced=True, disk=True), "--node", "alpha")

    assert {
        "Microsoft.Compute/disks/read",
        "Microsoft.Compute/disks/write",
        "Microsoft.Compute/virtualMachines/attachDetachDataDisks/action",
        "Microsoft.Compute/virtualMachines/read",
    } <= set(found["hafw"]["Actions"])
    assert "Microsoft.Compute/virtualMachines/powerOff/action" not in found["hafw"]["Actions"]


def test_what_is_untested_is_in_no_role_without_its_option(tmp_path: Path) -> None:
    untested = "Microsoft.Network/virtualNetworks/moveIpConfigurations/action"
    file = config(tmp_path, fenced=False)
    usual = [
        *roles()["hafw"]["Actions"],
        *roles("--config", file, "--node", "alpha")["hafw"]["Actions"],
    ]

    text = changed(VIP, f'{VIP} one_call = "untested",', Path(file).read_text())
    Path(file).write_text(text)
    chosen = roles("--config", file, "--node", "alpha")["hafw"]["Actions"]

    assert untested not in usual
    assert untested in chosen


@pytest.mark.parametrize(
    ("node", "peer", "itself"), [("alpha", "store-b", "store-a"), ("beta", "store-a", "store-b")]
)
def test_the_right_to_stop_is_for_the_other_node_alone(
    tmp_path: Path, node: str, peer: str, itself: str
) -> None:
    text = written("--config", config(tmp_path, fenced=True), "--node", node)

    assert MACHINES + peer in text
    assert itself not in text


def test_terraform_binds_each_node_to_the_other(tmp_path: Path) -> None:
    text = written("--config", config(tmp_path, fenced=True), "--node", "alpha", "--terraform")

    assert text.count("{") == text.count("}")
    assert 'resource "azurerm_role_assignment" "hafw_fence"' in text
    assert "if pair[0] != pair[1]" in text
    assert '      "Microsoft.Network/networkInterfaces/write",\n' in text


def test_terraform_without_a_fence_grants_no_stop(tmp_path: Path) -> None:
    text = written("--config", config(tmp_path, fenced=False), "--node", "alpha", "--terraform")

    assert "powerOff" not in text


def test_a_plan_moves_the_disk_before_the_vip(tmp_path: Path) -> None:
    file = config(tmp_path, fenced=True, disk=True)

    ended = CliRunner().invoke(main, ["plan", "--config", file, "--node", "beta"])

    assert ended.exit_code == 0, ended.output
    told = ended.stdout
    assert told.index("attach store-data as LUN 1") < told.index("networkInterfaces.get nic-b")


def test_a_plan_says_which_calls_a_takeover_makes(tmp_path: Path) -> None:
    file = config(tmp_path, fenced=True)

    ended = CliRunner().invoke(main, ["plan", "--config", file, "--node", "beta"])

    assert ended.exit_code == 0, ended.output
    steps = [line.partition(". ")[2] for line in ended.stdout.splitlines()[1:]]
    assert steps[0] == "networkInterfaces.get nic-b"
    assert steps[2].startswith("networkInterfaces.createOrUpdate nic-a: without ")
    assert steps[-1] == "open the gate (nftables)"
