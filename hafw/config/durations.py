"""Durations as the cluster file writes them: a number and its unit, "300ms" or "1.5s".

One rule: a number without a unit is an error, because nobody remembers which unit was meant.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

UNITS_NS: Final = {
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
"""Nanoseconds in each unit that the file may use."""

_SHAPE: Final = re.compile(r"(?P<number>\d{1,12}(?:\.\d{1,9})?)\s?(?P<unit>[a-zµ]*)")


class DurationError(ValueError):
    """The text is no duration: what is wrong with it, and what to write instead."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


def parse_duration(text: str) -> int:
    """The duration in nanoseconds. Raises `DurationError`."""
    match = _SHAPE.fullmatch(text.strip())
    if match is None:
        raise DurationError(f'"{text}" is no duration', 'write a number and a unit, as in "300ms"')
    unit = match["unit"]
    if not unit:
        raise DurationError(f'"{text}" has no unit', f'write "{text}s" or "{text}ms"')
    if unit not in UNITS_NS:
        raise DurationError(f'"{unit}" is no unit of time', "the units are " + ", ".join(UNITS_NS))
    return int(Decimal(match["number"]) * UNITS_NS[unit])


def format_duration(duration_ns: int) -> str:
    """The same duration in the largest unit that needs no fraction: what `parse_duration` reads."""
    for unit, unit_ns in reversed(UNITS_NS.items()):
        if duration_ns and duration_ns % unit_ns == 0:
            return f"{duration_ns // unit_ns}{unit}"
    return f"{duration_ns // UNITS_NS['us']}us"


def round_duration(duration_ns: int) -> str:
    """The duration for a person: three digits are enough, as in "4.55 s" or "136 ms"."""
    for unit in ("s", "ms"):
        if duration_ns >= UNITS_NS[unit]:
            return f"{duration_ns / UNITS_NS[unit]:.3g} {unit}"
    return f"{duration_ns / UNITS_NS['us']:.3g} us"
