"""`hafw policy gcp`: the roles follow from the calls, and no node can stop itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hafw.cli.main import main
from hafw.providers.gcp.calls import CALLS
from tests.config.samples import GOOD, changed
from tests.config.test_disks import PERSISTENT_DISK

if TYPE_CHECKING:
    from pathlib import Path

VIP = (
    'provider = "gcp", mover = "alias-ip", project = "my-project", '
    'zone = { alpha = "europe-west1-b", beta = "europe-west1-c" }, '
    'instance = { alpha = "store-a", beta = "store-b" },'
)
FENCE = (
    'fence = {{ method = "gcp", project = "my-project", zone = "{}", instance = "{}", '
    'instance_id = "{}" }}\n'
)
FENCED = (
    "[nodes.alpha]\n"
    + FENCE.format("europe-west1-b", "store-a", 1)
    + "[nodes.beta]\n"
    + FENCE.format("europe-west1-c", "store-b", 2)
)


def written(*arguments: str) -> str:
    ended = CliRunner().invoke(main, ["policy", "gcp", *arguments])
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def config(tmp_path: Path, *, fenced: bool, disk: bool = False, vip: str = VIP) -> str:
    """A cluster file of a pair on Google Cloud."""
    text = changed('provider = "onprem",', vip, GOOD)
    if fenced:
        text = changed("[nodes.alpha]\n[nodes.beta]\n", FENCED, text)
    if disk:
        text = changed("resources = [\n", f"resources = [\n  {PERSISTENT_DISK},\n", text)
    file = tmp_path / "cluster.toml"
    file.write_text(text)
    return str(file)


def granted(role: str) -> list[str]:
    return re.findall(r"^- (\S+)$", role, re.MULTILINE)


def test_without_a_cluster_file_the_roles_cover_the_whole_provider() -> None:
    moving, stopping = written().split("---\n")

    every = {permission for call in CALLS for permission in call.permissions}
    assert granted(stopping) == ["compute.instances.stop"]
    assert set(granted(moving)) == every - {"compute.instances.stop"}


def test_a_pair_needs_what_its_movers_need(tmp_path: Path) -> None:
    role = written("--config", config(tmp_path, fenced=False), "--node", "alpha")

    assert "---" not in role
    assert granted(role) == [
        "compute.instances.get",
        "compute.instances.list",
        "compute.instances.updateNetworkInterface",
        "compute.subnetworks.use",
        "compute.zoneOperations.get",
    ]


def test_a_pair_with_a_disk_needs_what_moves_it(tmp_path: Path) -> None:
    role = written("--config", config(tmp_path, fenced=True, disk=True), "--node", "alpha")

    moving, stopping = role.split("---\n")
    assert {
        "compute.instances.attachDisk",
        "compute.instances.detachDisk",
        "compute.disks.get",
        "compute.disks.use",
    } <= set(granted(moving))
    assert granted(stopping) == ["compute.instances.stop"]


def test_a_pair_behind_a_load_balancer_needs_no_role(tmp_path: Path) -> None:
    file = config(
        tmp_path, fenced=False, vip='provider = "gcp", mover = "health-check", port = "7450",'
    )

    assert written("--config", file, "--node", "alpha").startswith("# Nothing is called")


@pytest.mark.parametrize(
    ("node", "peer", "itself"), [("alpha", "store-b", "store-a"), ("beta", "store-a", "store-b")]
)
def test_the_right_to_stop_is_bound_on_the_other_node_alone(
    tmp_path: Path, node: str, peer: str, itself: str
) -> None:
    role = written("--config", config(tmp_path, fenced=True), "--node", node)

    assert f"instances add-iam-policy-binding {peer} --zone=europe-west1-" in role
    assert itself not in role


def test_terraform_binds_each_node_to_the_other(tmp_path: Path) -> None:
    text = written("--config", config(tmp_path, fenced=True), "--node", "alpha", "--terraform")

    assert text.count("{") == text.count("}")
    assert 'resource "google_compute_instance_iam_member" "hafw_fence"' in text
    assert "if pair[0] != pair[1]" in text
    assert '    "compute.instances.updateNetworkInterface",\n' in text


def test_terraform_without_a_fence_grants_no_stop(tmp_path: Path) -> None:
    text = written("--config", config(tmp_path, fenced=False), "--node", "alpha", "--terraform")

    assert "stop" not in text


def test_a_plan_moves_the_disk_before_the_vip(tmp_path: Path) -> None:
    file = config(tmp_path, fenced=True, disk=True)

    ended = CliRunner().invoke(main, ["plan", "--config", file, "--node", "beta"])

    assert ended.exit_code == 0, ended.output
    told = ended.stdout
    assert "regionDisks.get regions/europe-west1/disks/store-data" in told
    assert told.index("instances.attachDisk store-data") < told.index("updateNetworkInterface")


def test_a_plan_says_which_calls_a_takeover_makes(tmp_path: Path) -> None:
    file = config(tmp_path, fenced=True)

    ended = CliRunner().invoke(main, ["plan", "--config", file, "--node", "beta"])

    assert ended.exit_code == 0, ended.output
    steps = [line.partition(". ")[2] for line in ended.stdout.splitlines()[1:]]
    assert steps[0] == "instances.get zones/europe-west1-c/instances/store-b"
    assert "updateNetworkInterface zones/europe-west1-b/instances/store-a nic0: without" in steps[2]
