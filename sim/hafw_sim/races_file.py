"""Races on disk: of which movers, with which code, and what was found.

One rule: a figure without its file does not count, and a file is continued only by the same code.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Final

import msgspec

import hafw
from hafw.agent.journal import source_hash
from hafw_sim.campaign_file import commit, must_match

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA: Final = "hafw.races/1"


class Lost(msgspec.Struct, frozen=True):
    """A seed, and what was not so in the end."""

    seed: int
    wrong: str


class Raced(msgspec.Struct):
    """One mover: the seeds from 0 on that were raced, and what was found."""

    seeds: int = 0
    wall_s: float = 0.0
    findings: list[Lost] = []


class RacesFile(msgspec.Struct, kw_only=True):
    """The content of a file; `code` names exactly this hafw."""

    schema: str = SCHEMA
    version: str = hafw.__version__
    commit: str
    code: str
    python: str
    provider: str
    faults: bool
    movers: dict[str, Raced] = {}


def begin(path: Path, provider: str, *, faults: bool) -> RacesFile:
    """The file's content, to be continued; a new one if there is none. Raises OtherEngine."""
    fresh = RacesFile(
        commit=commit(),
        code=code_hash(),
        python=f"CPython {platform.python_version()}",
        provider=provider,
        faults=faults,
    )
    if not path.exists():
        return fresh
    found = msgspec.json.decode(path.read_bytes(), type=RacesFile)
    must_match(path, found, fresh, "code", "provider", "faults")
    return found


def code_hash() -> str:
    """A name for exactly this code of hafw: providers, and all that they use."""
    return source_hash(hafw.__path__)
