"""What searches saw, on disk: per model how far, within which bounds, with which engine.

One rule: a file is continued only by the same engine; what is complete in it is not done again.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Final

import msgspec

import hafw
from hafw.agent.journal import engine_hash
from hafw_sim.campaign_file import OtherEngine, commit, must_match, save
from hafw_sim.explore.hunts import HUNTS, hunt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hafw_sim.explore.model import Model
    from hafw_sim.explore.search import Result

SCHEMA: Final = "hafw.explore/1"


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a model, or of a mutant in it. `depth`, `ticks_max`: in ticks.

    `obeyed`: operators' commands that were carried out, by name.
    """

    model: str
    bounds: str
    tick_s: float
    ticks_max: int
    complete: bool
    states: int
    transitions: int
    depth: int
    left: int
    rested: int
    audited: int
    seconds: float
    finding: str = ""
    obeyed: dict[str, int] = {}


class Record(msgspec.Struct, kw_only=True):
    """The content of a file. `mutants`: the search that finds each."""

    schema: str = SCHEMA
    version: str = hafw.__version__
    commit: str
    engine: str
    python: str
    seconds: float = 0.0
    models: dict[str, Searched] = {}
    mutants: dict[str, Searched] = {}

    def add(self, result: Result) -> None:
        """Add what was seen of a model."""
        self.models[result.model.name] = _searched(result)
        self.seconds = round(sum(each.seconds for each in self.models.values()), 1)

    def lacks(self, model: Model) -> bool:
        """Whether the model was not searched to its end yet, within its present bounds."""
        seen = self.models.get(model.name)
        return seen is None or not seen.complete or seen.bounds != model.bounds

    def add_mutants(self) -> Iterator[str]:
        """Hunt each mutant, unless that was done; its name, once what was seen of it is here."""
        for name in HUNTS:
            if name not in self.mutants:
                self.mutants[name] = _searched(hunt(name))
                yield name

    @property
    def survived(self) -> list[str]:
        """The mutants that were hunted and not found."""
        return [name for name, seen in self.mutants.items() if not seen.finding]


def begin(path: Path) -> Record:
    """The file's content, to be continued; a new one if there is none. Raises OtherEngine."""
    fresh = Record(commit=commit(), engine=engine_hash(), python=platform.python_version())
    if not path.exists():
        return fresh
    found = msgspec.json.decode(path.read_bytes(), type=Record)
    must_match(path, found, fresh, "engine")
    return found


def _searched(result: Result) -> Searched:
    model, counts = result.model, result.counts
    return Searched(
        model=model.name,
        bounds=model.bounds,
        tick_s=model.tick_ns / 1e9,
        ticks_max=model.depth,
        complete=result.complete,
        states=result.states,
        transitions=counts.transitions,
        depth=result.depth,
        left=result.left,
        rested=counts.rested,
        audited=counts.audited,
        seconds=round(result.seconds, 1),
        obeyed=dict(sorted(counts.obeyed.items())),
        finding=result.finding.problem if result.finding is not None else result.form_error,
    )


__all__ = ["OtherEngine", "Record", "Searched", "begin", "save"]
