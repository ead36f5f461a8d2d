"""What is wrong in a cluster file: every problem at once, each with its line and its remedy.

One rule: reading never stops at the first problem; it reports, goes on, and refuses at the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hafw.config.lines import KeyPath, Lines

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct or, as a warning, to think about. `line` counts from 1."""

    file: str
    line: int
    key: str
    what: str
    remedy: str

    def __str__(self) -> str:
        """`file:line: key: what; what to do`."""
        key = f"{self.key}: " if self.key else ""
        return f"{self.file}:{self.line}: {key}{self.what}; {self.remedy}"


class ConfigError(Exception):
    """A file is refused. `problems` holds every reason."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(slots=True)
class Report:
    """Collects the problems of one file while it is read."""

    file: str
    lines: Lines
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """A key of the file, there or missing: where a problem can be."""

    report: Report
    path: KeyPath

    def at(self, part: str | int) -> Place:
        """The place of a key or an element inside this one."""
        return Place(self.report, (*self.path, part))

    def error(self, what: str, remedy: str) -> None:
        """The file is refused because of this."""
        self.report.errors.append(self._problem(what, remedy))

    def warning(self, what: str, remedy: str) -> None:
        """The file is accepted, but the operator should know."""
        self.report.warnings.append(self._problem(what, remedy))

    def _problem(self, what: str, remedy: str) -> Problem:
        line = self.report.lines.line(self.path)
        return Problem(self.report.file, line, spell(self.path), what, remedy)


def spell(path: KeyPath) -> str:
    """The key as a person writes it: `groups[0].resources[1].address`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE.fullmatch(part) else f'"{part}"'
            text += f".{name}" if text else name
    return text
