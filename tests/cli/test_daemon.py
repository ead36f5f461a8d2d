from __future__ import annotations

import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.config.samples import GOOD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from tests.cli.conftest import FakeAgent

AGENT_THAT_ANSWERS = """
import json, pathlib, socket, sys
run_dir = pathlib.Path(sys.argv[sys.argv.index("--run-dir") + 1])
(run_dir / "arguments").write_text(json.dumps(sys.argv[1:]))
path = run_dir / "control.sock"
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(str(path))
    listener.listen()
    verb = None
    while verb != "stop":
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            verb = json.loads(lines.readline())["verb"]
            connection.sendall(b'{"ok": true, "result": {}, "message": "released"}\\n')
path.unlink()
"""
AGENT_THAT_FAILS = "import sys; sys.exit('no such interface: eth7')"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let `start` run this program as the agent."""
    (tmp_path / "cluster.toml").write_text(GOOD)

    def replace(text: str) -> None:
        path = tmp_path / "program"
        path.write_text(f"#!{sys.executable}\n{text}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(sys, "executable", str(path))

    return replace


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that `start` leaves behind, so that a test can see their end."""
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def remember(*args: object, **kwargs: object) -> subprocess.Popen[bytes]:
        started.append(popen(*args, **kwargs))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", remember)
    return started


def test_an_agent_is_started_when_it_answers_and_stopped_when_it_is_gone(
    tmp_path: Path,
    hafw: Callable[..., Result],
    program: Callable[[str], None],
    processes: list[subprocess.Popen[bytes]],
) -> None:
    program(AGENT_THAT_ANSWERS)

    started = hafw("start", "--node", "beta")
    pid = int((tmp_path / "agent.pid").read_text())
    again = hafw("start", "--node", "beta")
    stopped = hafw("stop")

    assert (started.exit_code, started.stdout) == (0, "the agent runs\n")
    assert (again.exit_code, again.stdout) == (0, "the agent runs already\n")
    assert (stopped.exit_code, stopped.stdout) == (0, "released\nthe agent is stopped\n")
    assert [process.pid for process in processes] == [pid]
    assert processes[0].wait(timeout=10) == 0
    assert not (tmp_path / "agent.pid").exists()


def test_an_agent_that_ends_at_once_is_shown_with_the_end_of_its_log(
    tmp_path: Path, hafw: Callable[..., Result], program: Callable[[str], None]
) -> None:
    program(AGENT_THAT_FAILS)

    result = hafw("start", "--node", "beta")

    assert result.exit_code == 1
    assert str(tmp_path / "agent.log") in result.stderr
    assert result.stderr.endswith("no such interface: eth7\n")


def test_starting_needs_a_cluster_file_that_is_right(hafw: Callable[..., Result]) -> None:
    assert hafw("start", "--node", "beta").exit_code == 9


def test_starting_needs_a_node_of_the_cluster(
    hafw: Callable[..., Result], program: Callable[[str], None]
) -> None:
    program(AGENT_THAT_ANSWERS)

    result = hafw("start", "--node", "gamma")

    assert result.exit_code == 9
    assert "its nodes are alpha and beta" in result.stderr


def test_stopping_an_agent_that_does_not_run_is_done_already(hafw: Callable[..., Result]) -> None:
    result = hafw("stop")

    assert (result.exit_code, result.stdout) == (0, "no agent runs\n")


def test_a_stop_that_the_agent_refuses_is_no_success(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    agent.refuses("stop", 5, "group 3 cannot be stopped")

    result = hafw("stop")

    assert result.exit_code == 5
    assert result.stderr == "group 3 cannot be stopped\n"


def test_a_pid_file_of_a_process_that_is_another_one_now_means_nothing(
    tmp_path: Path, hafw: Callable[..., Result]
) -> None:
    (tmp_path / "cluster.toml").write_text(
        GOOD.replace("/etc/hafw/cluster.key", str(tmp_path / "cluster.key"))
    )
    (tmp_path / "agent.pid").write_text("1\n")

    assert hafw("delete", "--yes").exit_code == 0
