"""The whole state of an engine as plain values, and back: for journals, replays and searches.

One rule: a snapshot is complete by construction: every attribute of every part is in it, so that a
new one cannot be forgotten. What is restored goes on exactly as the original would have.

Plain values are what JSON can carry: None, booleans, integers, strings and lists. Everything else
is a list that begins with a mark: `["t", …]` a tuple, `["@Name", …]` a value or part of that name.
"""

from __future__ import annotations

from collections import deque
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from hafw.core import (
    duties,
    effects,
    fencing,
    group,
    lease,
    liveness,
    maintenance,
    model,
    operator,
    reflection,
    settings,
    states,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Plain = None | bool | int | str | list["Plain"]
T = TypeVar("T")

_PLAIN: Final = frozenset({bool, int, str})
_MODULES: Final = (model, effects, settings, states, duties, liveness, maintenance)
_PARTS: Final = (
    group.Group,
    lease.Lease,
    fencing.Fencing,
    liveness.Peer,
    liveness.SentLog,
    maintenance.Maintenance,
    operator.Request,
    reflection.Echoes,
)
"""Classes with a state of their own, all of it in their slots."""


def _named() -> dict[str, type]:
    """Every class whose values may be in a snapshot."""
    found: dict[str, type] = {part.__name__: part for part in _PARTS}
    for module in _MODULES:
        for name, value in vars(module).items():
            is_value = isinstance(value, type) and (
                issubclass(value, Enum) or hasattr(value, "_fields") or is_dataclass(value)
            )
            if is_value and value.__module__ == module.__name__:
                found[name] = value
    return found


_CLASSES: Final = _named()
_NAMES: Final = {value: name for name, value in _CLASSES.items()}


class NotPlainError(ValueError):
    """What was to be unpacked is no snapshot of this version."""


def pack(value: object) -> Plain:
    """The value in plain form. Raises KeyError for one of a class that is not known here."""
    kind = type(value)
    if value is None or kind in _PLAIN:
        return cast("Plain", value)
    if isinstance(value, bytes):
        return ["b", value.hex()]
    packing = _CONTAINERS.get(kind)
    if packing is not None:
        mark, items = packing
        return [mark, *(pack(item) for item in items(value))]
    name = "@" + _NAMES[kind]
    if isinstance(value, Enum):
        return [name, value.value]
    if isinstance(value, tuple):
        return [name, *(pack(item) for item in value)]
    return [name, *(pack(getattr(value, field)) for field in _fields_of(kind))]


def unpack(plain: Plain) -> Any:  # noqa: ANN401 - whatever was packed
    """The value that was packed. Raises NotPlainError."""
    if not isinstance(plain, list):
        return plain
    if not plain or not isinstance(plain[0], str):
        raise NotPlainError("a list without its mark")
    mark, content = plain[0], plain[1:]
    try:
        if mark == "b":
            return bytes.fromhex(str(content[0]))
        if mark in _UNPACKING:
            return _UNPACKING[mark]([unpack(item) for item in content])
        return _rebuild(_CLASSES[mark[1:]], content)
    except (KeyError, TypeError, ValueError, IndexError) as problem:
        raise NotPlainError(f"{mark}: {problem}") from problem


def pack_parts(whole: object, left_out: frozenset[str]) -> Plain:
    """All attributes of an object but those left out, by name."""
    return [[name, pack(value)] for name, value in vars(whole).items() if name not in left_out]


def unpack_parts(plain: Plain) -> dict[str, Any]:
    """The attributes that `pack_parts` took. Raises NotPlainError."""
    try:
        return {name: unpack(value) for name, value in cast("list[tuple[str, Plain]]", plain)}
    except (TypeError, ValueError) as problem:
        raise NotPlainError(f"no list of parts: {problem}") from problem


def _fields_of(kind: type) -> tuple[str, ...]:
    if is_dataclass(kind):
        return tuple(field.name for field in fields(kind))
    return tuple(kind.__slots__)  # type: ignore[attr-defined]


def _rebuild(kind: type[T], content: list[Plain]) -> T:
    if issubclass(kind, Enum):
        return kind(content[0])
    values = [unpack(item) for item in content]
    if hasattr(kind, "_fields"):
        return kind(*values)
    built = object.__new__(kind)
    for name, value in zip(_fields_of(kind), values, strict=True):
        object.__setattr__(built, name, value)  # past the frozen door, as a constructor goes
    return built


def _pairs(value: dict[object, object]) -> Iterable[tuple[object, object]]:
    return value.items()


_CONTAINERS: Final[dict[type, tuple[str, Callable[[Any], Iterable[object]]]]] = {
    tuple: ("t", iter),
    list: ("l", iter),
    deque: ("q", iter),
    set: ("s", sorted),
    dict: ("d", _pairs),
}
_UNPACKING: Final[dict[str, Callable[[list[Any]], object]]] = {
    "t": tuple,
    "l": list,
    "q": deque,
    "s": set,
    "d": dict,
}
