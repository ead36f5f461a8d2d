"""Runs all checks at once, and waits for none longer than its time.

One rule: a check that raises, or does not come back, is a finding like any other.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hafw.hooks.findings import Finding, Findings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(slots=True)
class Check:
    """One check: what it is about, and how it is made."""

    where: str
    run: Callable[[], Sequence[Finding]]
    found: list[Finding] = field(default_factory=list)


def run(checks: Sequence[Check], within_s: float) -> list[Finding]:
    """The findings of all, in the order of the checks."""
    # Daemons: what a plugin forgot to bound must not keep the program from ending.
    threads = [threading.Thread(target=_run, args=(check,), daemon=True) for check in checks]
    for thread in threads:
        thread.start()
    until_s = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(until_s - time.monotonic(), 0.0))
    return [
        finding
        for check, thread in zip(checks, threads, strict=True)
        for finding in (_late(check, within_s) if thread.is_alive() else check.found)
    ]


def _run(check: Check) -> None:
    try:
        check.found = list(check.run())
    except BaseException as problem:  # noqa: BLE001 - a plugin may raise anything
        notes = Findings(check.where)
        what = f"the check itself failed: {type(problem).__name__}: {problem}"
        notes.error("precheck.failed", what, "report this, with the versions of hafw and the SDK")
        check.found = notes.found


def _late(check: Check, within_s: float) -> list[Finding]:
    notes = Findings(check.where)
    what = f"there was no answer within {within_s:g} s"
    notes.error("precheck.late", what, "see whether what it asks can be reached from this node")
    return notes.found
