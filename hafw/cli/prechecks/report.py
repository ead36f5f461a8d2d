"""The findings for a person, or for a program.

One rule: a word says how it stands; colour only repeats it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hafw.config.engine import classes_of, protection_of, to_settings
from hafw.config.explain import UNPROTECTED, assumptions
from hafw.hooks.findings import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from hafw.cli.prechecks.subject import Subject
    from hafw.hooks.findings import Finding

SCHEMA: Final = "hafw.precheck/1"
STYLES: Final = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.ERROR: "bold red"}


def as_object(subject: Subject, findings: Sequence[Finding]) -> dict[str, object]:
    """What `--json` writes."""
    return {
        "schema": SCHEMA,
        "node": subject.node,
        "ok": passed(findings),
        "findings": [asdict(finding) for finding in findings],
        "groups": [
            {"id": number, "protection": name, "assumptions": assumed}
            for number, name, assumed in _protections(subject)
        ],
    }


def passed(findings: Sequence[Finding]) -> bool:
    """Whether nothing is an error."""
    return all(finding.verdict is not Verdict.ERROR for finding in findings)


def views(subject: Subject, findings: Sequence[Finding]) -> list[RenderableType]:
    """The table, then what each group is worth."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(ratio=3)
    for finding in findings:
        table.add_row(
            Text(finding.verdict.value, STYLES[finding.verdict]),
            Text(finding.where),
            Text(finding.what),
        )
        if finding.remedy:
            table.add_row("", "", Text(f"→ {finding.remedy}", "bold"))
    found: list[RenderableType] = [table, ""]
    for number, name, assumed in _protections(subject):
        found.append(Text(f"group {number}: protection {name}"))
        told = [f"assumed: {each}" for each in assumed]
        found += [Padding(Text(each), (0, 0, 0, 2)) for each in told or [UNPROTECTED]]
    return found


def summary(findings: Sequence[Finding]) -> str:
    """One line."""
    counted = Counter(finding.verdict for finding in findings)
    return ", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict)


def _protections(subject: Subject) -> Iterator[tuple[int, str, list[str]]]:
    """Each group, its protection, and what that rests on: as `status` has it."""
    settings = to_settings(subject.cluster, subject.node)
    for group in subject.cluster.groups:
        classes = classes_of(subject.cluster, group)
        yield group.id, protection_of(subject.cluster, group), assumptions(classes, settings)
