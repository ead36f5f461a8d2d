"""Disks of clouds in the cluster file, and what a group with storage asks of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from hafw.config import config_hash, to_settings
from hafw.config.engine import forced_of, protection_of
from hafw.config.explain import explain
from hafw.config.model import CloudDisk
from hafw.config.render import render
from hafw.core.settings import SECOND, Classes
from tests.config.samples import GOOD, changed, errors, read, warnings

if TYPE_CHECKING:
    from hafw.config import Cluster

EBS: Final = (
    '{ type = "cloud-disk", provider = "aws", volume = "vol-0123456789abcdef0", '
    'device = "/dev/sdf", '
    'instance = { alpha = "i-0123456789abcdef0", beta = "i-0123456789abcdef1" } }'
)
PERSISTENT_DISK: Final = (
    '{ type = "cloud-disk", provider = "gcp", disk = "store-data", project = "my-project", '
    'zone = { alpha = "europe-west1-b", beta = "europe-west1-c" }, region = "europe-west1", '
    'instance = { alpha = "store-a", beta = "store-b" } }'
)
MANAGED_DISK: Final = (
    '{ type = "cloud-disk", provider = "azure", disk = "store-data", lun = "1", '
    'subscription = "0b1f6471-1bf0-4dda-aec3-111122223333", resource_group = "store", '
    'vm = { alpha = "store-a", beta = "store-b" } }'
)
FENCES: Final = """\
[nodes.alpha.fence]
method = "aws"
instance_id = "i-0123456789abcdef0"
[nodes.beta.fence]
method = "aws"
instance_id = "i-0123456789abcdef1"
"""
SSH: Final = """\
[nodes.alpha.fence]
method = "ssh"
address = "10.1.1.100"
identity_file = "/etc/hafw/id"
[nodes.beta.fence]
method = "ssh"
address = "10.1.1.101"
identity_file = "/etc/hafw/id"
"""
LEASE: Final = '[authority]\nlease = "witness://10.2.0.5:7411"\nlease_ttl = "3m"\n\n'
FORCE: Final = 'force = "storage-without-fencing"\n'


def storage(
    disk: str = EBS, *, fences: str = FENCES, lease: bool = False, force: bool = False
) -> str:
    """The good file with a disk before its VIP."""
    text = changed("resources = [\n", f"resources = [\n  {disk},\n")
    text = changed("[nodes.alpha]\n[nodes.beta]\n", fences or "[nodes.alpha]\n[nodes.beta]\n", text)
    text = changed("[[groups]]\n", f"{LEASE if lease else ''}[[groups]]\n", text)
    return changed("auto_failback = false\n", FORCE if force else "", text)


def classes(cluster: Cluster) -> Classes:
    return to_settings(cluster, "alpha").group(3).classes


@pytest.mark.parametrize("disk", [EBS, PERSISTENT_DISK, MANAGED_DISK])
def test_a_disk_of_each_cloud_is_read_and_written_back_alike(disk: str) -> None:
    cluster = read(storage(disk))

    assert isinstance(cluster.groups[0].resources[0], CloudDisk)
    assert read(render(cluster)) == cluster


def test_what_each_node_has_stands_in_the_order_of_the_nodes() -> None:
    disk = read(storage()).groups[0].resources[0]

    assert disk.name == "vol-0123456789abcdef0"
    assert dict(disk.options)["instance"] == ("i-0123456789abcdef0", "i-0123456789abcdef1")


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("vol-0123456789abcdef0", "data", 'volume: "data" is none of these'),
        ('"/dev/sdf"', '"/dev/nvme1n1"', 'device: "/dev/nvme1n1" is none of these'),
        ("i-0123456789abcdef1", "i-0123456789abcdef0", "instance: both nodes have the same"),
        ('provider = "aws"', 'provider = "onprem"', 'provider: "onprem" is not known here'),
        ('device = "/dev/sdf", ', "", "device: this is missing"),
        ("volume", "volumes", "volumes: there is no such key here"),
        ('provider = "aws", ', "", "provider: this is missing"),
    ],
)
def test_a_key_that_is_wrong_is_refused_where_it_stands(old: str, new: str, error: str) -> None:
    text = storage(changed(old, new, EBS))

    assert any(f"groups[0].resources[0].{error}" in told for told in errors(text))


def test_a_disk_of_another_package_has_a_name_and_keys_of_its_own() -> None:
    disk = '{ type = "cloud-disk", provider = "labpower", disk = "data", pool = "fast" }'

    found = read(storage(disk)).groups[0].resources[0]

    assert (found.name, found.options) == ("data", (("disk", "data"), ("pool", "fast")))


def test_a_disk_of_another_package_without_a_name_is_refused() -> None:
    disk = '{ type = "cloud-disk", provider = "labpower", pool = "fast" }'

    assert any("resources[0].disk: this is missing" in told for told in errors(storage(disk)))


def test_a_group_with_a_disk_rests_on_the_fence_alone() -> None:
    without_disk = changed(f"  {EBS},\n", "", storage(lease=True))

    assert classes(read(storage(lease=True))) == Classes.FENCED
    assert classes(read(without_disk)) == Classes.FENCED | Classes.LEASED | Classes.REFLECTED


def test_a_group_with_a_disk_may_ask_for_the_lease_as_well() -> None:
    both = changed("port = 7410", 'protection = "fenced+leased"', storage(lease=True))

    assert protection_of(read(both), read(both).groups[0]) == "fenced+leased"


@pytest.mark.parametrize("fences", ["", SSH], ids=["none", "one that proves nothing"])
@pytest.mark.parametrize("lease", [False, True])
def test_a_disk_without_a_fence_is_refused_with_the_reason_and_the_way_out(
    fences: str, *, lease: bool
) -> None:
    (error,) = errors(storage(fences=fences, lease=lease))

    assert "groups[0].resources: group 3 has storage (vol-0123456789abcdef0)" in error
    assert "no fence proves" in error
    assert 'force = "storage-without-fencing"' in error


def test_forced_the_lease_decides_and_the_name_says_what_is_missing() -> None:
    cluster = read(storage(fences="", lease=True, force=True))

    assert classes(cluster) == Classes.LEASED
    assert protection_of(cluster, cluster.groups[0]) == "leased (storage-without-fencing)"
    assert "forced: vol-0123456789abcdef0 moves by lease alone" in explain(cluster)
    assert read(render(cluster)) == cluster


def test_a_lease_alone_is_no_certificate_of_storage_unless_that_is_forced() -> None:
    forced = read(storage(fences="", lease=True, force=True))
    unforced = replace(forced, groups=(replace(forced.groups[0], force=None),))

    assert classes(unforced) == Classes.NONE


def test_forced_without_a_lease_nothing_moves_it_by_itself() -> None:
    text = storage(fences="", force=True)

    assert classes(read(text)) == Classes.NONE
    assert any(
        "groups[0].force: vol-0123456789abcdef0 has neither" in told for told in warnings(text)
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (storage(force=True), "there is a fence"),
        (changed("auto_failback = false\n", FORCE), "the group has no storage"),
    ],
)
def test_what_need_not_be_forced_is_pointed_out(text: str, why: str) -> None:
    cluster = read(text)

    assert any(f"force: {why}, so nothing is forced" in told for told in warnings(text))
    assert forced_of(cluster, cluster.groups[0]) == ""


def test_a_forced_group_is_another_configuration_and_an_older_file_keeps_its_hash() -> None:
    forced = storage(fences="", lease=True, force=True)
    other = changed("vol-0123456789abcdef0", "vol-0123456789abcdef1", forced)

    assert config_hash(read(forced)) != config_hash(read(other))
    assert config_hash(read(GOOD)).hex() == "6025f46e0363a60d"


def test_a_step_may_take_as_long_as_a_disk_of_that_cloud() -> None:
    settings = to_settings(read(storage()), "alpha").group(3)

    assert settings.vips == (False, True)
    assert settings.start_budget_ns == settings.stop_budget_ns == 120 * SECOND


def test_a_lease_that_ends_before_a_disk_has_moved_is_pointed_out() -> None:
    short = changed(
        'lease_ttl = "3m"', 'lease_ttl = "30s"', storage(fences="", lease=True, force=True)
    )

    assert any("authority.lease_ttl: 30s is shorter than 2m" in told for told in warnings(short))
