"""create, join and delete: all files of a node are there, or none of them is."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hafw.agent.statefile import FILE_NAME
from hafw.config import load, load_keys
from tests.config.samples import GOOD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from tests.cli.conftest import FakeAgent

CHOICES = (
    "--node=alpha",
    "--nodes=alpha,beta",
    "--link=eth0=127.0.0.1,eth0=127.0.0.2",
    "--link=eth1=10.2.2.100,eth1=10.2.2.101",
    "--ping=10.1.1.1",
    "--vip=10.1.1.111/24@eth0",
    "--no-offer",
)


@pytest.fixture
def create(tmp_path: Path, hafw: Callable[..., Result]) -> Callable[..., Result]:
    """Create a cluster below `tmp_path`, with more options if given."""

    def run(*more: str) -> Result:
        return hafw("create", *CHOICES, f"--key-file={tmp_path / 'cluster.key'}", *more)

    return run


def files(tmp_path: Path) -> list[str]:
    return sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def test_create_writes_file_key_and_state(tmp_path: Path, create: Callable[..., Result]) -> None:
    result = create()

    assert result.exit_code == 0
    assert files(tmp_path) == ["cluster.key", "cluster.toml", f"state/{FILE_NAME}"]
    cluster = load(tmp_path / "cluster.toml")
    assert cluster.nodes == ("alpha", "beta")
    assert len(load_keys(cluster.key_file)) == 1
    assert stat.S_IMODE((tmp_path / "cluster.toml").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "cluster.key").stat().st_mode) == 0o600


def test_two_clusters_share_neither_id_nor_key(
    tmp_path: Path, create: Callable[..., Result]
) -> None:
    create()
    first = load(tmp_path / "cluster.toml"), load_keys(tmp_path / "cluster.key")
    for name in files(tmp_path):
        (tmp_path / name).unlink()

    create()
    second = load(tmp_path / "cluster.toml"), load_keys(tmp_path / "cluster.key")

    assert first[0].id != second[0].id
    assert first[1] != second[1]


@pytest.mark.parametrize("name", ["cluster.toml", "cluster.key", f"state/{FILE_NAME}"])
def test_create_overwrites_nothing_and_leaves_nothing_behind(
    tmp_path: Path, create: Callable[..., Result], name: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")

    result = create()

    assert result.exit_code == 5
    assert f"{path} is there already" in result.stderr
    assert files(tmp_path) == [name]
    assert path.read_text() == "mine"


def test_create_refuses_what_the_agent_would_refuse(
    tmp_path: Path, create: Callable[..., Result]
) -> None:
    result = create("--deadtime=1s", "--reflect=10.1.1.9")

    assert result.exit_code == 9
    assert "timing.deadtime: 1s is not longer than warntime (5s)" in result.stderr
    assert "ping.reflect: 10.1.1.9 is not among the addresses" in result.stderr
    assert files(tmp_path) == []


def test_active_active_makes_a_group_for_each_node(
    tmp_path: Path, create: Callable[..., Result]
) -> None:
    create("--mode=active-active", "--vip=10.1.1.112/24@eth0,ens5", "--group-id=3", "--group-id=4")

    groups = load(tmp_path / "cluster.toml").groups

    assert [(group.id, group.preferred) for group in groups] == [(3, 0), (4, 1)]
    assert groups[1].vips[0].interfaces == ("eth0", "ens5")


@pytest.mark.parametrize("missing", ["--nodes", "--link", "--vip"])
def test_without_a_terminal_nothing_that_is_missing_is_asked_for(
    hafw: Callable[..., Result], tmp_path: Path, missing: str
) -> None:
    given = [choice for choice in CHOICES if not choice.startswith(missing)]

    result = hafw("create", *given, f"--key-file={tmp_path / 'cluster.key'}")

    assert result.exit_code == 2
    assert f"{missing} is missing" in result.stderr


@pytest.mark.parametrize(
    "choice",
    ["--link=eth0", "--link=eth0=10.1.1.300,eth0=10.1.1.1", "--vip=10.1.1.111", "--nodes=alpha"],
)
def test_an_option_in_another_form_is_shown_the_right_one(
    hafw: Callable[..., Result], choice: str
) -> None:
    result = hafw("create", choice)

    assert result.exit_code == 2
    assert "write it as in" in result.stderr


def test_a_machine_that_is_not_named_is_told_so(create: Callable[..., Result]) -> None:
    result = create("--node=gamma")

    assert result.exit_code == 2
    assert 'this machine is "gamma"' in result.stderr


def program(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    """The program in a process of its own, with all its files in `directory`."""
    environment = os.environ | {
        "HAFW_CONFIG": str(directory / "cluster.toml"),
        "HAFW_STATE_DIR": str(directory / "state"),
        "HAFW_RUN_DIR": str(directory),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "hafw.cli.main", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def test_the_other_node_joins_with_the_command_that_create_shows(tmp_path: Path) -> None:
    first, second, key = tmp_path / "first", tmp_path / "second", tmp_path / "cluster.key"
    offered = [choice for choice in CHOICES if choice != "--no-offer"]
    more = (f"--key-file={key}", f"--port={free_port()}", "--offer-for=60s")
    with program(first, "create", *offered, *more) as creating:
        assert creating.stderr is not None
        shown = next(line for line in creating.stderr if "hafw join" in line)
        given = key.rename(first / "cluster.key")  # one machine here, and one path for the key
        with program(second, *shown.split()[1:], "--node=beta") as joining:
            told = joining.communicate(timeout=60)
        result = creating.communicate(timeout=60)

    assert joining.returncode == 0, told
    assert creating.returncode == 0, result
    assert "beta has joined" in result[0]
    assert files(second) == ["cluster.toml", f"state/{FILE_NAME}"]
    assert (second / "cluster.toml").read_bytes() == (first / "cluster.toml").read_bytes()
    assert key.read_bytes() == given.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_later_offer_gives_the_files_as_they_are(
    tmp_path: Path, create: Callable[..., Result]
) -> None:
    port = free_port()
    create(f"--port={port}")
    second, key = tmp_path / "second", tmp_path / "cluster.key"
    with program(tmp_path, "join", "--offer", "--node=alpha") as offering:
        assert offering.stderr is not None
        shown = next(line for line in offering.stderr if "hafw join" in line)
        key.rename(tmp_path / "given.key")
        with program(second, *shown.split()[1:], "--node=beta") as joining:
            joining.communicate(timeout=60)
        offering.communicate(timeout=60)

    assert (joining.returncode, offering.returncode) == (0, 0)
    assert key.read_bytes() == (tmp_path / "given.key").read_bytes()


def test_a_node_that_has_a_cluster_file_does_not_join_another(
    hafw: Callable[..., Result], create: Callable[..., Result]
) -> None:
    create()

    result = hafw("join", "127.0.0.1", "--token=whatever")

    assert result.exit_code == 5
    assert "is there already" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [(), ("--offer", "127.0.0.1"), ("127.0.0.1",), ("127.0.0.1", "--token=short")],
)
def test_joining_needs_exactly_one_source_and_a_whole_token(
    hafw: Callable[..., Result], arguments: tuple[str, ...]
) -> None:
    assert hafw("join", *arguments).exit_code == 2


def copied(tmp_path: Path, key_path: Path) -> Path:
    """A cluster file and a key file that somebody copied here by hand."""
    text = GOOD.replace("/etc/hafw/cluster.key", str(tmp_path / "cluster.key"))
    (tmp_path / "cluster.toml").write_text(text)
    key_path.write_text("1 " + "ab" * 32 + "\n")
    key_path.chmod(0o600)
    return key_path


@pytest.mark.parametrize("name", ["cluster.key", "elsewhere.key"])
def test_files_that_were_copied_by_hand_are_adopted(
    tmp_path: Path, hafw: Callable[..., Result], name: str
) -> None:
    key = copied(tmp_path, tmp_path / name)

    result = hafw("join", f"--key-file={key}", "--node=beta")

    assert result.exit_code == 0
    assert load_keys(tmp_path / "cluster.key")
    assert (tmp_path / "state" / FILE_NAME).exists()


def test_a_copied_file_that_does_not_name_this_node_is_refused(
    tmp_path: Path, hafw: Callable[..., Result]
) -> None:
    key = copied(tmp_path, tmp_path / "elsewhere.key")

    result = hafw("join", f"--key-file={key}", "--node=gamma")

    assert result.exit_code == 9
    assert files(tmp_path) == ["cluster.toml", "elsewhere.key"]


def test_delete_removes_everything_that_create_wrote(
    tmp_path: Path, hafw: Callable[..., Result], create: Callable[..., Result]
) -> None:
    create()

    result = hafw("delete", "--yes")

    assert result.exit_code == 0
    assert str(tmp_path / "cluster.key") in result.stderr
    assert files(tmp_path) == []


def test_delete_asks_for_yes_where_nobody_can_be_asked(
    tmp_path: Path, hafw: Callable[..., Result], create: Callable[..., Result]
) -> None:
    create()

    assert hafw("delete").exit_code == 2
    assert len(files(tmp_path)) == 3


def test_delete_is_refused_while_the_agent_runs(
    tmp_path: Path, agent: FakeAgent, hafw: Callable[..., Result], create: Callable[..., Result]
) -> None:
    del agent
    create()

    result = hafw("delete", "--yes")

    assert result.exit_code == 5
    assert "stop it first" in result.stderr
    assert len(files(tmp_path)) == 3
