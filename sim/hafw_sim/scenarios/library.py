"""Where scenarios come from: the ones that are shipped, by name, and files.

One rule: a shipped scenario is a file like any other, read in the same way.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from hafw.config.document import read_text
from hafw_sim.scenarios.reading import parse

if TYPE_CHECKING:
    from pathlib import Path

    from hafw_sim.scenarios.model import Scenario

SUFFIX = ".toml"


def names() -> list[str]:
    """The names of the shipped scenarios."""
    files = resources.files("hafw_sim.scenarios").iterdir()
    return sorted(file.name.removesuffix(SUFFIX) for file in files if file.name.endswith(SUFFIX))


def named(name: str) -> Scenario:
    """A shipped scenario. Raises KeyError if there is none of that name."""
    if name not in names():
        raise KeyError(name)
    text = resources.files("hafw_sim.scenarios").joinpath(name + SUFFIX).read_text()
    return parse(text, name + SUFFIX, name)


def load(path: Path) -> Scenario:
    """The scenario in a file. Raises `ConfigError`, with every problem of the file."""
    text = read_text(path, "scenario file", "`hafw sim list` names the shipped ones")
    return parse(text, str(path), path.name.removesuffix(SUFFIX))
