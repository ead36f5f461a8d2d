"""Labs that outlive the command that built them: started, found by name, ended.

Rule: a lab is alive exactly while its lock file is locked; what a dead lab left is cleared away by
the next one of that name.

A lab called NAME has NAME.socket, NAME.lock and NAME.log in one directory per user.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hafw_sim.lab.connection import Connection, LabError, await_start, launch
from hafw_sim.lab.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.lab.protocol import Options

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_BACKLOG: Final = 8
_END_TIMEOUT_S: Final = 10.0
_LOOK_INTERVAL_S: Final = 0.01


class NoSuchLab(LabError):
    """There is no lab of that name."""


@dataclass(frozen=True, slots=True)
class Place:
    """The files of one lab."""

    name: str
    directory: Path

    @classmethod
    def of(cls, name: str) -> Place:
        """Return the files of the lab ``name``; raises `LabError` for a name that cannot be one."""
        if not _NAME.fullmatch(name):
            raise LabError(
                f'"{name}" is no name for a lab: at most 31 lower-case letters, digits and dashes'
            )
        return cls(name, _directory())

    @property
    def socket(self) -> Path:
        """Where the lab listens."""
        return self.directory / f"{self.name}.socket"

    @property
    def lock(self) -> Path:
        """Locked while the lab lives."""
        return self.directory / f"{self.name}.lock"

    @property
    def log(self) -> Path:
        """What the lab server had to complain of."""
        return self.directory / f"{self.name}.log"


def start(name: str, options: Options) -> None:
    """Build a lab and leave it standing. Raises `LabError`, `NamespacesForbidden`."""
    place = Place.of(name)
    with contextlib.ExitStack() as stack:
        lock = stack.enter_context(place.lock.open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise LabError(
                f"lab {name} is up already; end it with: {_command('down', name)}"
            ) from (problem)
        place.socket.unlink(missing_ok=True)
        listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        listener.bind(str(place.socket))
        listener.listen(_BACKLOG)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stack.enter_context(ours)
        log = stack.enter_context(place.log.open("w"))
        with theirs:
            launch(options, theirs, listener, kept=(lock.fileno(),), stderr=log.fileno())
        try:
            await_start(ours)
        except LabError as problem:
            raise LabError(f"{problem}\nIts log: {place.log}") from problem


@contextlib.contextmanager
def attached(name: str) -> Iterator[Lab]:
    """Use the standing lab ``name`` within the block. Raises `NoSuchLab`, `LabError`."""
    place = Place.of(name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as channel:
        try:
            channel.connect(str(place.socket))
        except (FileNotFoundError, ConnectionRefusedError) as problem:
            others = names()
            known = f"there is {', '.join(others)}" if others else "no lab is up"
            raise NoSuchLab(f"no lab {name}; {known}. Start it with: {_command('up', name)}") from (
                problem
            )
        yield Lab.attached(Connection(channel))


def stop(name: str) -> None:
    """End a standing lab; when this returns, nothing of it is left. Raises as `attached`."""
    place = Place.of(name)
    with attached(name) as lab:
        lab.close()
    deadline_s = time.monotonic() + _END_TIMEOUT_S
    while _is_locked(place.lock):
        if time.monotonic() > deadline_s:
            raise LabError(f"lab {name} has not ended after {_END_TIMEOUT_S:g} s; see {place.log}")
        time.sleep(_LOOK_INTERVAL_S)
    for path in (place.socket, place.log, place.lock):
        path.unlink(missing_ok=True)


def names() -> tuple[str, ...]:
    """Return the names of this user's standing labs."""
    locks = sorted(_directory().glob("*.lock"))
    return tuple(lock.stem for lock in locks if _is_locked(lock))


def _is_locked(path: Path) -> bool:
    try:
        with path.open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _directory() -> Path:
    """Return the user's directory for labs, which nobody else can write to."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    uid = os.geteuid()
    shared = f"/tmp/hafw-lab-{uid}"  # noqa: S108 - whose it is, is checked below
    directory = Path(runtime) / "hafw-lab" if runtime else Path(shared)
    directory.mkdir(mode=0o700, exist_ok=True)
    state = directory.lstat()
    if state.st_uid != uid or state.st_mode & 0o077:
        raise LabError(f"{directory} is not this user's own, mode 0700; remove it and try again")
    return directory


def _command(verb: str, name: str) -> str:
    return f"hafw lab --name {name} {verb}"
