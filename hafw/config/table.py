"""One table of the cluster file, read key by key.

One rule: a wrong value is reported where it stands and read as None, so that reading goes on; a
key that nobody asked for is unknown, and `finish` says which one was probably meant.
"""

from __future__ import annotations

import difflib
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

from hafw.config.durations import DurationError, format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from hafw.config.problems import Place

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

_WANTED: Final[dict[type, str]] = {
    str: 'a text in quotes, as in "eth0"',
    int: "a whole number, without quotes",
    float: "a number, without quotes",
    bool: "true or false, without quotes",
    dict: "a table",
    list: "a list, in square brackets",
}


def given(value: T | None) -> T:
    """The value, which is None only where a problem was reported."""
    assert value is not None, "asked for a value that was reported as wrong"
    return value


class Table:
    """The values of one table, and the place in the file where it stands."""

    def __init__(self, place: Place, values: dict[str, object]) -> None:
        self.place = place
        self._values = values
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        """Is the key written in this table?"""
        return key in self._values

    def at(self, key: str) -> Place:
        """The place of one key."""
        return self.place.at(key)

    def holds_table(self, key: str) -> bool:
        """Is the value of this key a table?"""
        return isinstance(self._values.get(key), dict)

    def text(self, key: str, default: str | None = None) -> str | None:
        """A text. Without a default it must be there."""
        value = self._take(key, str, required=default is None)
        return value if isinstance(value, str) else self._unless_written(key, default)

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int | None:
        """A whole number from `low` to `high`. Without a default it must be there."""
        value = self._take(key, int, required=default is None)
        if not isinstance(value, int):
            return self._unless_written(key, default)
        if low <= value <= high:
            return value
        self.at(key).error(f"{value} is out of range", f"use a number from {low} to {high}")
        return None

    def number(self, key: str, low: float, high: float) -> float | None:
        """A number from `low` to `high`, with or without a fraction. It must be there."""
        value = self._take(key, float, required=True)
        if not isinstance(value, int | float):
            return None
        if low <= value <= high:
            return float(value)
        self.at(key).error(f"{value} is out of range", f"use a number from {low:g} to {high:g}")
        return None

    def flag(self, key: str, *, default: bool) -> bool | None:
        """True or false."""
        value = self._take(key, bool, required=False)
        return value if isinstance(value, bool) else self._unless_written(key, default)

    def scalar(self, key: str) -> str | int | bool | None:
        """A text, a whole number or a truth value, whichever stands there."""
        self._asked.add(key)
        value = self._values.get(key)
        if isinstance(value, str | int):  # a truth value is a whole number to Python
            return value
        remedy = f"make it {_WANTED[str]}, or a whole number, or true or false"
        self.at(key).error(f"this is {_describe(value)}", remedy)
        return None

    def duration(self, key: str, low_ns: int, high_ns: int, default_ns: int) -> int | None:
        """A duration with its unit, in nanoseconds."""
        number = self._values.get(key)
        if type(number) in {int, float}:
            self._asked.add(key)
            self.at(key).error(f"{number} has no unit", f'write "{number}s" or "{number}ms"')
            return None
        text = self._take(key, str, required=False)
        if not isinstance(text, str):
            return self._unless_written(key, default_ns)
        try:
            duration_ns = parse_duration(text)
        except DurationError as error:
            self.at(key).error(error.what, error.remedy)
            return None
        if low_ns <= duration_ns <= high_ns:
            return duration_ns
        limits = f"use {format_duration(low_ns)} to {format_duration(high_ns)}"
        self.at(key).error(f'"{text}" is out of range', limits)
        return None

    def choice(self, key: str, choices: type[E], default: E | None = None) -> E | None:
        """One of the words of an enumeration, or the default."""
        text = self._take(key, str, required=False)
        if not isinstance(text, str):
            return self._unless_written(key, default)
        words = [str(choice) for choice in choices]
        if text in words:
            return choices(text)
        self.at(key).error(f'"{text}" is not known here', suggest(text, words))
        return None

    def table(self, key: str, *, required: bool = False) -> Table | None:
        """A table inside this one; None if absent."""
        value = self._take(key, dict, required=required)
        return Table(self.at(key), value) if isinstance(value, dict) else None

    def table_or_empty(self, key: str) -> Table:
        """A table inside this one; an empty one if absent."""
        return self.table(key) or Table(self.at(key), {})

    def tables(self, key: str, at_most: int) -> list[Table]:
        """The tables of an array; empty if absent."""
        return [Table(place, value) for place, value in self._elements(key, dict, at_most)]

    def texts(self, key: str, at_most: int) -> list[tuple[Place, str]]:
        """The texts of a list, each with its place; empty if absent."""
        return self._elements(key, str, at_most)

    def rest(self) -> list[str]:
        """The keys that nobody asked for yet, in the order of the file."""
        return [key for key in self._values if key not in self._asked]

    def finish(self, known: Collection[str] = ()) -> None:
        """Report every key that nobody asked for; `known` are more keys that may be meant."""
        names = sorted({*self._asked, *known})
        for key in self.rest():
            self.at(key).error("there is no such key here", suggest(key, names))

    def _take(self, key: str, kind: type, *, required: bool) -> object:
        self._asked.add(key)
        if key not in self._values:
            if required:
                self.at(key).error("this is missing", f"add it: {_WANTED[kind]}")
            return None
        return _of_kind(self.at(key), self._values[key], kind)

    def _elements(self, key: str, kind: type[T], at_most: int) -> list[tuple[Place, T]]:
        value = self._take(key, list, required=False)
        if not isinstance(value, list):
            return []
        if len(value) > at_most:
            self.at(key).error(f"there are {len(value)} of these", f"keep at most {at_most}")
        places = [(self.at(key).at(index), element) for index, element in enumerate(value)]
        checked = [(place, _of_kind(place, element, kind)) for place, element in places]
        return [(place, element) for place, element in checked if element is not None]

    def _unless_written(self, key: str, default: T) -> T | None:
        """The default where the key is absent; where it is there it was wrong, so None."""
        return None if key in self._values else default


def suggest(word: str, known: Sequence[str]) -> str:
    """What to write instead of `word`: the known word that it resembles, or all of them."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    listed = ", ".join(f'"{name}"' for name in known)
    return f"choose from {listed}" if len(known) > 1 else f"remove it, or write {listed}"


def _of_kind(place: Place, value: object, kind: type[T]) -> T | None:
    """The value if it is of this very kind (true is no number); else report and None."""
    if type(value) is kind or (kind is float and type(value) is int):
        return value  # type: ignore[return-value]
    place.error(f"this is {_describe(value)}", f"make it {_WANTED[kind]}")
    return None


def _describe(value: object) -> str:
    if isinstance(value, bool):
        return f"a truth value ({str(value).lower()})"
    if isinstance(value, str):
        return f'a text ("{value}")'
    if isinstance(value, int | float):
        return f"a number ({value})"
    if isinstance(value, dict):
        return "a table"
    return "a list" if isinstance(value, list) else "a date or time"
