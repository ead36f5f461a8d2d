"""A schedule as a file (`*.hasim.jsonl`): the pair in its first line, a decision in each other.

One rule: a file that is no schedule is refused with the line and the word that are wrong.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hafw_sim.faults import Refused, check
from hafw_sim.schedule import CLASSES, Decision, Ending, Member, Pair, Schedule, Value

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA: Final = "hafw.schedule/1"


class ScheduleError(ValueError):
    """A file that is no schedule; the text says where, and what is wrong."""


def encode(schedule: Schedule) -> str:
    """The file's content."""
    head = {
        "schema": SCHEMA,
        "note": schedule.note,
        "end_ns": schedule.end_ns,
        "within": schedule.within,
        "heals": schedule.heals,
        "ending": schedule.ending,
        "pair": _changed(schedule.pair),
    }
    lines = [head]
    lines += [{"t_ns": each.at_ns, "do": each.kind, **each.args} for each in schedule.decisions]
    return "".join(msgspec.json.encode(line).decode() + "\n" for line in lines)


def _changed(pair: Pair) -> dict[str, object]:
    """The fields of a pair that are not as usual."""
    every = {each.name: getattr(pair, each.name) for each in fields(pair)}
    return {name: value for name, value in every.items() if value != getattr(Pair(), name)}


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    end_ns: int
    pair: Pair
    within: bool = True
    heals: bool = True
    ending: Ending = "whole"
    note: str = ""


def decode(text: str, name: str) -> Schedule:
    """The schedule in a file's content. Raises ScheduleError, with `name`, line and word."""
    lines = text.splitlines()
    if not lines:
        raise ScheduleError(f"{name}:1: the file is empty; its first line names the pair")
    try:
        kind = msgspec.json.decode(lines[0]).get("schema")
        if kind != SCHEMA:
            raise ScheduleError(f'{name}:1: schema is "{kind}"; this version reads "{SCHEMA}"')
        head = msgspec.json.decode(lines[0], type=_Head)
        _check_words(msgspec.json.decode(lines[0])["pair"])
    except (msgspec.MsgspecError, AttributeError) as problem:
        raise ScheduleError(f"{name}:1: {problem}") from problem
    for word in (head.pair.protection, *(each.protection for each in head.pair.members)):
        if word not in CLASSES:
            known = ", ".join(CLASSES)
            raise ScheduleError(f'{name}:1: protection "{word}"; choose from {known}')
    decisions = [
        _decision(line, f"{name}:{number}") for number, line in enumerate(lines[1:], 2) if line
    ]
    return Schedule(
        head.pair, tuple(decisions), head.end_ns, head.within, head.heals, head.ending, head.note
    )


def _check_words(pair: dict[str, Any]) -> None:
    """Raises ValidationError for a word that neither a pair nor a member of it has."""
    for what, words in ((Pair, pair), *((Member, each) for each in pair.get("members", ()))):
        unknown = words.keys() - {each.name for each in fields(what)}
        if unknown:
            text = f"unknown field `{min(unknown)}` of a {what.__name__.lower()}"
            raise msgspec.ValidationError(text)


def _decision(line: str, where: str) -> Decision:
    try:
        args = msgspec.json.decode(line, type=dict[str, Value])
        at_ns, kind = args.pop("t_ns"), args.pop("do")
    except (msgspec.MsgspecError, KeyError) as problem:
        raise ScheduleError(f"{where}: {problem}; a decision has t_ns and do") from problem
    if not isinstance(at_ns, int) or not isinstance(kind, str):
        raise ScheduleError(f"{where}: t_ns is a number of nanoseconds, do a word")
    try:
        check(kind, args)
    except Refused as problem:
        raise ScheduleError(f"{where}: {problem}") from problem
    return Decision(at_ns, kind, args)


def load(path: Path) -> Schedule:
    """The schedule in a file. Raises ScheduleError and OSError."""
    return decode(path.read_text(), str(path))
