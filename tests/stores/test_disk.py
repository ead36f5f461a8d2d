"""The store `disk:`, on a file, and on loop devices where those can be made."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from hafw.hooks.errors import Misconfigured, Retryable
from hafw.sectors import UNIT
from hafw.stores.disk.sectors import SIZE, Disk
from hafw.testing.contender import Contender
from hafw.testing.leases import LeaseConformance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLUSTER = "6f1c0000-0000-4000-8000-000000000001"


def blank(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(SIZE)
    return path


def loop_device(path: Path, sector: int) -> str:
    """A loop device on a file; skips where this user or machine cannot make one."""
    command = ["losetup", "--find", "--show", "--direct-io=on"]
    command += ["--sector-size", str(sector), str(path)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no loop device: {made.stderr.strip()}; run the tests as root for that")
    return made.stdout.strip()


class TestDiskOnAFile(LeaseConformance):
    """The whole conformance suite."""

    @pytest.fixture(scope="class")
    @classmethod
    def lease_url(cls, tmp_path_factory: pytest.TempPathFactory) -> str:
        return f"disk:{blank(tmp_path_factory.mktemp('disk') / 'disk')}"


@pytest.fixture
def alpha(tmp_path: Path) -> Contender:
    return Contender(url=f"disk:{blank(tmp_path / 'disk')}", cluster_id=CLUSTER, timeout_s=2.0)


@pytest.fixture(params=[512, 4096])
def hosts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """One disk as two hosts see it: two devices on one file, each with caches of its own."""
    image = blank(tmp_path / "image")
    devices: list[str] = []
    try:
        devices += [loop_device(image, request.param) for _ in range(2)]
        yield devices[0], devices[1]
    finally:
        for device in devices:
            subprocess.run(["losetup", "--detach", device], check=True)


def test_two_hosts_see_what_the_other_wrote_though_their_caches_do_not(
    hosts: tuple[str, str],
) -> None:
    alpha, beta = (
        Contender(url=f"disk:{device}", cluster_id=CLUSTER, node=node)
        for node, device in enumerate(hosts)
    )
    with open(hosts[1], "rb") as cached:  # noqa: PTH123 - a device
        cached.read(SIZE)
    held = alpha.swap(beta.read(), alpha.value(epoch=1))

    for epoch in range(2, 6):
        taken = beta.swap(alpha.read(), beta.value(epoch, holder="beta"))
        held = alpha.swap(beta.read(), alpha.value(epoch))
        assert (taken.value, held) != (None, taken)

    assert alpha.read() == beta.read() == held


def test_the_disk_of_another_cluster_is_refused_and_stays_as_it_is(alpha: Contender) -> None:
    held = alpha.swap(alpha.read(), alpha.value(epoch=1))
    stranger = replace(alpha, cluster_id="6f1c0000-0000-4000-8000-000000000002")

    with pytest.raises(Misconfigured, match="belongs to another cluster"):
        stranger.swap(held, stranger.value(epoch=2))

    assert alpha.read() == held


@pytest.mark.parametrize("offset", [0, 1024, SIZE - 1])
def test_a_disk_with_something_on_it_is_refused_and_stays_as_it_is(
    alpha: Contender, offset: int
) -> None:
    path = alpha.url.removeprefix("disk:")
    with open(path, "r+b") as file:  # noqa: PTH123
        file.seek(offset)
        file.write(b"x")

    with pytest.raises(Misconfigured, match="is not blank"):
        alpha.warm()


def test_a_damaged_sector_is_named_and_not_guessed_at(alpha: Contender) -> None:
    alpha.swap(alpha.read(), alpha.value(epoch=1))
    with open(alpha.url.removeprefix("disk:"), "r+b") as file:  # noqa: PTH123
        file.seek(UNIT * (1 + 2 * alpha.group) + 40)
        file.write(b"\xff")

    with pytest.raises(Misconfigured, match="wrong checksum; stop hafw on both nodes"):
        replace(alpha, timeout_s=0.2).read()


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("disk:", "names no disk"),
        ("disk:shared", "names no disk"),
        ("disk:/nonexistent", "does not exist"),
        ("disk:/dev/null", "is no block device"),
    ],
)
def test_a_wrong_url_is_refused(url: str, wrong: str) -> None:
    with pytest.raises(Misconfigured, match=wrong):
        Contender(url=url, cluster_id=CLUSTER).warm()


def test_a_disk_that_is_too_small_is_refused(alpha: Contender) -> None:
    os.truncate(alpha.url.removeprefix("disk:"), SIZE - 512)

    with pytest.raises(Misconfigured, match="is smaller than 2052 KiB"):
        alpha.warm()


def test_two_processes_of_one_node_do_not_write_its_sector_at_once(alpha: Contender) -> None:
    alpha.warm()
    path = alpha.url.removeprefix("disk:")
    with Disk(path, UUID(CLUSTER).bytes, lambda: False) as hanging:
        hanging.lock(alpha.group, alpha.node)
        with pytest.raises(Retryable, match="another process of this node"):
            replace(alpha, timeout_s=0.1).read()
        other = replace(alpha, node=1).read()

    assert alpha.read() == other
