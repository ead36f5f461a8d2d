"""What another user may do: a child process that has become one, where this one is root.

Rule: where the tests do not run as root, the child is the same user without any privilege.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import traceback
from typing import TYPE_CHECKING, Final, TypeVar, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

NOBODY: Final = 65_534
"""The user and group that own nothing, on every distribution."""
IS_ROOT: Final = os.geteuid() == 0
_DEADLINE_S: Final = 30


def as_user(
    uid: int, action: Callable[[], T], *, gid: int | None = None, groups: tuple[int, ...] = ()
) -> T:
    """What `action` returns in a child process of that user and those groups."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if IS_ROOT:
                os.setgroups(groups)
                os.setgid(uid if gid is None else gid)
                os.setuid(uid)
            report = pickle.dumps(("ok", action()))
        except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
            report = pickle.dumps(("failed", traceback.format_exc()))
        os.write(writer, report)
        os._exit(0)
    os.close(writer)
    try:
        ready, _, _ = select.select([reader], [], [], _DEADLINE_S)
        told = os.read(reader, 65_536) if ready else pickle.dumps(("failed", "it took too long"))
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    outcome, value = pickle.loads(told)
    if outcome == "failed":
        pytest.fail(value, pytrace=False)
    return cast("T", value)


def as_nobody(action: Callable[[], T]) -> T:
    """What `action` returns for a user who owns nothing."""
    return as_user(NOBODY, action)
