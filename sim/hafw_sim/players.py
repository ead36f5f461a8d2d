"""Runs played by another Python, PyPy for one: processes that take work and give back results.

One rule: what plays needs nothing but a Python of the right version: the engine, the world and
everything that is sent here import the standard library alone.

Such a process is this module, started as a program. Work and results are pickles on its standard
streams; it says first which engine it has.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

import hafw
import hafw_sim
from hafw.agent.journal import engine_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

T = TypeVar("T")
PATIENCE_S: Final = 10
"""How long a Python may take to say what it is."""
NEEDED: Final = 0x030B0000
"""As `sys.hexversion`: 3.11."""
_WHAT: Final = (
    "import platform, sys; "
    "print(sys.hexversion, platform.python_implementation(), platform.python_version())"
)
_PATHS: Final = ":".join(str(Path(each.__path__[0]).parent) for each in (hafw, hafw_sim))


class NoPlayer(Exception):
    """That Python cannot play; the text says why, and what to do."""


def implementation(python: str) -> str:
    """What kind of Python that is: `PyPy 3.11.11`. Raises NoPlayer."""
    try:
        said = subprocess.run(
            [python, "-c", _WHAT], capture_output=True, text=True, timeout=PATIENCE_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as problem:
        raise NoPlayer(f"{python} is no Python that can be run: {problem}") from problem
    version, _, kind = said.strip().partition(" ")
    if not kind:
        raise NoPlayer(f"{python} is no Python: it does not say which one it is")
    if int(version) < NEEDED:
        raise NoPlayer(f"{python} is {kind}; 3.11 or newer is needed")
    return kind


@contextmanager
def players(python: str, count: int) -> Iterator[Executor]:
    """An executor of so many processes of that Python. Raises NoPlayer."""
    implementation(python)
    with ExitStack() as ending:
        pool = Pool(ending.enter_context(ThreadPoolExecutor(count)))
        for _ in range(count):
            pool.add(ending.enter_context(_started(python)))
        yield pool


@contextmanager
def _started(python: str) -> Iterator[subprocess.Popen[bytes]]:
    command = ["env", f"PYTHONPATH={_PATHS}", python, "-m", __name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            found = _read(process.stdout)
            if found != engine_hash():
                raise NoPlayer(f"{python} finds another engine ({found}, not {engine_hash()})")
            yield process
        finally:
            process.kill()


class Pool(Executor):
    """Gives each piece of work to a process that is idle."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        """`threads`: one for each process."""
        self._threads = threads
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """This one plays too."""
        self._idle.put(process)

    def submit(self, what: Callable[..., T], /, *args: Any, **more: Any) -> Future[T]:  # noqa: ANN401 - as an executor's
        """Have it done; the future raises NoPlayer if the process ends instead."""
        return self._threads.submit(self._done, (what, args, more))

    def _done(self, work: object) -> Any:  # noqa: ANN401 - whatever the work returns
        process = self._idle.get()
        try:
            assert process.stdin is not None
            pickle.dump(work, process.stdin)
            process.stdin.flush()
            return _read(process.stdout)
        except OSError as problem:
            raise NoPlayer(f"a player has ended: {problem}") from problem
        finally:
            self._idle.put(process)


def _read(stream: IO[bytes] | None) -> Any:  # noqa: ANN401 - whatever was sent
    assert stream is not None
    try:
        return pickle.load(stream)  # noqa: S301 - from a process that we started
    except EOFError as problem:
        raise NoPlayer("a player has ended; what it said is above") from problem


def _play() -> None:
    """Do what is sent, until nothing more is."""
    results, sys.stdout = sys.stdout.buffer, sys.stderr
    said: object = engine_hash()
    while True:
        pickle.dump(said, results)
        results.flush()
        try:
            what, args, more = pickle.load(sys.stdin.buffer)  # noqa: S301 - from who started us
        except EOFError:
            return
        said = what(*args, **more)


if __name__ == "__main__":
    _play()
