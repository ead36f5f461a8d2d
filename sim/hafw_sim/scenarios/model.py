"""What a scenario file says, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hafw_sim.schedule import Schedule


class When(StrEnum):
    """At which times between `at_ns` and `until_ns` something is expected."""

    THEN = "then"
    THROUGHOUT = "throughout"
    SOMETIME = "sometime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What must be true, of each of `groups`, and when. None: that is not asked.

    `line`: where the file says so. `owner`: who serves the group's address ("nobody" and "both"
    too). `certificate`: what its holder's start rested on. `state`: of the group, on `node`.
    `answer`: exit status of an operator's command that `node` answers in that time.
    """

    line: int
    when: When
    at_ns: int
    until_ns: int
    groups: tuple[int, ...]
    owner: str | None = None
    certificate: str | None = None
    node: str | None = None
    state: str | None = None
    answer: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario. `name` is its file's; `never_both`: no two nodes may ever serve one address."""

    name: str
    about: str
    schedule: Schedule
    expectations: tuple[Expectation, ...]
    never_both: bool
    warnings: tuple[str, ...] = ()
