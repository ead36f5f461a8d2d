"""Real-time scheduling and locked memory: what is said to be had is had, and no more is needed."""

from __future__ import annotations

import mmap
import os
import resource
from pathlib import Path
from typing import Final

from hafw.agent import realtime
from tests.agent.users import as_nobody, as_user

GROWTH: Final = 64 * 1024 * 1024


def acquired() -> tuple[str, int, int]:
    """What is said, this process's scheduling policy, and its locked memory in kB."""
    said = realtime.acquire()
    return said, os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, locked_kb()


def locked_kb() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmLck"))


def test_what_is_said_to_be_had_is_had() -> None:
    said, policy, locked = as_user(os.geteuid(), acquired)

    assert ("real-time" in said) is (policy == os.SCHED_RR)
    assert ("memory locked" in said) is (locked > 0)
    assert len(said.split(", ")) == 2


def test_a_user_who_is_granted_nothing_runs_all_the_same() -> None:
    def ask() -> tuple[str, int, int]:
        for limit in (resource.RLIMIT_MEMLOCK, resource.RLIMIT_RTPRIO):
            resource.setrlimit(limit, (0, 0))
        return acquired()

    said, policy, locked = as_nobody(ask)

    assert said == "ordinary scheduling, memory not locked"
    assert (policy, locked) == (os.SCHED_OTHER, 0)


def test_later_memory_is_not_locked_so_no_limit_is_in_its_way() -> None:
    def ask_and_grow() -> tuple[int, int]:
        _said, _policy, before_kb = acquired()
        with mmap.mmap(-1, GROWTH) as later:
            later.write(bytes(GROWTH))
            return before_kb, locked_kb()

    before_kb, after_kb = as_user(os.geteuid(), ask_and_grow)

    assert after_kb - before_kb < GROWTH // 1024


def test_children_do_not_inherit_real_time() -> None:
    def ask_and_fork() -> int:
        realtime.acquire()
        return as_user(os.geteuid(), lambda: os.sched_getscheduler(0))

    assert as_user(os.geteuid(), ask_and_fork) == os.SCHED_OTHER
