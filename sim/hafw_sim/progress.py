"""A progress bar for commands that run for long.

One rule: it is drawn on a terminal only, and on stderr; a file or a pipe gets nothing of it.
"""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs: help stays quick

from __future__ import annotations

from typing import Self


class progress:  # noqa: N801 - used as a function
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, total: float, *, counted: bool = True) -> None:
        """`counted`: of so many things, not of so many seconds."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        number = (MofNCompleteColumn(),) if counted else ()
        columns = (BarColumn(), *number, TimeRemainingColumn(), TextColumn("{task.description}"))
        console = Console(stderr=True)
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Self:
        """Show it."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it as it is."""
        self._bar.stop()

    def __call__(self, more: float, text: str = "") -> None:
        """So much more is done. `text`: what is going on."""
        self._bar.update(self._task, advance=more, description=text)
