"""What the races for a VIP have in common, in whatever cloud: who wants it, and what each said.

One rule: what a rival said of its attach must be so in the end, or another rival has had its turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hafw.hooks.errors import ProviderError, UnknownOutcome

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable
    from enum import StrEnum

    from hafw_sim.clouds.faults import Fault
    from hafw_sim.clouds.hub import Hub

MOSTLY_WELL: Final = 0.3
"""So likely goes a kind of thing wrong in a run: two or three kinds in most of them."""


@dataclass(slots=True)
class Rival:
    """A node that wants the VIP, and how its attach ended.

    `place`: where the VIP leads if the node has it. `epoch`: of its start; of two, the newer one
    has the right. `certificate`: what it rests on.
    """

    name: str
    place: str
    epoch: int = 1
    certificate: str = ""
    began_s: float = 0.0
    ended_s: float = 0.0
    said: str = ""
    problem: str = ""

    @property
    def attached(self) -> bool:
        """It says that it has the VIP."""
        return self.said == "attached"

    def attach(self, hub: Hub, way: Callable[[], object]) -> None:
        """Go the way of the provider, and keep what comes of it."""
        self.began_s = hub.now_s
        try:
            way()
            self.said = "attached"
        except UnknownOutcome as problem:
            self.said, self.problem = "unknown", str(problem)
        except ProviderError as problem:
            self.said, self.problem = "no effect", f"{type(problem).__name__}: {problem}"
        self.ended_s = hub.now_s


def drawn(
    chance: random.Random,
    fault: type[Fault[Any]],
    kinds: Iterable[tuple[StrEnum, float]],
    calls: tuple[str, ...],
    *,
    stale_once: bool = True,
) -> list[Fault[Any]]:
    """What goes wrong in a run, each for a few calls; `kinds`, and for how many seconds at most."""
    found = []
    for kind, longest_s in kinds:
        if chance.random() < MOSTLY_WELL:
            seconds, which = chance.uniform(0.0, longest_s), chance.choice(calls)
            once = stale_once and kind == "stale-read"
            found.append(fault(kind, seconds, which, 1 if once else chance.randint(1, 3)))
    return found


def wrong_claims(
    rivals: list[Rival],
    before: Iterable[str],
    end: list[str],
    overtaken: Callable[[Rival, Rival], bool],
) -> list[str]:
    """What they said that is not so; `before` and `end`: the places of the VIP then."""
    wrong = []
    for rival in rivals:
        lost = not any(overtaken(rival, other) for other in rivals if other is not rival)
        if rival.attached and end != [rival.place] and lost:
            wrong.append(f"{rival.name} said that it has the VIP, and {end or 'nobody'} has it")
        if rival.said == "no effect" and rival.place in end and rival.place not in before:
            problem = rival.problem
            wrong.append(f"{rival.name} said that it had no effect ({problem}), and has the VIP")
    return wrong


def wrong_moments(owners: list[list[str]], *, gapless: bool) -> list[str]:
    """What was wrong in between; `gapless`: the VIP must always lead somewhere, once it does."""
    wrong = [f"at once {' and '.join(found)} had the VIP" for found in owners if len(found) > 1]
    if gapless and owners[0] and [] in owners:
        wrong.append("there was a moment without a route")
    return wrong
