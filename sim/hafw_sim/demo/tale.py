"""Tells the demo in the terminal while it happens, and sums it up in a table.

One rule: one line says what is done, one what came of it; the strip shows who answered the client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hafw_sim.demo.stage import PHASES
from hafw_sim.lab.clock import now_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hafw_sim.demo.stage import Result
    from hafw_sim.lab.record import Turn

STRIP_CELLS: Final = 60
_STYLES: Final = {"alpha": "cyan", "beta": "magenta"}


class Tale:
    """What is told so far; times count from its beginning."""

    def __init__(self) -> None:
        """Begin to count."""
        self._console = Console(highlight=False)
        self._begin_ns = now_ns()

    def say(self, text: str, style: str = "") -> None:
        """One line, with the time that has passed."""
        passed_s = (now_ns() - self._begin_ns) / 1e9
        line = Text(f"{passed_s:6.1f} s  ", style="dim")
        line.append(text, style=style)
        self._console.print(line, soft_wrap=True)

    def heading(self, number: int, title: str) -> None:
        """A step begins."""
        self._console.print()
        self.say(f"{number}. {title}", "bold")

    def strip(self, turns: Sequence[Turn], start_ns: int, end_ns: int) -> None:
        """Who answered the client, from left to right; a dot for nobody."""
        cell_ns = max((end_ns - start_ns) // STRIP_CELLS, 1)
        line = Text("          client  ", style="dim")
        for cell in range(STRIP_CELLS):
            begin_ns = start_ns + cell * cell_ns
            seen = {
                turn.machine
                for turn in turns
                if turn.first_ns < begin_ns + cell_ns and turn.last_ns >= begin_ns
            }
            line.append(*_cell(seen))
        line.append(f"  {(end_ns - start_ns) / 1e9:.1f} s", style="dim")
        self._console.print(line, soft_wrap=True)

    def result(self, result: Result) -> None:
        """What came of a step."""
        if result.failure:
            self.say(f"FAILED: {result.failure}", "bold red")
            return
        outage = "the client noticed nothing"
        if result.outage_ns:
            outage = f"the client waited {_ms(result.outage_ns)} ms"
        spent = " + ".join(
            f"{name} {result.phases_ms[name]:.1f}" for name in PHASES if name in result.phases_ms
        )
        self.say(outage + (f"  ({spent} ms)" if spent else ""), "green")

    def summary(self, results: Sequence[Result]) -> None:
        """The table at the end."""
        title = "What the client went without, and where the time went (ms)"
        table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE)
        table.padding, table.pad_edge = (0, 1, 0, 0), False
        table.add_column("step", no_wrap=True)
        shown = [name for name in PHASES if any(name in result.phases_ms for result in results)]
        for name in ("outage", "both own", *shown):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("", no_wrap=True, min_width=4)
        for result in results:
            phases = [
                f"{result.phases_ms[name]:.1f}" if name in result.phases_ms else ""
                for name in shown
            ]
            verdict = Text("failed", "bold red") if result.failure else Text("held", "green")
            table.add_row(
                result.title, _ms(result.outage_ns), _ms(result.both_ns), *phases, verdict
            )
        self._console.print()
        self._console.print(table)
        noise = "Waits of a few ms while nothing moves are this machine's own: see `make bench`."
        self._console.print(Text(noise, "dim"))


def _cell(machines: set[str]) -> tuple[str, str]:
    if not machines:
        return "·", "red"
    if len(machines) > 1:
        return "█", "bold yellow"  # one after the other within the cell
    name = next(iter(machines))
    return name[0], _STYLES.get(name, "red")


def _ms(duration_ns: int) -> str:
    return f"{duration_ns / 1e6:,.1f}" if duration_ns else "0"
