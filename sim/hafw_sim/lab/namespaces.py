"""Linux namespaces for the calling process: new ones, those of another process, their mounts.

Rule: a refusal by the system becomes `NamespacesForbidden`, which says what to do about it.

Python 3.11 has neither ``os.unshare`` nor ``os.setns``, so the C library is called directly. All
of this is for single-threaded processes.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# linux/sched.h
CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

# linux/mount.h
_MS_NOSUID: Final = 0x2
_MS_NODEV: Final = 0x4
_MS_NOEXEC: Final = 0x8
_MS_REC: Final = 0x4000
_MS_PRIVATE: Final = 0x40000

# linux/prctl.h
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15
_PR_SET_TIMERSLACK: Final = 29

_REFUSALS: Final = frozenset({errno.EPERM, errno.EACCES, errno.ENOSPC, errno.EUSERS})

_libc = ctypes.CDLL(None, use_errno=True)


class NamespacesForbidden(Exception):
    """This system does not let this user build the namespaces of a lab; the text says what to do.

    ``step`` is what was refused, ``reason`` the system's word for it, ``remedy`` a command or hint.
    """

    def __init__(self, step: str, reason: str, remedy: str) -> None:
        """Describe the refusal."""
        as_root = "" if os.geteuid() == 0 else "\nOr run the same command as root."
        super().__init__(f"this system forbids {step} ({reason}).\nTo allow it: {remedy}{as_root}")
        self.step = step
        self.reason = reason
        self.remedy = remedy


@contextlib.contextmanager
def refused_as(step: str) -> Iterator[None]:
    """Turn a refusal by the system within the block into `NamespacesForbidden` about ``step``."""
    try:
        yield
    except OSError as problem:
        if problem.errno in _REFUSALS:
            reason = os.strerror(problem.errno)
            raise NamespacesForbidden(step, reason, remedy()) from problem
        raise


def remedy(proc_sys: Path = Path("/proc/sys")) -> str:
    """Return what an administrator can do on this system to allow user namespaces."""
    # Name, the value that forbids, one that does not.
    switches = (
        ("kernel/apparmor_restrict_unprivileged_userns", 1, 0),  # Ubuntu from 23.10 on
        ("kernel/unprivileged_userns_clone", 0, 1),  # Debian and its relatives
        ("user/max_user_namespaces", 0, 10_000),
        ("user/max_net_namespaces", 0, 10_000),
    )
    for name, forbids, wanted in switches:
        with contextlib.suppress(OSError, ValueError):
            if int((proc_sys / name).read_text()) == forbids:
                return f"sudo sysctl -w {name.replace('/', '.', 1)}={wanted}"
    return (
        "in a container, start it with the right to make namespaces "
        "(docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined); "
        "elsewhere, ask the administrator for unprivileged user namespaces."
    )


def unshare(flags: int) -> None:
    """Give the calling process new namespaces (CLONE_NEW*); raises OSError.

    CLONE_NEWPID holds for its next child, which becomes process 1 of it.
    """
    _check(_libc.unshare(flags), "unshare")


def join(process_fd: int, flags: int) -> None:
    """Move the caller into the namespaces ``flags`` of the process behind a pidfd; raises OSError.

    An open namespace (/proc/PID/ns) does for a single one. CLONE_NEWPID holds for the caller's
    next children only. Needs Linux 5.8.
    """
    _check(_libc.setns(process_fd, flags), "setns")


@contextlib.contextmanager
def in_network_of(process_fd: int) -> Iterator[None]:
    """Be in the network namespace of another process within the block, then return."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        join(process_fd, CLONE_NEWNET)
        try:
            yield
        finally:
            join(home, CLONE_NEWNET)
    finally:
        os.close(home)


@contextlib.contextmanager
def children_elsewhere() -> Iterator[None]:
    """Let the block choose the process namespace of its children, and then choose the own again."""
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        join(own, CLONE_NEWPID)
        os.close(own)


def become_root_inside() -> None:
    """Enter a new user namespace in which the caller is root and owns what it makes.

    One user is mapped: the caller. Raises OSError.
    """
    uid, gid = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER)
    # user_namespaces(7): without privileges outside, one line, and setgroups given up first.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def mount_private_proc() -> None:
    """Detach the caller's mounts from everybody else's and show its own processes in /proc."""
    _check(_libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None), "make mounts private")
    _mount(b"proc", b"/proc")


def mount_private_sys() -> None:
    """Show the caller's own network namespace in /sys/class/net."""
    _mount(b"sysfs", b"/sys")


def set_hostname(name: str) -> None:
    """Set the host name of the caller's UTS namespace."""
    encoded = name.encode()
    _check(_libc.sethostname(encoded, len(encoded)), "sethostname")


def die_with_parent() -> None:
    """Have the kernel kill the caller (SIGKILL) at the moment its parent ends."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl PDEATHSIG")


def close_all_but(kept: set[int]) -> None:
    """Close every open file of the caller but these."""
    for entry in list(Path("/proc/self/fd").iterdir()):
        descriptor = int(entry.name)
        if descriptor not in kept:
            with contextlib.suppress(OSError):  # the one that listed the directory
                os.close(descriptor)


def set_process_name(name: str) -> None:
    """Set what ``ps`` shows as the caller's name, at most 15 bytes."""
    _check(_libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0), "prctl NAME")


def wake_precisely() -> None:
    """Let timers of the caller fire when due, not up to 50 microseconds later to save power."""
    _check(_libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0), "prctl TIMERSLACK")


def _mount(kind: bytes, target: bytes) -> None:
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    _check(_libc.mount(kind, target, kind, flags, None), f"mount {kind.decode()}")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
