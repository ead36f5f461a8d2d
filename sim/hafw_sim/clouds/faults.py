"""Faults between a client and a cloud, whatever kinds that cloud has.

One rule: a fault holds for as many calls as it says, or until it is ended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

K = TypeVar("K", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Fault(Generic[K]):
    """One fault; `calls` is a pattern such as "instances.*"; `times` None: until it is ended."""

    kinds: ClassVar[type[StrEnum]]
    kind: K
    seconds: float = 0.0
    calls: str = "*"
    times: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read KIND[:SECONDS[:CALLS[:TIMES]]]. Raises ValueError."""
        kind, *rest = text.split(":")
        seconds, calls, times = [*rest, *("", "", "")[len(rest) :]]
        return cls(
            cast("K", cls.kinds(kind)),
            float(seconds or 0.0),
            calls or "*",
            int(times) if times else None,
        )


class Faults(Generic[K]):
    """The faults in force; `fault`: what makes one of them from a text."""

    fault: ClassVar[type[Fault[Any]]]

    def __init__(self) -> None:
        """None at first."""
        self._faults: list[Fault[K]] = []

    def add(self, fault: Fault[K]) -> None:
        """From now on."""
        self._faults.append(fault)

    def end(self, kind: K | None = None) -> None:
        """End those of one kind, or all."""
        self._faults = [fault for fault in self._faults if kind not in (None, fault.kind)]

    def meet(self, call: str) -> dict[K, float]:
        """The faults that `call` meets now, with their seconds; each is used once by that."""
        met: dict[K, float] = {}
        kept: list[Fault[K]] = []
        for fault in self._faults:
            hit = fnmatchcase(call, fault.calls) and fault.kind not in met
            if hit:
                met[fault.kind] = fault.seconds
            left = fault.times if fault.times is None else fault.times - hit
            if left != 0:
                kept.append(replace(fault, times=left))
        self._faults = kept
        return met
