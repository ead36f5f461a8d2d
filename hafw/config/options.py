"""Keys that a resource needs beyond what every one of its type has: what they may look like.

One rule: every key of a provider that comes with hafw is listed, with what it may look like; there
is no other. A provider of another package judges its keys itself: each is a text, or a text for
each node.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw.config.model import ResourceOption
    from hafw.config.problems import Place
    from hafw.config.table import Table

MAX_LISTED: Final = 16
"""Values of one list; with `MAX_CHARS` it bounds what the agent tells its worker at the start."""
MAX_CHARS: Final = 64
MAX_UNKNOWN_CHARS: Final = 256


class Shape(StrEnum):
    """What stands behind a key."""

    TEXT = "text"
    EACH = "each"
    """A text for each node: `{ alpha = "…", beta = "…" }`."""
    LIST = "list"
    """One text or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key, the pattern of its texts with an example, and whether it may be left out.

    `own`: what belongs to one node cannot belong to the other.
    """

    shape: Shape = Shape.TEXT
    pattern: str = rf"\S{{1,{MAX_CHARS}}}"
    example: str
    optional: bool = False
    own: bool = False


_TEXT: Final = Key(pattern=rf"[^\0-\x1f]{{1,{MAX_UNKNOWN_CHARS}}}", example="eth0-vip")
_EACH: Final = replace(_TEXT, shape=Shape.EACH)
Options = tuple[tuple[str, "ResourceOption"], ...]
Nodes = tuple[str, str] | None


def read_keys(table: Table, keys: Mapping[str, Key], nodes: Nodes) -> Options | None:
    """The values of these keys, sorted by name; None, and a report, where something is wrong.

    They are the last to be read: what is left then nobody knows, and is reported.
    """
    found = {
        name: _read(table, name, key, nodes)
        for name, key in keys.items()
        if not (key.optional and name not in table)
    }
    table.finish(known=keys)
    options = tuple((name, value) for name, value in sorted(found.items()) if value is not None)
    return options if len(options) == len(found) else None


def read_unknown(table: Table, nodes: Nodes) -> Options | None:
    """The same where nobody here knows the keys."""
    names = sorted(table.rest())
    found = {
        name: _read(table, name, _EACH if table.holds_table(name) else _TEXT, nodes)
        for name in names
    }
    table.finish()
    options = tuple((name, value) for name, value in found.items() if value is not None)
    return options if len(options) == len(names) else None


def _read(table: Table, name: str, key: Key, nodes: Nodes) -> ResourceOption | None:
    match key.shape:
        case Shape.TEXT:
            return _fitting(table.at(name), table.text(name), key)
        case Shape.EACH:
            return _read_each(table, name, key, nodes)
        case Shape.LIST:
            return _read_list(table, name, key)


def _read_each(table: Table, name: str, key: Key, nodes: Nodes) -> tuple[str, ...] | None:
    each = table.table(name, required=True)
    if each is None:
        return None
    texts = [_fitting(each.at(node), each.text(node), key) for node in nodes or each.rest()]
    each.finish()
    found = tuple(text for text in texts if text is not None)
    if key.own and len(set(found)) < len(found):
        table.at(name).error("both nodes have the same", "name each node's own")
        return None
    return found if len(found) == len(texts) == len(nodes or ()) else None


def _read_list(table: Table, name: str, key: Key) -> tuple[str, ...] | None:
    listed = table.texts(name, MAX_LISTED)
    if not listed:
        table.at(name).error("at least one is needed", f'list them, as in ["{key.example}"]')
        return None
    found = tuple(_fitting(place, text, key) for place, text in listed)
    sure = tuple(sorted({text for text in found if text is not None}))
    return sure if None not in found else None


def _fitting(place: Place, text: str | None, key: Key) -> str | None:
    if text is None or re.fullmatch(key.pattern, text):
        return text
    place.error(f'"{text}" is none of these', f'write one, as in "{key.example}"')
    return None
