"""Writes the parts of the documentation that follow from the code; `make docs` runs it.

One rule: what stands between `<!-- generated: NAME -->` and `<!-- end -->` is never edited by hand.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hafw.core.duties import DUTIES
from hafw.core.states import TRANSITIONS
from hafw_sim.explore.models import MODELS
from hafw_sim.faults import FAULTS
from hafw_sim.play import SOMETIMES

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS: Final = Path(__file__).parent
_PART: Final = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def duties() -> str:
    """The table of certificates."""
    rows = [
        "| certificate | the holder | a frozen or dead holder | the taker |",
        "| --- | --- | --- | --- |",
    ]
    rows += [
        f"| `{duty.certificate}` | {duty.holder} | {duty.frozen} | {duty.taker} |"
        for duty in DUTIES.values()
    ]
    return "\n".join(rows)


def states() -> str:
    """The state machine of a group, as a diagram and as a list."""
    arrows = [
        (source, target, why) for source, to in TRANSITIONS.items() for target, why in to.items()
    ]
    first = next(iter(TRANSITIONS))
    diagram = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}"]
    diagram += [f"    {source} --> {target}" for source, target, _ in arrows]
    listed = [f"- {source} → {target}: {why}" for source, target, why in arrows]
    return "\n".join([*diagram, "```", "", *listed])


def faults() -> str:
    """The vocabulary of schedules and scenario files."""
    rows = ["| word | takes | what it does |", "| --- | --- | --- |"]
    for fault in FAULTS.values():
        takes = (
            f"`{name}`" if name in fault.required else f"[`{name}`]" for name in fault.parameters
        )
        rows.append(f"| `{fault.name}` | {' '.join(takes)} | {fault.text.splitlines()[0]} |")
    return "\n".join(rows)


def models() -> str:
    """The models of the exhaustive search."""
    rows = ["| model | what may happen | how much | a step |", "| --- | --- | --- | --- |"]
    rows += [
        f"| `{model.name}` | {model.text} | {model.bounds} | {model.tick_ns / 1e9:g} s |"
        for model in MODELS.values()
    ]
    return "\n".join(rows)


def sometimes() -> str:
    """What a campaign must have seen."""
    return "\n".join(f"- {what}" for what in SOMETIMES)


PARTS: Final[dict[str, Callable[[], str]]] = {
    "duties": duties,
    "faults": faults,
    "models": models,
    "sometimes": sometimes,
    "states": states,
}


def filled(text: str) -> str:
    """The text with every generated part as it must be now. Raises KeyError for an unknown one."""
    return _PART.sub(lambda part: f"{part[1]}{PARTS[part[2]]()}\n{part[3]}", text)


def main() -> None:
    """Rewrite what is not as it must be."""
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text()
        if filled(text) != text:
            path.write_text(filled(text))


if __name__ == "__main__":
    main()
