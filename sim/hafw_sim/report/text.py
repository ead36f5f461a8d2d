"""A run in the terminal: a table with a column for each lane, a row for each change.

One rule: it is read as well without colour, and at 80 columns; quiet times take one line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from hafw.config.durations import round_duration
from hafw_sim.report.recording import BOTH, NOBODY, Kind, Tone
from hafw_sim.report.rows import rows

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hafw_sim.report.recording import Fact, Key, Moment, Recording
    from hafw_sim.report.rows import Row
    from hafw_sim.report.run import Run

STYLES: Final = {
    Tone.QUIET: "",
    Tone.GOOD: "green",
    Tone.FAIR: "yellow",
    Tone.BAD: "red",
    Tone.WRONG: "bold reverse red",
}
QUIET_NS: Final = 5_000_000_000
"""A time in which nothing changed is mentioned if it was this long."""
_UNCHANGED: Final = Text("│", "dim")
PLAIN_WIDTH: Final = 100


def table(run: Run) -> RenderableType:
    """The whole run."""
    recording = run.recording
    nodes = _nodes(recording)
    grid = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold", expand=True)
    grid.add_column("time, s", justify="right", no_wrap=True)
    grid.add_column("what happened", ratio=5)
    grid.add_column("network", ratio=2, width=11)
    for name in nodes:
        grid.add_column(name, ratio=2, width=13)
    grid.add_column("served by", no_wrap=True)
    before_ns = 0
    for number, row in enumerate(rows(recording)):
        if row.at_ns - before_ns > QUIET_NS:
            quiet = f"{round_duration(row.at_ns - before_ns)} quiet"
            grid.add_row("⋮", Text(quiet, "dim"), *[_UNCHANGED] * (2 + len(nodes)))
        before_ns = row.at_ns
        grid.add_row(*_cells(row, recording, nodes, first=number == 0))
    return Group(grid, Text(), *map(Text, sums(recording)))


def plain(run: Run, width: int = PLAIN_WIDTH) -> str:
    """The same for a log: no colour, and always as wide."""
    console = Console(width=width, color_system=None, force_terminal=False, highlight=False)
    with console.capture() as capture:
        console.print(table(run))
        for problem in run.problems:
            console.print(Text(problem))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def _nodes(recording: Recording) -> list[str]:
    return [key.who for key in recording.lanes if key.kind is Kind.MACHINE]


def _cells(row: Row, recording: Recording, nodes: list[str], *, first: bool) -> list[Text]:
    lanes = [(key, fact) for key, fact in row.changed.items() if fact.text or not first]
    several = len(recording.groups) > 1
    network = [(key.who, key, fact) for key, fact in lanes if key.kind is Kind.NETWORK]
    cells = [Text(f"{row.at_ns / 1e9:.3f}"), _happened(row.moments), _stacked(network)]
    for name in nodes:
        own = [(key, fact) for key, fact in lanes if key.who == name]
        cells.append(_stacked([(_group(key, several), key, fact) for key, fact in own]))
    served = [(key, fact) for key, fact in lanes if key.kind is Kind.ADDRESS]
    cells.append(_stacked([(_group(key, several), key, fact) for key, fact in served]))
    return cells


def _group(key: Key, several: bool) -> str:  # noqa: FBT001 - whether there are several groups
    return str(key.group) if key.group and several else ""


def _happened(moments: list[Moment]) -> Text:
    lines = []
    for moment in moments:
        who = Text(f"{moment.who}: " if moment.who else "▶ ", "bold" if not moment.who else "")
        style = STYLES[moment.tone] if moment.who or moment.tone is Tone.WRONG else "bold"
        lines.append(who + Text(moment.text, style))
    return Text("\n").join(lines)


def _stacked(named: list[tuple[str, Key, Fact]]) -> Text:
    """One line for each lane; the bar of a lane in which nothing changed."""
    lines = []
    for name, key, fact in named:
        text = fact.text.upper() if fact.text == BOTH else fact.text or again(key)
        if text:
            lines.append(Text(f"{name} " if name else "") + Text(text, STYLES[fact.tone]))
    return Text("\n").join(lines) if lines else _UNCHANGED


def again(key: Key) -> str:
    """What an empty fact means where it ends one that was not."""
    if key.kind is Kind.NETWORK:
        return "fair" if key.who == "weather" else "whole"
    return "well" if key.kind is Kind.MACHINE else ""


def sums(recording: Recording) -> list[str]:
    """Who served each address for how long."""
    lines = []
    for key, spans in recording.lanes.items():
        if key.kind is not Kind.ADDRESS:
            continue
        served = [
            f"{name} {round_duration(lasted_ns)}"
            for name in (*_nodes(recording), NOBODY, BOTH)
            if (lasted_ns := recording.lasted_ns(key, name))
        ]
        lines.append(f"{key} was served by: {', '.join(served)}; {_changes(spans)}")
    return lines


def _changes(spans: tuple[object, ...]) -> str:
    count = len(spans) - 1
    return f"{count} change{'' if count == 1 else 's'}"
