"""`hafw precheck` names the programs that take a VIP, or its interface, for their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from hafw.cli.prechecks import daemons
from hafw.cli.prechecks.subject import Subject
from hafw.hooks.findings import Findings
from tests.config.samples import changed, read

if TYPE_CHECKING:
    from pathlib import Path

AWS: Final = (
    'provider = "aws", mover = "private-ip", region = "eu-central-1",'
    'eni = { alpha = "eni-0123456789abcdef0", beta = "eni-0123456789abcdef1" },'
)
GCP: Final = (
    'provider = "gcp", mover = "alias-ip", project = "my-project",'
    'zone = { alpha = "europe-west1-b", beta = "europe-west1-c" },'
    'instance = { alpha = "store-a", beta = "store-b" },'
)
INDEX: Final = 2
EACH_MANAGER: Final = pytest.mark.parametrize(
    "manager", daemons.MANAGERS, ids=[one.program for one in daemons.MANAGERS]
)


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the processes of this machine are listed: there are none yet."""
    path = tmp_path / "proc"
    path.mkdir()
    monkeypatch.setattr(daemons, "PROCESSES", path)
    return path


def start(processes: Path, name: str) -> None:
    (processes / "17").mkdir()
    (processes / "17" / "comm").write_text(f"{name}\n")


def managed(
    manager: daemons.Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, said: str
) -> list[str]:
    """What is found where the daemon said this of the interface."""
    links = tmp_path / "links"
    links.mkdir()
    (links / str(INDEX)).write_text(f"# private\n{said}\n")
    monkeypatch.setattr(daemons, "MANAGERS", (replace(manager, links=links),))
    notes = Findings("eth0")
    daemons.of_interface("eth0", INDEX, notes)
    return [one.what for one in notes.found]


def cloud(tmp_path: Path, vip: str) -> list[str]:
    cluster = read(changed('provider = "onprem",', vip))
    subject = Subject(config=tmp_path, cluster=cluster, number=0)
    return [one.id for one in daemons.of_cloud(subject)]


@EACH_MANAGER
def test_a_daemon_that_manages_the_interface_is_named(
    manager: daemons.Manager, processes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(processes, manager.program[:15])

    (what,) = managed(manager, tmp_path, monkeypatch, said=manager.claim)

    assert what.startswith(f"{manager.program} manages it")


@EACH_MANAGER
def test_a_daemon_that_ended_is_not_named_for_what_it_wrote_down(
    manager: daemons.Manager, processes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(processes, "sshd")

    assert managed(manager, tmp_path, monkeypatch, said=manager.claim) == []


@EACH_MANAGER
def test_a_daemon_that_leaves_the_interface_alone_is_not_named(
    manager: daemons.Manager, processes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(processes, manager.program[:15])

    assert managed(manager, tmp_path, monkeypatch, said="managed=false") == []


def test_amazons_net_utils_are_named_where_private_addresses_move(
    processes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "EC2_NET_UTILS", processes)
    assert cloud(tmp_path, AWS) == ["aws.net_utils"]


def test_amazons_net_utils_are_not_missed_on_other_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "EC2_NET_UTILS", tmp_path / "net-utils")
    assert cloud(tmp_path, AWS) == []


def test_googles_guest_agent_is_named(processes: Path, tmp_path: Path) -> None:
    start(processes, "google_guest_ag")
    assert cloud(tmp_path, GCP) == ["gcp.guest_agent"]


def test_googles_guest_agent_is_not_named_where_it_was_told_to_leave_aliases(
    processes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(processes, "google_guest_ag")
    options = tmp_path / "instance_configs.cfg"
    options.write_text("[IpForwarding]\nip_aliases = false\n")
    monkeypatch.setattr(daemons, "GUEST_OPTIONS", (options,))

    assert cloud(tmp_path, GCP) == []
