"""A directory has one agent, and the kernel knows when that is gone."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from hafw.agent.lock import DirectoryInUse, claim
from tests.agent.users import as_nobody

if TYPE_CHECKING:
    from pathlib import Path


def test_a_second_agent_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    with claim(tmp_path), pytest.raises(DirectoryInUse) as refused:
        claim(tmp_path)

    assert str(refused.value) == (
        f"another agent (process {os.getpid()}) uses {tmp_path}; stop that one, or give this one "
        "directories of its own with --state-dir and --run-dir"
    )


def test_a_directory_that_was_given_back_can_be_claimed(tmp_path: Path) -> None:
    claim(tmp_path).close()

    with claim(tmp_path):
        assert (tmp_path / "agent.lock").read_text() == f"{os.getpid()}\n"


def test_a_killed_agent_leaves_no_lock_behind(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        held = claim(tmp_path)
        os.write(writer, b"!")
        signal.pause()
        held.close()
    os.read(reader, 1)
    with pytest.raises(DirectoryInUse, match=f"process {child}"):
        claim(tmp_path)

    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)

    claim(tmp_path).close()


def test_a_directory_that_may_not_be_written_is_no_locked_one(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    def refused() -> str:
        try:
            claim(tmp_path)
        except OSError as problem:
            return type(problem).__name__
        return ""

    assert as_nobody(refused) == "PermissionError"
