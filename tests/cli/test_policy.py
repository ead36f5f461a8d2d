"""`hafw policy` and `hafw plan`: of a cluster file, without asking any cloud."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from hafw.cli.main import main
from tests.config.samples import GOOD, changed

VIP = (
    'provider = "aws", mover = "private-ip", region = "eu-central-1", '
    'eni = { alpha = "eni-00000001", beta = "eni-00000002" },'
)
FENCED = """\
[nodes.alpha]
fence = { method = "aws", instance_id = "i-00000001" }
[nodes.beta]
fence = { method = "aws", instance_id = "i-00000002" }
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A cluster file of a pair on AWS."""
    text = changed('provider = "onprem",', VIP, GOOD)
    file = tmp_path / "cluster.toml"
    file.write_text(changed("[nodes.alpha]\n[nodes.beta]\n", FENCED, text))
    return str(file)


def test_without_a_cluster_file_the_policy_covers_the_whole_provider() -> None:
    ended = CliRunner().invoke(main, ["policy", "aws"])

    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["Version"] == "2012-10-17"


@pytest.mark.parametrize(
    ("node", "may_stop", "never"),
    [("alpha", "i-00000002", "i-00000001"), ("beta", "i-00000001", "i-00000002")],
)
def test_each_node_may_stop_the_other_and_never_itself(
    config: str, node: str, may_stop: str, never: str
) -> None:
    ended = CliRunner().invoke(main, ["policy", "aws", "--config", config, "--node", node])

    found = {one["Sid"]: one["Resource"] for one in json.loads(ended.stdout)["Statement"]}
    assert found["ChangePeer"] == f"arn:aws:ec2:eu-central-1:*:instance/{may_stop}"
    assert found["NeverItself"] == f"arn:aws:ec2:eu-central-1:*:instance/{never}"


def test_terraform_can_have_it_too(config: str) -> None:
    ended = CliRunner().invoke(
        main, ["policy", "aws", "--config", config, "--node", "alpha", "--terraform"]
    )

    assert ended.stdout.startswith('resource "aws_iam_policy" "hafw" {')


def test_a_cluster_file_without_the_provider_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "cluster.toml").write_text(GOOD)

    ended = CliRunner().invoke(
        main, ["policy", "aws", "--config", str(tmp_path / "cluster.toml"), "--node", "alpha"]
    )

    assert ended.exit_code == 2
    assert "has no VIP and no disk of aws" in ended.output


def test_a_plan_shows_the_calls_of_a_takeover_with_and_without_a_proof(config: str) -> None:
    base = ["plan", "--config", config, "--node", "beta"]

    proved = CliRunner().invoke(main, [*base, "--certificate", "fenced"])
    inferred = CliRunner().invoke(main, [*base, "--certificate", "reflected"])

    assert proved.stdout.splitlines() == [
        "group 3: 10.1.1.111 comes to beta",
        "  1. AssignPrivateIpAddresses 10.1.1.111 to eni-00000002, AllowReassignment=true",
        "  2. DescribeNetworkInterfaces with 10.1.1.111, and this instance's metadata, to confirm",
        "  3. add 10.1.1.111 to eth0 (netlink RTM_NEWADDR), behind the gate",
        "  4. open the gate (nftables)",
    ]
    assert "UnassignPrivateIpAddresses 10.1.1.111 from eni-00000001" in inferred.stdout


@pytest.mark.parametrize(
    ("provider", "why"),
    [("onprem", "has no hafw_policy_write"), ("nonesuch", "no plugin named")],
)
def test_a_provider_that_needs_no_permissions_or_is_not_there_is_told(
    provider: str, why: str
) -> None:
    ended = CliRunner().invoke(main, ["policy", provider])

    assert ended.exit_code == 9
    assert why in ended.output


DISK = (
    '{ type = "cloud-disk", provider = "aws", volume = "vol-00000001", device = "/dev/sdf", '
    'instance = { alpha = "i-00000001", beta = "i-00000002" } }'
)


@pytest.fixture
def storage(config: str) -> str:
    """The same pair, with a disk before the VIP."""
    file = Path(config)
    file.write_text(changed("resources = [\n", f"resources = [\n  {DISK},\n", file.read_text()))
    return config


def test_a_plan_shows_every_resource_in_the_order_of_its_start(storage: str) -> None:
    ended = CliRunner().invoke(
        main, ["plan", "--config", storage, "--node", "beta", "--certificate", "fenced"]
    )

    lines = ended.stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "group 3: vol-00000001 comes to beta",
        "group 3: 10.1.1.111 comes to beta",
    ]
    assert lines[1:6] == [
        "  1. DescribeVolumes vol-00000001, to see where it is",
        "  2. DetachVolume vol-00000001 from i-00000001, if it is there, never by force",
        "  3. DescribeVolumes vol-00000001, until it is available",
        "  4. AttachVolume vol-00000001 to i-00000002 as /dev/sdf, if it is nowhere",
        "  5. DescribeVolumes vol-00000001, until it is attached",
    ]


def test_the_policy_of_a_node_covers_its_disks(storage: str) -> None:
    ended = CliRunner().invoke(main, ["policy", "aws", "--config", storage, "--node", "alpha"])

    actions = {one["Sid"]: one["Action"] for one in json.loads(ended.stdout)["Statement"]}
    assert actions["ChangeVolumeOwn"] == ["ec2:AttachVolume"]
    assert actions["ChangeVolumeBoth"] == ["ec2:DetachVolume"]
    assert "ec2:AssignPrivateIpAddresses" in actions["ChangeInterfaces"]


def test_a_cluster_file_with_a_disk_alone_is_enough_for_a_policy(storage: str) -> None:
    file = Path(storage)
    moved = 'provider = "onprem", address = "10.1.1.111/24"'
    file.write_text(changed(f'{VIP} address = "10.1.1.111/24"', moved, file.read_text()))

    ended = CliRunner().invoke(main, ["policy", "aws", "--config", storage, "--node", "alpha"])

    found = json.loads(ended.stdout)["Statement"]
    assert {one["Sid"] for one in found} == {
        "Read",
        "ChangePeer",
        "ChangeVolumeOwn",
        "ChangeVolumeBoth",
        "NeverItself",
    }
