"""Measures the takeovers, and puts what was found into one result.

Rule: within a run everyone takes turns, so that a noisy minute hurts all of them alike.
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import facts
from bench.movers import agents
from bench.movers.cases import CASES
from bench.movers.clouds import LATENCY_S, tolled
from bench.movers.toll import Toll, rounds
from bench.movers.workers import ATTACH, worker
from bench.run import summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bench.movers.cases import Case
    from bench.movers.clouds import Cloud
    from bench.movers.workers import Worker

    Turn = tuple[str, Callable[[], "Takeover"]]

SCHEMA: Final = "hafw.bench.movers/1"
PROVED: Final = "hafw, proof"
OURS: Final = {PROVED: "fenced", "hafw, no proof": "reflected"}
"""What hafw's takeover rests on: a certificate that proves the old holder off, or one that infers.

An agent starts after Pacemaker has fenced the peer, which is the first of these.
"""
_CONNECT_S: Final = 5.0

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Takeover:
    """What one takeover cost; `moved_ms`: until the cloud had moved it; None: no call moves it."""

    calls: list[str]
    api: int
    metadata: int
    in_a_row: int
    connections: int
    moved_ms: float | None
    done_ms: float
    watch: int


def takeovers(
    runs: int, command: str, tell: Callable[[str], None], cases: Sequence[Case] = CASES
) -> Result:
    """Measure every case `runs` times. To be called where 169.254.169.254 can be had."""
    quiet, failures = facts.Quiet.now(), []
    figures: dict[str, dict[str, Result]] = {}
    for case in cases:
        found: dict[str, list[Takeover]] = {}
        for number, (who, measured) in _turns(case, runs):
            tell(f"{case.name}, run {number} of {runs}: {who}")
            try:
                found.setdefault(who, []).append(measured())
            except (OSError, RuntimeError, subprocess.TimeoutExpired) as problem:
                failure = {"run": number, "peer": who, "life": case.name}
                failures.append(failure | {"why": str(problem)[:2000]})
        figures[case.name] = {who: _figures(each) for who, each in found.items() if each}
    return {
        "schema": SCHEMA,
        **facts.of_this_run(command),
        "runs": runs,
        "latency_ms": 1000 * LATENCY_S,
        "agents": f"{agents.PACKAGE} {agents.version()}".strip(),
        "quiet": quiet.since(),
        "figures": figures,
        "left_out": dict(_left_out(cases)),
        "notes": agents.NOTES,
        "failures": failures,
        "targets": [*targets(figures)],
    }


def _turns(case: Case, runs: int) -> Iterator[tuple[int, Turn]]:
    """Who takes over, and how it is measured. Raises RuntimeError where hafw cannot be warmed."""
    with ExitStack() as stack:
        cloud = stack.enter_context(tolled(case.cloud))
        asked = stack.enter_context(worker(case, cloud))
        turns = [
            (who, partial(_ours, case, cloud, asked, certificate))
            for who, certificate in OURS.items()
        ]
        agent = case.agent
        if agent is not None and agents.missing(agent) is None:
            address = stack.enter_context(agents.discovery(cloud.endpoint))
            library = stack.enter_context(Toll(address))
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            running = agents.Running(agent, cloud, scratch, library.address)
            turns.append((agent.name, partial(_theirs, case, cloud, running, library)))
        for number in range(1, runs + 1):
            for turn in turns:
                yield number, turn


def _ours(case: Case, cloud: Cloud, asked: Worker, certificate: str) -> Takeover:
    def attach() -> None:
        asked.order(ATTACH, certificate)
        _check_answers(case, case.address)

    took = _takeover(case, cloud, attach, lambda: asked.order("hafw_vip_observe"))
    asked.order("hafw_vip_detach")
    return took


def _theirs(case: Case, cloud: Cloud, running: agents.Running, library: Toll) -> Takeover:
    def start() -> None:
        running.act("start")
        _check_answers(case, "127.0.0.1")

    try:
        return _takeover(case, cloud, start, lambda: running.act("monitor"), library)
    finally:
        running.clear()


def _takeover(
    case: Case,
    cloud: Cloud,
    take: Callable[[], None],
    watch: Callable[[], None],
    *more: Toll,
) -> Takeover:
    cloud.begin(case.mover, case.address)
    for toll in more:
        toll.forget()
    began_s = time.monotonic()
    take()
    done_s = time.monotonic()
    if not case.port and not cloud.moved_s:
        raise RuntimeError(f"{case.address} is not here")
    api, metadata = cloud.passed()
    tolls = (api, metadata, *more)
    exchanges = [one for toll in tolls for one in toll.exchanges()]
    asked_metadata = len(metadata.exchanges())
    calls, opened = cloud.made(), sum(toll.connections for toll in tolls)
    watch()
    return Takeover(
        calls=calls,
        api=len(exchanges) - asked_metadata,
        metadata=asked_metadata,
        in_a_row=rounds(exchanges),
        connections=opened,
        moved_ms=None if case.port else 1000 * (cloud.moved_s - began_s),
        done_ms=1000 * (done_s - began_s),
        watch=sum(len(toll.exchanges()) for toll in tolls) - len(exchanges),
    )


def _check_answers(case: Case, address: str) -> None:
    """See that the holder answers the load balancer. Raises OSError."""
    if not case.port:
        return
    until_s = time.monotonic() + _CONNECT_S
    while True:
        try:
            socket.create_connection((address, case.port), _CONNECT_S).close()
        except ConnectionRefusedError:  # an agent does not wait for its responder
            if time.monotonic() > until_s:
                raise
        else:
            return


def _figures(found: list[Takeover]) -> Result:
    """The worst of what was counted, every time that was measured."""
    worst = max(found, key=lambda one: (one.api + one.metadata, one.in_a_row))
    moved = [round(one.moved_ms, 2) for one in found if one.moved_ms is not None]
    return {
        "calls": worst.calls,
        "api": worst.api,
        "metadata": worst.metadata,
        "in_a_row": worst.in_a_row,
        "connections": max(one.connections for one in found),
        "watch": max(one.watch for one in found),
        "moved_ms": summary(moved) if moved else None,
        "done_ms": summary([round(one.done_ms, 2) for one in found]),
    }


def _left_out(cases: Iterable[Case]) -> Iterator[tuple[str, str]]:
    for case in cases:
        agent = case.agent
        if agent is not None and (why := agents.missing(agent)) is not None:
            yield agent.name, why


def targets(figures: dict[str, dict[str, Result]]) -> Iterator[Result]:
    """Fewer calls and less time than each agent; no more, where neither makes any."""
    for case, measured in figures.items():
        mine = {who: found for who, found in measured.items() if who in OURS}
        theirs = {who: found for who, found in measured.items() if who not in OURS}
        for agent, limits in theirs.items():
            for who, reached in mine.items():
                for what, unit, value in _COMPARED:
                    limit = value(limits)
                    yield {
                        "what": f"{case}, {who}: {what} than {agent}",
                        "unit": unit,
                        "limit": limit,
                        "below": limit > 0,
                        "reached": value(reached),
                        "met": value(reached) < limit or value(reached) == limit == 0,
                    }


_COMPARED: Final[tuple[tuple[str, str, Callable[[Result], float]], ...]] = (
    ("fewer calls of the API", "", lambda found: float(found["api"])),
    ("fewer calls of API and metadata", "", lambda found: float(found["api"] + found["metadata"])),
    ("less time", "ms", lambda found: float(found["done_ms"]["median"])),
)
