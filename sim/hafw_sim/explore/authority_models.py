"""The models of leases and fences: a store and devices that are reached or not, slow or in doubt.

One rule: what a store or a device may do by its contract is an act here; what breaks the contract
is an act of the tests alone, and must be found.

Times are chosen so that what goes by rhythm comes round within a few ticks: a lease of 12 s that is
renewed every 2 s, no ping node, and requests that are answered at once or after half a second.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from hafw.core.settings import MS, SECOND
from hafw_sim.explore.acts import Act, fault, repair
from hafw_sim.explore.model import LINKS, NODES, Model, freezes, machines
from hafw_sim.schedule import Decision, Pair

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ANSWER_S: Final = 0.5
"""How long a device takes, and a store that is slow."""
_LATE_S: Final = 1.5
"""How long after it was given up a request may land at the store."""


def _pair(protection: str) -> Pair:
    """Beats of 1 s; with this deadtime a lease of 12 s is renewed every 2 s."""
    return Pair(
        protection=protection,
        links=1,
        pings=0,
        keepalive_ns=1 * SECOND,
        warntime_ns=4 * SECOND,
        deadtime_ns=7_740 * MS,
        initdead_ns=16 * SECOND,
        lease_ttl_ns=12 * SECOND,
        fence_delay_ns=4 * SECOND,
        fence_budget_ns=6 * SECOND,
        steady=True,
    )


STORE: Final = (fault("store", up=False), repair("store", up=True))


def _ways_to_the_store() -> Iterator[Act]:
    for node in NODES:
        yield fault("reach_store", node=node, works=False)
        yield repair("reach_store", node=node, works=True)


def _slow_store() -> Iterator[Act]:
    """Swaps are done and not answered; requests land after they were given up."""
    yield fault("store_weather", unanswered=1.0, to_s=_ANSWER_S)
    yield fault("store_weather", late=1.0, late_s=_LATE_S, to_s=_ANSWER_S)
    yield repair("store_weather", to_s=_ANSWER_S)


_OLD_READS: Final = (fault("store_shows_old", old=True), repair("store_shows_old", old=False))


HANGS: Final = (
    fault("fence_weather", hangs=1.0, to_s=_ANSWER_S),
    repair("fence_weather", to_s=_ANSWER_S),
)
"""Orders are never answered, and take effect long after."""


def _devices() -> Iterator[Act]:
    yield fault("fence_weather", failed=1.0, to_s=_ANSWER_S)
    yield from HANGS


def _ways_to_devices() -> Iterator[Act]:
    for node in NODES:
        yield fault("reach_fence", node=node, works=False)
        yield repair("reach_fence", node=node, works=True)


def _one_way_cuts() -> Iterator[Act]:
    for node in NODES:
        yield fault("cut", node=node, way="link0")
        yield repair("mend", node=node, way="link0")


def _agents() -> Iterator[Act]:
    """Agents are killed, and started again; machines boot after a shot."""
    for node in NODES:
        yield fault("kill", node=node, landed="yes")
        yield repair("boot", node=node)


BOOTS: Final = tuple(repair("boot", node=node) for node in NODES)


def authority_model(  # noqa: PLR0913 - what such models differ in
    name: str,
    text: str,
    protection: str,
    *acts: Iterable[Act],
    store_s: float = 0.0,
    begin: Iterable[Act] = (),
    faults: int = 2,
    depth: int = 60,
) -> Model:
    """A model of an authority; `store_s`: how long the store takes; 0 is at once.

    `begin`: what is so before the first tick. `faults`, `depth`: see `Model`.
    """
    return Model(
        name=name,
        text=f"{text}; {protection}",
        pair=_pair(protection),
        acts=tuple(chain(*acts)),
        tick_ns=4 * SECOND,
        begin=(
            Decision(1 * MS, "store_weather", {"to_s": store_s}),
            Decision(1 * MS, "fence_weather", {"to_s": _ANSWER_S}),
            *(Decision(1 * MS, act.kind, act.args) for act in begin),
        ),
        faults=faults,
        at_once=1,
        depth=depth,
    )


AUTHORITY: Final = (
    authority_model(
        "lease",
        "links cut both ways or one way, killed agents, a store that is down or not reached",
        "leased",
        LINKS,
        _one_way_cuts(),
        _agents(),
        STORE,
        _ways_to_the_store(),
    ),
    authority_model(
        "late-lease",
        "answers of the store that are lost or old, requests that land after they were given up",
        "leased",
        LINKS,
        _agents(),
        _slow_store(),
        _OLD_READS,
        store_s=_ANSWER_S,
    ),
    authority_model(
        "freeze-lease",
        "agents that stop anywhere, a store that is down",
        "leased",
        LINKS,
        freezes(),
        STORE,
    ),
    authority_model(
        "fence",
        "links cut, crashes, killed agents, devices that fail, hang or are not reached",
        "fenced",
        LINKS,
        machines(),
        _devices(),
        _ways_to_devices(),
    ),
    authority_model(
        "fence-or-lease",
        "links cut, killed agents, a store that is down, devices that fail or hang",
        "fenced|leased",
        LINKS,
        _agents(),
        STORE,
        _devices(),
    ),
    authority_model(
        "fence-and-lease",
        "the same",
        "fenced+leased",
        LINKS,
        _agents(),
        STORE,
        _devices(),
    ),
)

SMALL_AUTHORITY: Final = (
    authority_model("small-lease", "lease only", "leased", LINKS, _ways_to_the_store(), _agents()),
    authority_model("small-fence", "fence only", "fenced", LINKS, HANGS, BOOTS),
    authority_model("small-fence-or-lease", "either", "fenced|leased", LINKS, STORE, BOOTS),
)
"""Pieces of them, each searched in a minute or two."""
