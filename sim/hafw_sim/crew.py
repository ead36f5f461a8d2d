"""Who plays the runs of a campaign: processes of this machine, another Python, a Dask cluster.

One rule: whoever plays them, it is with this very engine; so the result is the same.
"""

# ruff: noqa: PLC0415 - Dask is an extra, and slow to import

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from hafw.agent.journal import engine_hash
from hafw_sim.players import NoPlayer, players

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

PATIENCE_S: Final = 10
"""How long a Dask cluster may take to answer, and to have a worker."""


class NoCrew(Exception):
    """Nobody can play; the text says why, and what to do."""


@contextmanager
def crew(jobs: int, dask: str, python: str = "") -> Iterator[tuple[Executor, int]]:
    """An executor, and how many can play at once. Raises NoCrew.

    `jobs`: processes (0: one per core). `dask`: address of a cluster's scheduler, if not ''.
    `python`: another Python that plays, if not ''.
    """
    if dask:
        with _workers(dask) as found:
            yield found
        return
    jobs = jobs or os.cpu_count() or 1
    if python:
        try:
            with players(python, jobs) as pool:
                yield pool, jobs
        except NoPlayer as problem:
            raise NoCrew(str(problem)) from problem
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield pool, jobs


@contextmanager
def _workers(address: str) -> Iterator[tuple[Executor, int]]:
    try:
        from distributed import Client
    except ImportError as problem:
        raise NoCrew("Dask is not installed here; install hafw[dask]") from problem
    try:
        client = Client(address, timeout=PATIENCE_S, set_as_default=False)
    except (OSError, ValueError) as problem:
        raise NoCrew(f"no Dask scheduler answers at {address}: {problem}") from problem
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE_S)
        except TimeoutError as problem:
            raise NoCrew(f"the Dask cluster at {address} has no workers; start some") from problem
        _check_engines(client.run(_own_engine), _own_engine())
        with client.get_executor(pure=False) as pool:
            yield pool, sum(client.nthreads().values())


def _own_engine() -> str:
    """Here, or where a worker is told to do this."""
    return engine_hash()


def _check_engines(workers: dict[str, str], own: str) -> None:
    for worker, found in workers.items():
        if found != own:
            raise NoCrew(
                f"the Dask worker {worker} has another engine ({found}, not {own}); "
                "install the same hafw on every worker"
            )
