"""Requests and answers between a cloud's model and whoever serves it.

One rule: an answer that takes time says so; no model waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; `path` without the query, names of `headers` in small letters."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer."""

    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer: the connection ends."""


@dataclass(frozen=True, slots=True)
class Later:
    """Come back at `at_s` and ask `then` how it goes on."""

    at_s: float
    then: Callable[[float], Answer]


Answer = Reply | Lost | Later
