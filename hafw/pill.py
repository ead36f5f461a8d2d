"""The poison pill on a shared disk: what the sectors of a node say, and what its guard does.

One rule: the watchdog is petted only after a look at the disk that found no new pill.

A node has two sectors. The other node writes a *pill* into one of them; the node's own *guard*
writes the other, before the node may hold anything: its incarnation, and the time after which its
watchdog switches it off unless it is petted (W). Then it looks for a pill, pets, looks, pets …

Why a node is off 2 W after a pill was written: the last pet comes after a look that found no pill,
so that look began before the pill was there; and it comes within W of the pet before it, which was
over when the look began, or the watchdog had been quicker. So the last pet came within W of the
pill, and the watchdog strikes within W of that. A guard that is frozen, hangs in a read, or cannot
read the disk any more does not pet. What this rests on is the watchdog: real time, not the guest's.
"""

from __future__ import annotations

import struct
from enum import Enum
from typing import Final, NamedTuple

MAX_OP: Final = 128
"""Bytes of an operation's name, in UTF-8."""
CLOCK_RATE_ERROR: Final = 0.01
"""How much faster or slower than real time either clock may be."""
MARGIN_NS: Final = 500_000_000
"""For what is neither read nor counted: the watchdog's own grain."""

_PILL: Final = struct.Struct(f"!B{MAX_OP}s")
_GUARD: Final = struct.Struct(f"!QIIB{MAX_OP}s")
_NOT_DYING: Final = 0xFFFF_FFFF


class Pill(NamedTuple):
    """Switch off. `op`: which operation wants it; empty in a sector that nobody wrote."""

    op: str = ""


class Guard(NamedTuple):
    """What a node says of itself.

    `watchdog_ms`: it is off this long after the last pet; 0: it has no watchdog, or disarmed it.
    `seen`: the last pill that it knows. `down_in_ms`: it took that pill, pets no more, and is off
    after this time at the latest.
    """

    incarnation: int = 0
    watchdog_ms: int = 0
    seen: str = ""
    down_in_ms: int | None = None


class Verdict(Enum):
    """What the guard does after a look."""

    PET = "pet the watchdog"
    DIE = "write `dying`, pet no more, and go down at once"


def slot_of(node: str, other: str) -> int:
    """The slot of a node of two, by their names alone: both nodes agree without a word."""
    return int(node.casefold() > other.casefold())


def pill_unit(slot: int) -> int:
    """Where the pill of a slot is."""
    return 1 + slot


def guard_unit(slot: int) -> int:
    """Where the guard of a slot writes."""
    return 3 + slot


DISK: Final = (b"hafwpill", 1, 5, "disk of poison pills")
"""What the disk is, as a layout of sectors."""


def armed(incarnation: int, watchdog_ms: int, found: Pill) -> Guard:
    """What a guard writes before its node may hold anything. `found`: the pill that is there.

    That one was meant for an earlier life of the node.
    """
    return Guard(incarnation, watchdog_ms, found.op)


def judge(guard: Guard, found: Pill) -> Verdict:
    """What a look means that found this pill."""
    return Verdict.PET if found.op == guard.seen else Verdict.DIE


def dying(guard: Guard, found: Pill) -> Guard:
    """What a guard writes when it has found a new pill, and has petted for the last time."""
    return guard._replace(seen=found.op, down_in_ms=guard.watchdog_ms)


def certainly_off_ns(guard: Guard, written_ns: int) -> int:
    """When a node is off for which a pill had been written by `written_ns`, by another's clock."""
    return written_ns + _stretched_ns(2 * guard.watchdog_ms)


def certainly_down_ns(guard: Guard, read_ns: int) -> int:
    """When a node is off whose `dying` record was read at `read_ns`, by another's clock."""
    assert guard.down_in_ms is not None, "asked of a guard that is not dying"
    return read_ns + _stretched_ns(guard.down_in_ms)


def encode_pill(pill: Pill) -> bytes:
    """The content of its sector."""
    op = pill.op.encode()
    assert 0 < len(op) <= MAX_OP, f"an operation's name has 1 to {MAX_OP} bytes"
    return _PILL.pack(len(op), op)


def decode_pill(data: bytes) -> Pill:
    """What a sector says. Raises ValueError."""
    if not data:
        return Pill()
    size, op = _PILL.unpack_from(data)
    return Pill(_text(op, size))


def encode_guard(guard: Guard) -> bytes:
    """The content of its sector."""
    seen = guard.seen.encode()
    down = _NOT_DYING if guard.down_in_ms is None else guard.down_in_ms
    return _GUARD.pack(guard.incarnation, guard.watchdog_ms, down, len(seen), seen)


def decode_guard(data: bytes) -> Guard:
    """What a sector says. Raises ValueError."""
    if not data:
        return Guard()
    incarnation, watchdog_ms, down, size, seen = _GUARD.unpack_from(data)
    return Guard(incarnation, watchdog_ms, _text(seen, size), None if down == _NOT_DYING else down)


def _text(data: bytes, size: int) -> str:
    if size > MAX_OP:
        raise ValueError(f"a name of {size} bytes")
    return data[:size].decode()


def _stretched_ns(real_ms: int) -> int:
    """A time that a clock which is fast must show before this much has passed for a slow one."""
    ratio = (1 + CLOCK_RATE_ERROR) / (1 - CLOCK_RATE_ERROR)
    return int(real_ms * 1_000_000 * ratio) + MARGIN_NS
