"""What a precheck found: one finding for each thing that was looked at, whatever came of it.

One rule: what could not be looked at is never called ok.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import ProviderError, Retryable

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSING: Final = "run this again; if it stays, see what keeps this node from being answered"
LASTING: Final = "see the cluster file, and the page of this plugin in docs/"


class Verdict(StrEnum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"
    """A takeover may work, or it could not be seen whether it would."""
    ERROR = "error"
    """A takeover would fail, or would not be safe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    `id`: what was asked, the same in every version, such as "aws.identity". `where`: what it is
    about, such as a VIP, an interface or a file. `remedy`: what to do; empty where all is well.
    """

    id: str
    verdict: Verdict
    where: str
    what: str
    remedy: str = ""


@dataclass(slots=True)
class Findings:
    """Collects what is found about one thing: `where`."""

    where: str
    found: list[Finding] = field(default_factory=list)

    def ok(self, name: str, what: str) -> None:
        """It is as it should be."""
        self._add(name, Verdict.OK, what, "")

    def warn(self, name: str, what: str, remedy: str) -> None:
        """It may matter, or could not be seen."""
        self._add(name, Verdict.WARNING, what, remedy)

    def error(self, name: str, what: str, remedy: str) -> None:
        """A takeover would not work, or would not be safe."""
        self._add(name, Verdict.ERROR, what, remedy)

    def refused(self, name: str, problem: ProviderError) -> None:
        """An error of the contract: its text ends with what to do, or it may be over soon."""
        what, semicolon, remedy = str(problem).rpartition("; ")
        if not semicolon:
            what, remedy = remedy, PASSING if isinstance(problem, Retryable) else LASTING
        self.error(name, what, remedy)

    @contextmanager
    def check(self, name: str, what: str) -> Iterator[None]:
        """The block sees whether `what` is so: it is, unless an error of the contract is raised."""
        try:
            yield
        except ProviderError as problem:
            self.refused(name, problem)
        else:
            self.ok(name, what)

    def _add(self, name: str, verdict: Verdict, what: str, remedy: str) -> None:
        finding = Finding(id=name, verdict=verdict, where=self.where, what=what, remedy=remedy)
        self.found.append(finding)
