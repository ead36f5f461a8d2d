"""Programs that are run: what they may print, how long they may take, what they leave behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hafw.fences import programs
from hafw.hooks.errors import Misconfigured
from hafw.net.clock import boot_ns

SHELL = ["/bin/sh", "-c"]


def within(seconds: float) -> int:
    return boot_ns() + int(seconds * 1e9)


def alive(pid: int) -> bool:
    """Is it there, and no zombie?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int) -> bool:
    until_s = time.monotonic() + 5.0
    while alive(pid) and time.monotonic() < until_s:
        os.sched_yield()
    return not alive(pid)


def test_a_program_tells_its_status_and_what_it_printed() -> None:
    ended = programs.run([*SHELL, "cat; echo wrong >&2; exit 3"], within(5), "secret\n")

    assert (ended.status, ended.output) == (3, "secret\nwrong\n")
    assert ended.last_line == "wrong"


def test_a_program_that_hangs_is_killed_at_the_deadline_with_its_children() -> None:
    began_s = time.monotonic()
    where = f"/proc/{os.getpid()}/task/{os.getpid()}/children"
    before = set(Path(where).read_text().split())

    with pytest.raises(TimeoutError, match="still running at the deadline"):
        programs.run([*SHELL, "sleep 60 & sleep 60"], within(0.3))

    assert time.monotonic() - began_s < 3.0
    assert set(Path(where).read_text().split()) <= before


def test_what_a_program_leaves_behind_is_killed_when_it_ends(tmp_path: Path) -> None:
    child = tmp_path / "child"
    began_s = time.monotonic()

    ended = programs.run([*SHELL, f"sleep 60 & echo $! > {child}; echo done"], within(10))

    assert (ended.status, ended.output) == (0, "done\n")
    assert time.monotonic() - began_s < 5.0
    assert gone(int(child.read_text()))


def test_what_a_program_prints_is_bounded() -> None:
    ended = programs.run([*SHELL, "head -c 1000000 /dev/zero | tr '\\0' x"], within(10))

    assert ended.status == 0
    assert len(ended.output) == programs.MAX_OUTPUT


def test_a_program_that_prints_without_end_is_killed_at_the_deadline() -> None:
    with pytest.raises(TimeoutError):
        programs.run([*SHELL, "yes"], within(0.3))


def test_a_program_that_closes_its_output_is_waited_for() -> None:
    ended = programs.run([*SHELL, "exec >&- 2>&-; sleep 0.2; exit 4"], within(5))

    assert ended.status == 4


def test_a_program_finds_nothing_of_this_process() -> None:
    ended = programs.run([*SHELL, "pwd; env | sort | cut -d= -f1"], within(5))

    assert ended.output.split() == ["/", "LC_ALL", "PATH", "PWD"]


def test_a_program_that_is_missing_is_named_with_its_package() -> None:
    with pytest.raises(Misconfigured, match="no program no-such-program; install the package x"):
        programs.find("no-such-program", "x")
