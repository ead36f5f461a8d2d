"""The commands `hafw lab …` do to a standing lab what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TIMEOUT_S = 30
OK, UNEXPECTED, USAGE, UNREACHABLE = 0, 1, 2, 7

Run = subprocess.CompletedProcess[str]


@pytest.fixture(name="hafw_lab")
def a_shell(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Runs a command among labs of its own, and ends the lab that it may have left."""

    def hafw_lab(*words: str) -> Run:
        argv = [sys.executable, "-m", "hafw.cli.main", "lab", *words]
        env = {"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
        return subprocess.run(
            argv, env=env, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )

    yield hafw_lab
    hafw_lab("down")


@pytest.fixture(name="standing")
def a_standing_lab(hafw_lab: Callable[..., Run]) -> Callable[..., Run]:
    started = hafw_lab("up")
    assert started.returncode == OK, started.stderr
    return hafw_lab


def status(hafw_lab: Callable[..., Run]) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = json.loads(hafw_lab("status", "--json").stdout)
    return found


def test_a_command_to_no_lab_says_how_to_start_one(hafw_lab: Callable[..., Run]) -> None:
    done = hafw_lab("status")

    assert done.returncode == UNREACHABLE
    assert "no lab lab; no lab is up. Start it with: hafw lab --name lab up" in done.stderr


def test_a_lab_stands_until_it_is_taken_down(hafw_lab: Callable[..., Run], tmp_path: Path) -> None:
    assert hafw_lab("up").returncode == OK
    assert hafw_lab("status").returncode == OK

    assert hafw_lab("down").returncode == OK

    assert hafw_lab("status").returncode == UNREACHABLE
    assert list((tmp_path / "hafw-lab").iterdir()) == []


def test_a_second_lab_of_one_name_is_refused(standing: Callable[..., Run]) -> None:
    again = standing("up")

    assert again.returncode == UNEXPECTED
    assert "is up already; end it with: hafw lab --name lab down" in again.stderr


def test_a_name_with_a_slash_is_refused(hafw_lab: Callable[..., Run]) -> None:
    assert "is no name for a lab" in hafw_lab("--name", "../other", "up").stderr


def test_exec_gives_output_and_exit_status(standing: Callable[..., Run]) -> None:
    done = standing("exec", "beta", "--", "sh", "-c", "uname -n; exit 3")

    assert (done.stdout, done.returncode) == ("beta\n", 3)


def test_exec_of_a_killed_program_ends_as_a_shell_would(standing: Callable[..., Run]) -> None:
    assert standing("exec", "beta", "--", "sh", "-c", "kill -9 $$").returncode == 128 + 9


def test_a_crashed_machine_is_shown_and_can_be_booted(standing: Callable[..., Run]) -> None:
    standing("crash", "alpha")

    assert {each["name"] for each in status(standing)["machines"] if not each["up"]} == {"alpha"}
    assert "crashed" in standing("status").stdout
    assert "alpha is crashed; boot it first" in standing("exec", "alpha", "true").stderr
    assert standing("boot", "alpha").returncode == OK
    assert all(each["up"] for each in status(standing)["machines"])


def test_cuts_are_shown_and_healed(standing: Callable[..., Run]) -> None:
    standing("cut", "alpha", "beta", "--lan", "hb", "--one-way", "--loss", "25")
    standing("cut", "beta", "--lan", "svc", "--carrier")

    shown = standing("status").stdout
    assert "alpha to beta on hb: 25.0% lost" in shown
    assert "svc cable pulled" in shown

    standing("heal")

    assert status(standing)["losses"] == []
    assert "no frames are lost or held back on purpose" in standing("status").stdout


def test_delays_are_shown_and_healed(standing: Callable[..., Run]) -> None:
    standing("delay", "alpha", "beta", "300", "--jitter", "50", "--lan", "hb", "--one-way")

    assert "alpha to beta on hb: 300 ms late, 50 ms more or less" in standing("status").stdout
    assert status(standing)["delays"] == [
        {"from": "hb-alpha", "to": "hb-beta", "delay_ms": 300, "jitter_ms": 50}
    ]

    standing("heal")

    assert status(standing)["delays"] == []
    assert "no frames are lost or held back on purpose" in standing("status").stdout


def test_frames_cannot_come_before_they_are_sent(standing: Callable[..., Run]) -> None:
    done = standing("delay", "alpha", "beta", "10", "--jitter", "20")

    assert done.returncode == USAGE
    assert "--jitter is more than the delay" in done.stderr


def test_machines_without_a_network_in_common_are_told(standing: Callable[..., Run]) -> None:
    done = standing("delay", "client", "alpha", "10", "--lan", "hb")

    assert done.returncode == UNEXPECTED
    assert "client and alpha share no such network" in done.stderr


def test_a_pulled_cable_needs_a_network(standing: Callable[..., Run]) -> None:
    done = standing("cut", "alpha", "--carrier")

    assert done.returncode == USAGE
    assert "--carrier pulls one cable" in done.stderr


def test_freeze_and_thaw_concern_every_process_of_a_machine(standing: Callable[..., Run]) -> None:
    standing("exec", "alpha", "--", "sh", "-c", "setsid sleep 600 >&- 2>&- & exit 0")
    state = (
        "exec",
        "alpha",
        "--",
        "sh",
        "-c",
        "cut -d' ' -f3 $(grep -ls sleep /proc/*/comm | sed s/comm/stat/)",
    )

    standing("freeze", "alpha")
    frozen = standing(*state).stdout
    standing("thaw", "alpha")

    assert frozen.strip() == "T"
    assert standing(*state).stdout.strip() == "S"
