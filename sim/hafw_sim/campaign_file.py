"""A campaign of many seeds on disk: what ran, with which engine, and what was found.

One rule: a figure without its file does not count, and a file is continued only by the same engine.
"""

from __future__ import annotations

import platform
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

import hafw
from hafw.agent.journal import engine_hash
from hafw_sim.campaign import Result
from hafw_sim.play import play

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw_sim.schedule import Schedule

SCHEMA: Final = "hafw.campaign/1"


class OtherEngine(Exception):
    """The file is of another engine, or of another campaign; the text says what to do."""


class Finding(msgspec.Struct, frozen=True):
    """A seed and what it violated first."""

    seed: int
    violation: str


class CampaignFile(msgspec.Struct, kw_only=True):
    """The content of a file. `seeds` of `wanted` are done, from `start` on.

    `config`: hash of the cluster file whose pair was simulated; '' for drawn pairs. `settled`: what
    an earlier simulator found, and the present one does not find in the same engine.
    """

    schema: str = SCHEMA
    version: str = hafw.__version__
    commit: str
    engine: str
    python: str
    start: int
    wanted: int
    liveness: bool
    config: str = ""
    seeds: int = 0
    wall_s: float = 0.0
    simulated_h: float = 0.0
    events: int = 0
    findings: list[Finding] = []
    settled: list[Finding] = []
    nondeterministic: list[int] = []
    never_seen: list[str] = []
    seen: dict[str, int] = {}
    faults: dict[str, int] = {}
    transitions: list[tuple[str, str, str]] = []
    overlap_best_effort_s: float = 0.0
    mutants: dict[str, str | None] = {}

    def add(self, result: Result, wall_s: float) -> None:
        """Add the result of the next seeds."""
        total = Result(
            failed=[(each.seed, each.violation) for each in self.findings],
            nondeterministic=self.nondeterministic,
            seen=Counter(self.seen),
            faults=Counter(self.faults),
            coverage={(a, b, c) for a, b, c in self.transitions},
        )
        total.merge(result)
        self.seeds += result.seeds
        self.wall_s = round(self.wall_s + wall_s, 1)
        self.simulated_h = round(self.simulated_h + result.simulated_ns / 3.6e12, 1)
        self.events += result.events
        self.findings = [Finding(seed, violation) for seed, violation in total.failed]
        self.nondeterministic = total.nondeterministic
        self.never_seen = total.never_seen
        self.seen = dict(sorted(total.seen.items()))
        self.faults = dict(sorted(total.faults.items()))
        self.transitions = sorted(total.coverage)
        self.overlap_best_effort_s = round(self.overlap_best_effort_s + result.both_ns / 1e9, 3)

    def settle(self, schedule: Callable[[int], Schedule]) -> None:
        """Play what was found again: in the same engine, what is gone was never the engine's."""
        found, self.findings = self.findings, []
        for each in found:
            still = play(schedule(each.seed)).violations
            (self.findings if still else self.settled).append(each)


def begin(  # noqa: PLR0913 - what a campaign is made of
    path: Path, start: int, wanted: int, *, liveness: bool, config: str = "", python: str = ""
) -> CampaignFile:
    """The file's content, to be continued; a new one if there is none. Raises OtherEngine.

    `python`: what plays, if it is not this Python.
    """
    fresh = CampaignFile(
        commit=commit(),
        engine=engine_hash(),
        python=python or f"CPython {platform.python_version()}",
        start=start,
        wanted=wanted,
        liveness=liveness,
        config=config,
    )
    if not path.exists():
        return fresh
    found = msgspec.json.decode(path.read_bytes(), type=CampaignFile)
    must_match(path, found, fresh, "engine", "start", "liveness", "config")
    found.wanted = max(found.wanted, wanted)
    return found


def must_match(path: Path, found: msgspec.Struct, fresh: msgspec.Struct, *names: str) -> None:
    """What is in the file must be of the same things as what is to be added. Raises OtherEngine."""
    for name in names:
        was, is_now = getattr(found, name), getattr(fresh, name)
        if was != is_now:
            raise OtherEngine(
                f"{path} is of {name} {'none' if was == '' else was}, this is "
                f"{'none' if is_now == '' else is_now}; name another file"
            )


def save(path: Path, content: msgspec.Struct) -> None:
    """Write the file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(content), indent=1)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(text + b"\n")
    fresh.rename(path)


def kill_mutants(content: CampaignFile, on_one: Callable[[str], None]) -> None:
    """Note which story or schedule kills each mutant in this very build."""
    from hafw_sim.mutants import MUTANTS, killer  # noqa: PLC0415 - takes the engine apart

    for name, mutant in MUTANTS.items():
        content.mutants[name] = killer(mutant)
        on_one(name)


def commit() -> str:
    """The commit of this checkout."""
    where = Path(__file__).parent
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607 - wherever git is
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
