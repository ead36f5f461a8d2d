"""What a model of the exhaustive search is: a pair, a grid of time, what may be done, how often.

One rule: all bounds of a model are in one place, and are told with its result.

A tick is a multiple of the beat, and begins a while after one; acts are done a little later in it.
So everything that goes by rhythm has its place in every tick, of a node that was started by an act
as well, and when a tick ends nothing is on its way that is not slow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hafw.core.settings import MS, SECOND
from hafw_sim.explore.acts import Act, fault, repair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.schedule import Decision, Pair

NODES: Final = ("alpha", "beta")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model, and its bounds.

    `begin`: what is done before the first tick, which begins at `begin_ns`; acts
    are done `before_ns` after that. `faults`, `alone`: how many faults
    and lone losses of packets there may be. `at_once`: how many acts at one tick. `depth`: ticks.
    `frozen_ticks`: a frozen agent goes on after so many. `late`: packets may be held up.
    `exclusive`: no moment in which both nodes serve (S2).
    """

    name: str
    text: str
    pair: Pair
    acts: tuple[Act, ...]
    faults: int
    alone: int = 0
    at_once: int = 2
    depth: int = 60
    tick_ns: int = 3 * SECOND
    begin: tuple[Decision, ...] = ()
    begin_ns: int = 30_400 * MS
    before_ns: int = 200 * MS
    frozen_ticks: int = 6
    late: bool = False
    exclusive: bool = True

    @property
    def bounds(self) -> str:
        """How much may be done, for a person."""
        bounds = f"{self.faults} fault{'s' if self.faults > 1 else ''}"
        if self.alone:
            bounds += f", {self.alone} lone loss{'es' if self.alone > 1 else ''}"
        return f"{bounds}, {self.at_once} at once"

    def acts_ns(self, tick: int) -> int:
        """When the acts of a tick are done; the first is number 0."""
        return self.begin_ns + tick * self.tick_ns + self.before_ns


# --- acts of many models ------------------------------------------------------------------------

LINKS: Final = (fault("cut_links"), repair("mend_links"))
"""All links fail together, and come back."""


def machines() -> Iterator[Act]:
    """Agents and machines die, and are started again."""
    for node in NODES:
        yield fault("crash", node=node, landed="yes")
        yield fault("kill", node=node, landed="yes")
        yield repair("boot", node=node)


def freezes() -> Iterator[Act]:
    """Agents stop anywhere, and go on."""
    for node in NODES:
        yield fault("freeze", node=node)
        yield fault("freeze_within", node=node, place="renewal")
        yield fault("freeze_within", node=node, place="opening")
        yield repair("thaw", node=node)
