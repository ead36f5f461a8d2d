"""Runs the program that speaks to a fence device, within a deadline.

One rule: when the deadline comes, or the program ends, everything that it started is killed; what
it prints is read up to a bound; what is secret goes in by its standard input, never as an argument.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import Misconfigured
from hafw.net.clock import boot_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

SEARCH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for, whatever the caller's PATH says."""
MAX_OUTPUT: Final = 64 * 1024
REAP_S: Final = 2.0
"""How long the kernel may take to end a process that was killed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit status and what it printed, errors included."""

    status: int
    output: str

    @property
    def last_line(self) -> str:
        """Where programs say what went wrong."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1][:200] if lines else "it said nothing"


def find(program: str, package: str) -> str:
    """The path of a program. Raises Misconfigured, naming the package that brings it."""
    found = shutil.which(program, path=SEARCH)
    if found is None:
        raise Misconfigured(f"there is no program {program}; install the package {package}")
    return found


def run(command: Sequence[str], deadline_ns: int, stdin: str = "") -> Ended:
    """Run a program to its end. Raises TimeoutError when it had to be killed at the deadline."""
    source = os.memfd_create("stdin", os.MFD_CLOEXEC)
    try:
        os.write(source, stdin.encode())
        os.lseek(source, 0, os.SEEK_SET)
        process = subprocess.Popen(  # noqa: S603 - the cluster file names the program
            command,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": SEARCH, "LC_ALL": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
        )
    finally:
        os.close(source)
    assert process.stdout is not None, "it is a pipe"
    with process.stdout as stream:
        try:
            output = _output(process.pid, stream.fileno(), deadline_ns)
        finally:
            # Before it is waited for: until then its number is no other process's.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):  # it hangs in the kernel: nobody can help
                process.wait(REAP_S)
    return Ended(process.returncode, output.decode(errors="replace"))


def _output(pid: int, stream: int, deadline_ns: int) -> bytes:
    """What the program prints until it ends; what it started may live on and print more."""
    ended = os.pidfd_open(pid)
    os.set_blocking(stream, False)
    output = bytearray()
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(ended, selectors.EVENT_READ)
            selector.register(stream, selectors.EVENT_READ)
            while True:
                left_s = max((deadline_ns - boot_ns()) / 1e9, 0.0)
                ready = {key.fd for key, _ in selector.select(left_s)}
                data = _available(stream) if ready else b""
                output += data[: MAX_OUTPUT - len(output)]
                if ended in ready:
                    return bytes(output)
                if stream in ready and not data:
                    selector.unregister(stream)
                if boot_ns() >= deadline_ns:
                    raise TimeoutError("it was still running at the deadline, and was killed")
    finally:
        os.close(ended)


def _available(stream: int) -> bytes:
    """What can be read now, which is all that a pipe holds; empty at the end."""
    try:
        return os.read(stream, MAX_OUTPUT)
    except BlockingIOError:
        return b""
