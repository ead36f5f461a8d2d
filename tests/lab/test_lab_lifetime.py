"""Labs live side by side, leave nothing behind, and say where they may not be built."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from hafw_sim.lab import namespaces
from hafw_sim.lab.connection import LabError
from hafw_sim.lab.lab import Lab
from tests.lab.helpers import silent, until


def test_two_labs_do_not_disturb_each_other() -> None:
    with Lab() as one, Lab() as other:
        one.cut("alpha", "beta")
        one.node("gateway").crash()

        assert silent(one.node("alpha"), "10.1.1.101")
        assert other.node("alpha").who_answers("10.1.1.101") == "beta"
        assert other.node("alpha").who_answers("10.1.1.1") == "gateway"


def test_a_lab_starts_within_a_second() -> None:
    assert min(time_to_start_s() for _ in range(3)) < 1  # the machine may be busy once


def time_to_start_s() -> float:
    started_s = time.monotonic()
    with Lab():
        return time.monotonic() - started_s


def test_nothing_is_left_after_the_block() -> None:
    with Lab() as lab:
        mark = marked_sleep(lab)
        assert processes_with(mark)

    assert not processes_with(mark)


OWNER = """
import sys, time
from hafw_sim.lab.lab import Lab
with Lab() as lab:
    sleep = lab.node("alpha").spawn(["sh", "-c", "sleep 600; true " + sys.argv[1]])
    print("ready", flush=True)
    sleep.wait(60)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_after_its_owner_was_killed_or_interrupted(end: signal.Signals) -> None:
    mark = uuid.uuid4().hex
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, mark],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        assert len(processes_with(mark)) > 1

        os.killpg(owner.pid, end)  # Ctrl-C goes to the whole group

    assert until(lambda: not processes_with(mark))


def test_nothing_is_left_after_the_lab_server_was_killed() -> None:
    with Lab() as lab:
        mark = marked_sleep(lab)
        assert lab._launcher is not None

        lab._launcher.kill()

        assert until(lambda: not processes_with(mark))
        with pytest.raises(LabError, match="has ended"):
            lab.describe()


def marked_sleep(lab: Lab) -> str:
    mark = uuid.uuid4().hex
    lab.node("alpha").spawn(["sh", "-c", f"sleep 600; true {mark}"])
    return mark


def processes_with(mark: str) -> set[int]:
    """The processes of this machine, labs included, that have ``mark`` in their command line."""
    found = set()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and mark.encode() in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
    return found


# -- who may have a lab ------------------------------------------------------------------------

BUILD = """
from hafw_sim.lab.lab import Lab
from hafw_sim.lab.namespaces import NamespacesForbidden
try:
    with Lab() as lab:
        print(lab.node("alpha").who_answers("10.1.1.101"))
except NamespacesForbidden as problem:
    print(problem)
"""
ORDINARY = """
import ctypes, os, sys
for capability in set(range(64)) - {31}:  # CAP_SETFCAP: without it root may not even map itself
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
"""
RUN_THE_REST = "os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])"
NO_MORE_NAMESPACES = """
from hafw_sim.lab import namespaces
namespaces.become_root_inside()
open("/proc/sys/user/max_user_namespaces", "w").write("0")
"""


def run(program: str) -> str:
    argv = [sys.executable, "-c", program, BUILD]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30).stdout


def test_a_user_without_any_privilege_can_have_a_lab() -> None:
    assert run(ORDINARY + RUN_THE_REST) == "beta\n"


def test_root_can_have_a_lab_where_user_namespaces_are_forbidden() -> None:
    assert run(NO_MORE_NAMESPACES + "import os, sys\n" + RUN_THE_REST) == "beta\n"


def test_where_namespaces_are_forbidden_the_user_is_told_what_to_do() -> None:
    said = run(NO_MORE_NAMESPACES + ORDINARY + RUN_THE_REST)

    assert "this system forbids" in said
    assert "sudo sysctl -w user.max_user_namespaces=10000" in said


def test_only_who_is_not_root_yet_is_told_to_try_as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    for uid in (0, 1000):
        monkeypatch.setattr("os.geteuid", lambda uid=uid: uid)
        told.append("as root" in str(namespaces.NamespacesForbidden("it", "no", "ask")))

    assert told == [False, True]


@pytest.mark.parametrize(
    ("switch", "value", "command"),
    [
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (
            "kernel/unprivileged_userns_clone",
            "0",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        ),
    ],
)
def test_the_remedy_names_the_switch_that_forbids(
    tmp_path: Path, switch: str, value: str, command: str
) -> None:
    (tmp_path / switch).parent.mkdir()
    (tmp_path / switch).write_text(value + "\n")

    assert namespaces.remedy(tmp_path) == command


def test_without_a_known_switch_the_remedy_speaks_of_containers(tmp_path: Path) -> None:
    assert "container" in namespaces.remedy(tmp_path)
