"""The provider `labwriter`: a VIP as `onprem` has, and a service that writes to a shared file.

Rule: the service outlives everything but its own stop and its machine: the death of the worker that
started it, and of the agent. So what it writes shows whether two nodes ever ran it at a time.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from hafw.hooks.errors import Retryable, UnknownOutcome
from hafw.hooks.hookspecs import hookimpl
from hafw.net.clock import boot_ns
from hafw.providers import onprem
from hafw.providers.onprem import (
    hafw_vip_announce,
    hafw_vip_observe,
    hafw_vip_probe,
    hafw_warm,
)
from hafw_sim.lab import appender
from hafw_sim.lab.appender import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw.hooks.hookspecs import VipReceipt, VipRequest

PROVIDER: Final = "labwriter"
LOOK_S: Final = 0.002


class Record(NamedTuple):
    """One record of the file."""

    epoch: int
    node: int


def records(file: Path) -> Iterator[Record]:
    """What was written, in that order."""
    data = file.read_bytes()
    for at in range(0, len(data) - RECORD.size + 1, RECORD.size):
        yield Record(*RECORD.unpack_from(data, at))


def interleaving(file: Path) -> str:
    """The first place at which somebody wrote who had been taken over from; '': never two wrote."""
    newest = Record(0, 0)
    for number, record in enumerate(records(file)):
        if record.epoch < newest.epoch:
            return f"record {number}: {record} after {newest}"
        if record.epoch == newest.epoch and record.node != newest.node:
            return f"record {number}: {record} and {newest} under one epoch"
        newest = record
    return ""


# --- the provider -------------------------------------------------------------------------------


@hookimpl
def hafw_vip_attach(request: VipRequest) -> VipReceipt:
    """The address, and the service with it."""
    receipt = onprem.hafw_vip_attach(request)
    _stop(request)
    with _lock(request).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Retryable("somebody else has just started it", 1.0) from None
        lock.truncate(0)
        service = [sys.executable, "-ISE", appender.__file__, str(lock.fileno())]
        service += [str(_file(request)), str(request.epoch), str(request.node)]
        subprocess.Popen(
            service,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[lock.fileno()],
        )
    return receipt


@hookimpl
def hafw_vip_detach(request: VipRequest) -> VipReceipt:
    """The service first, then the address."""
    _stop(request)
    return onprem.hafw_vip_detach(request)


def _stop(request: VipRequest) -> None:
    """Kill what runs here, whoever started it: whether it runs is told by its lock alone."""
    while _runs(request):
        pid = _lock(request).read_text()
        if pid:  # else it has only just begun
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        if boot_ns() >= request.deadline_ns:
            raise UnknownOutcome("the service does not end")
        time.sleep(LOOK_S)


def _runs(request: VipRequest) -> bool:
    with _lock(request).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _file(request: VipRequest) -> Path:
    return Path(str(request.options["file"]))


def _lock(request: VipRequest) -> Path:
    """Of this node's own."""
    return _file(request).with_name(f"writer-{request.node}.lock")


__all__ = ["hafw_vip_announce", "hafw_vip_observe", "hafw_vip_probe", "hafw_warm"]
