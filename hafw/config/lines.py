"""Which line of a TOML text each key stands on; the standard parser does not say.

One rule: the text has been accepted by `tomllib`, so this scanner finds places and judges nothing.
"""

from __future__ import annotations

import re
import tomllib
from typing import Final

KeyPath = tuple[str | int, ...]
"""A place in the file: names of keys, and indices of arrays."""

_BLANK: Final = re.compile(r"(?:\s|#[^\n]*)*")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_SPACES: Final = re.compile(r"[ \t]*")
_SCALAR: Final = re.compile(r"[^,\]}#\n]+")
_STRING: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"""+'
    r"|'''.*?'''+"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


class Lines:
    """Lines by key. A key that is missing is looked for where its table begins."""

    def __init__(self, by_path: dict[KeyPath, int]) -> None:
        self._by_path = by_path

    def line(self, path: KeyPath) -> int:
        """The line of the key, or of the nearest table around it; 1 for the file as a whole."""
        while path and path not in self._by_path:
            path = path[:-1]
        return self._by_path.get(path, 1)


def locate(text: str) -> Lines:
    """The lines of all keys of `text`, which must be valid TOML."""
    return Lines(_Scanner(text).document())


class _Scanner:
    """Walks through the text once, writing down where each key begins."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._found: dict[KeyPath, int] = {}
        self._elements: dict[KeyPath, int] = {}

    def document(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._skip(_BLANK) < len(self._text):
            if self._next_is("[["):
                table = self._array_header()
            elif self._next_is("["):
                table = self._table_header()
            else:
                self._assignment(table)
        return self._found

    def _array_header(self) -> KeyPath:
        line = self._line()
        self._at += 2
        *parents, last = self._key()
        self._at += 2
        array = (*self._resolve(parents), last)
        index = self._elements.get(array, 0)
        self._elements[array] = index + 1
        self._note(array, line)
        self._note((*array, index), line)
        return (*array, index)

    def _table_header(self) -> KeyPath:
        line = self._line()
        self._at += 1
        table = self._resolve(self._key())
        self._at += 1
        self._note(table, line)
        return table

    def _resolve(self, keys: list[str]) -> KeyPath:
        """Where a header points: a name of an array of tables means its newest element."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            if path in self._elements:
                path = (*path, self._elements[path] - 1)
        return path

    def _assignment(self, table: KeyPath) -> None:
        line = self._line()
        path = (*table, *self._key())
        self._note(path, line)
        self._at += 1  # the equals sign
        self._skip(_SPACES)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        if self._next_is("["):
            self._at += 1
            index = 0
            while not self._closed("]"):
                self._note((*path, index), self._line())
                self._value((*path, index))
                index += 1
        elif self._next_is("{"):
            self._at += 1
            while not self._closed("}"):
                self._assignment(path)
        elif self._next_is('"') or self._next_is("'"):
            self._skip(_STRING)
        else:
            self._skip(_SCALAR)

    def _closed(self, bracket: str) -> bool:
        """Step over blanks and commas; true (and past it) at the closing bracket."""
        self._skip(_BLANK)
        while self._next_is(","):
            self._at += 1
            self._skip(_BLANK)
        if not self._next_is(bracket):
            return False
        self._at += 1
        return True

    def _key(self) -> list[str]:
        """A dotted key; ends before the equals sign or the closing bracket."""
        keys: list[str] = []
        while True:
            self._skip(_SPACES)
            start = self._at
            if self._next_is('"'):
                self._skip(_STRING)
                keys.append(tomllib.loads(f"key = {self._text[start : self._at]}")["key"])
            elif self._next_is("'"):
                self._skip(_STRING)
                keys.append(self._text[start + 1 : self._at - 1])
            else:
                self._skip(_BARE_KEY)
                keys.append(self._text[start : self._at])
            self._skip(_SPACES)
            if not self._next_is("."):
                return keys
            self._at += 1

    def _note(self, path: KeyPath, line: int) -> None:
        for depth in range(1, len(path) + 1):
            self._found.setdefault(path[:depth], line)

    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1

    def _next_is(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
        return self._at
