"""The vocabulary of schedules: what can be done to a world, by name and with typed arguments.

One rule: a word is defined by its function alone: its name, its annotations, its docstring.
"""

from __future__ import annotations

import difflib
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw_sim.world import World

Node = Literal["alpha", "beta"]
NUMBERS: Final = {"alpha": 0, "beta": 1}


class Refused(ValueError):
    """No such fault, or not with these arguments; the text says what there is."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that can be done: its name, what it does, and its arguments with their types."""

    name: str
    text: str
    parameters: dict[str, Any]
    required: frozenset[str]
    run: Callable[..., None]


FAULTS: Final[dict[str, Fault]] = {}


def fault(function: Callable[..., None]) -> Callable[..., None]:
    """Register what can be done to a world, under its function's name."""
    name = function.__name__.lstrip("_").rstrip("_")
    hints = get_type_hints(function)
    parameters = inspect.signature(function).parameters
    FAULTS[name] = Fault(
        name,
        inspect.getdoc(function) or "",
        {each: hints[each] for each in parameters if each != "world"},
        frozenset(n for n, p in parameters.items() if p.default is p.empty and n != "world"),
        function,
    )
    return function


def check(kind: str, args: dict[str, Any]) -> None:
    """Whether there is such a fault with such arguments. Raises Refused."""
    known = FAULTS.get(kind)
    if known is None:
        raise Refused(f'nothing is called "{kind}"; {_meant(kind, FAULTS)}')
    for name, value in args.items():
        wanted = known.parameters.get(name)
        if wanted is None:
            raise Refused(f'{kind} has no "{name}"; {_meant(name, known.parameters)}')
        if get_origin(wanted) is Literal:
            if value not in get_args(wanted):
                raise Refused(f'{kind} {name}="{value}"; {_meant(str(value), get_args(wanted))}')
        elif not _fits(value, wanted):
            raise Refused(f"{kind} {name}={value}: this is no {wanted.__name__}")
    missing = sorted(known.required - args.keys())
    if missing:
        raise Refused(f"{kind} needs {', '.join(missing)} too")


def _fits(value: object, wanted: type) -> bool:
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is wanted


def _meant(word: str, known: Any) -> str:  # noqa: ANN401 - any collection of words
    close = difflib.get_close_matches(word, [str(each) for each in known], n=1)
    return f'did you mean "{close[0]}"?' if close else "there is " + ", ".join(map(str, known))


def inflict(world: World, kind: str, args: dict[str, Any]) -> None:
    """Do it. Raises Refused."""
    check(kind, args)
    FAULTS[kind].run(world, **args)
