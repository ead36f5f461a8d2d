"""Two nodes and one disk, in any cloud where things go wrong: one run for each seed.

One rule: a run returns what was untrue of what the nodes said, in sentences; nothing, if nothing
was. Nobody takes the disk without what the engine would ask for: the other node let go, or is off.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from hafw import disk_rounds
from hafw.hooks.errors import ProviderError, UnknownOutcome
from hafw.hooks.resources import ResourceRequest
from hafw_sim.clouds.rivals import drawn

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from enum import StrEnum

    from hafw_sim.clouds.faults import Faults
    from hafw_sim.clouds.hub import Hub

DISK: Final = "cloud-disk"
"""The name under which it races beside the movers."""
NODES: Final = ("alpha", "beta")
OTHER: Final = "other"
UNPROVED: Final = "operator"
"""A certificate that is no proof."""
PATIENCE_S: Final = 20.0
LONG_AFTER_S: Final = 100_000.0


class Site(Protocol):
    """One cloud with two nodes, a third machine, and a disk."""

    @property
    def faults(self) -> Faults[Any]:
        """Those in force."""

    @property
    def kinds(self) -> tuple[tuple[StrEnum, float], ...]:
        """What may go wrong, and for how many seconds at most."""

    @property
    def calls(self) -> tuple[str, ...]:
        """Patterns of the calls that it may go wrong with."""

    def running(self, hub: Hub) -> AbstractContextManager[None]:
        """In the block, the provider lives in the time of `hub`."""

    def disk(self, node: int, until_ns: int) -> disk_rounds.Disk:
        """The disk as a node's provider handles it."""

    def give(self, who: str) -> None:
        """Let one of the three have it from the beginning."""

    def owners(self) -> list[list[str]]:
        """Who had it, from the beginning until now."""

    def advance(self, now_s: float) -> None:
        """Let everything land that has to by now."""


@dataclass(slots=True)
class Said:
    """What a node was asked for, what it said of it, and whether it had the disk at that moment."""

    node: int
    order: str
    certificate: str = ""
    outcome: str = ""
    problem: str = ""
    had: bool = False

    @property
    def name(self) -> str:
        """Of the node."""
        return NODES[self.node]


def race(site: Site, hub: Hub, seed: int, *, faults: bool) -> list[str]:
    """One run."""
    chance = random.Random(f"{seed}/disk")
    before = chance.choice(("", *NODES, *NODES, OTHER))
    if before:
        site.give(before)
    said: list[Said] = []
    with site.running(hub):
        for fault in drawn(chance, site.faults.fault, site.kinds, site.calls) if faults else ():
            hub.at(chance.uniform(0.0, 8.0), lambda fault=fault: site.faults.add(fault))  # type: ignore[misc]
        for number, task in enumerate(_story(site, hub, chance, said)):
            hub.spawn(f"task {number}", task, chance.uniform(0.0, 2.0))
        hub.run()
        site.advance(hub.now_s + LONG_AFTER_S)
    return [
        *_wrong_moments(said, site.owners(), before),
        *_wrong_claims(said, site.owners()[-1], before),
        *(_failures(said, before) if not faults else ()),
    ]


def _story(
    site: Site, hub: Hub, chance: random.Random, said: list[Said]
) -> tuple[Callable[[], object], ...]:
    """What the nodes are asked for, at once; what they say is added to `said`."""
    first = chance.choice((0, 1))

    def ask(node: int, order: str, certificate: str = "") -> Said:
        said.append(_asked(site, hub, Said(node, order, certificate)))
        return said[-1]

    def hand_over() -> None:
        """The engine's way: stop here, and start there by the word of this node, or its fence."""
        done = ask(first, "stop").outcome == "done"
        hub.sleep(chance.uniform(0.0, 2.0))
        ask(1 - first, "start", "released" if done else "fenced")

    def there_and_away() -> None:
        if ask(first, "start", "fenced").outcome == "done":
            hub.sleep(chance.uniform(0.0, 2.0))
            hand_over()

    def both() -> tuple[Callable[[], object], ...]:
        return tuple(lambda node=node: ask(node, "start", UNPROVED) for node in (0, 1))

    return chance.choice(((hand_over,), (there_and_away,), both()))


def _asked(site: Site, hub: Hub, said: Said) -> Said:
    until_ns = hub.now_ns + int(PATIENCE_S * 1e9)
    disk = site.disk(said.node, until_ns)
    request = ResourceRequest(
        type=DISK,
        cluster_id="c1",
        group=3,
        epoch=1,
        deadline_ns=until_ns,
        certificate=said.certificate,
        node=said.node,
        nodes=NODES,
    )
    try:
        if said.order == "start":
            disk_rounds.start(disk, request)
        else:
            disk_rounds.stop(disk)
        said.outcome = "done"
    except UnknownOutcome as problem:
        said.outcome, said.problem = "unknown", str(problem)
    except ProviderError as problem:
        said.outcome, said.problem = "no effect", f"{type(problem).__name__}: {problem}"
    site.advance(hub.now_s)
    said.had = said.name in site.owners()[-1]
    return said


def _wrong_moments(said: list[Said], owners: list[list[str]], before: str) -> list[str]:
    """What was wrong in between; `before`: who had the disk at the start."""
    wrong = [f"at once {' and '.join(found)} had the disk" for found in owners if len(found) > 1]
    unproved = all(one.certificate == UNPROVED for one in said)
    if before and (unproved or before == OTHER) and owners[-1] != [before]:
        wrong.append(f"it was taken from {before} without a proof")
    return wrong


def _wrong_claims(said: list[Said], end: list[str], before: str) -> list[str]:
    """What the nodes said that is not so."""
    wrong = []
    for number, one in enumerate(said):
        order, last = (one.order, one.outcome), number + 1 == len(said)
        if order == ("start", "done") and not one.had:
            wrong.append(f"{one.name} said that it has the disk, and had not")
        lost = last and end != [one.name] and not _may_lose(one, said[:number], before)
        if order == ("start", "done") and lost:
            wrong.append(f"{one.name} said that it has the disk, and {end or 'nobody'} has it")
        if order == ("stop", "done") and one.had:
            wrong.append(f"{one.name} said that it let go, and had the disk")
        if order == ("start", "no effect") and one.name in end and one.name != before:
            wrong.append(f"{one.name} said that it had no effect ({one.problem}), and has the disk")
    return wrong


def _may_lose(one: Said, earlier: list[Said], before: str) -> bool:
    """Whether the other node had the disk detached from this one's machine before.

    No cloud has a condition for that, so an order of then can land late, when it is here anew.
    """
    return before == one.name and any(two.order == "start" for two in earlier)


def _failures(said: list[Said], before: str) -> list[str]:
    """What did not succeed though nothing was in its way."""
    return [
        f"{one.name} was to {one.order} it, and said {one.outcome}: {one.problem}"
        for one in said
        if one.outcome != "done" and one.certificate != UNPROVED and before != OTHER
    ]
