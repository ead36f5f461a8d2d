"""The models that are searched: each a small vocabulary, with its bounds.

One rule: a model tries what belongs together, and no more than can be searched to the end.

Here are those of silence, gates and commands; leases and fences are in `authority_models`, commands
under these in `command_models`.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from hafw.core.settings import MS, SECOND
from hafw_sim.explore.acts import Act, fault, lone_loss, repair
from hafw_sim.explore.authority_models import AUTHORITY, SMALL_AUTHORITY
from hafw_sim.explore.command_models import COMMANDS, SMALL_COMMANDS
from hafw_sim.explore.model import LINKS, NODES, Model, freezes, machines
from hafw_sim.schedule import Decision, Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_USUAL_S, _SLOW_S = 0.5, 5.0
"""Lengths of operations: with the pause before a stop is tried again, they fit into the grid."""


def _pair(protection: str) -> Pair:
    """Beats of 1 s: the shortest deadtime in which H holds the echoes that it must, is 13 s."""
    return Pair(
        protection=protection,
        links=1,
        keepalive_ns=1 * SECOND,
        warntime_ns=6 * SECOND,
        deadtime_ns=13 * SECOND,
        initdead_ns=26 * SECOND,
        steady=True,
    )


_BLIND_PROBE: Final = (fault("service_lan", whole=False), repair("service_lan", whole=True))


def _paths() -> Iterator[Act]:
    """Every way is cut and mended by itself, and those that fail together in practice at once."""
    yield fault("cut_links")
    for node in NODES:
        yield fault("cut_ping", node=node)
        for way in ("link0", "to_ping", "from_ping"):
            yield fault("cut", node=node, way=way)
    yield repair("mend_links")
    for node in NODES:
        yield repair("mend_ping", node=node)
        for way in ("link0", "to_ping", "from_ping"):
            yield repair("mend", node=node, way=way)
    yield fault("ping_node", up=False)
    yield repair("ping_node", up=True)


def _coarse_cuts() -> Iterator[Act]:
    yield from LINKS
    for node in NODES:
        yield fault("cut_ping", node=node)
        yield repair("mend_ping", node=node)


def _one_way_cuts() -> Iterator[Act]:
    """A link fails one way for good; the ways to the ping node fail, and work again."""
    for node in NODES:
        yield fault("cut", node=node, way="link0")
    yield fault("cut_ping", node="alpha")
    yield repair("mend_ping", node="alpha")
    yield fault("cut", node="beta", way="to_ping")
    yield repair("mend", node="beta", way="to_ping")


def _verbs(*verbs: str) -> Iterator[Act]:
    for node in NODES:
        for verb in verbs:
            yield fault("operator", node=node, verb=verb)


def _maintenance() -> Iterator[Act]:
    """Switched on by alpha for some time or for good, and off by beta; agents that go."""
    yield fault("maintenance", node="alpha", on=True, for_s=20.0)
    yield fault("maintenance", node="alpha", on=True)
    yield repair("maintenance", node="beta", on=False)
    yield repair("maintenance", node="alpha", on=False)
    for node in NODES:
        yield fault("operator", node=node, verb="stop")
        yield repair("boot", node=node)


def _fates() -> Iterator[Act]:
    for node in NODES:
        for operation in ("start", "stop"):
            for outcome, lands in (("failed", False), ("unknown", True), ("unknown", False)):
                yield fault("fate", node=node, operation=operation, outcome=outcome, lands=lands)
            yield repair("fate", node=node, operation=operation, outcome="ok", lands=True)


def _commands() -> Iterator[Act]:
    yield from _verbs("standby", "takeover", "release", "stop")
    yield from _fates()
    for node in NODES:
        for landed in ("yes", "no"):
            yield fault("worker", node=node, up=False, landed=landed)
        yield repair("worker", node=node, up=True)
        yield fault("crash", node=node, landed="no")
        yield repair("boot", node=node)
    yield fault("operations", from_s=_SLOW_S, to_s=_SLOW_S)
    yield repair("operations", from_s=_USUAL_S, to_s=_USUAL_S)
    yield from LINKS


def _hops(change: Callable[..., Act]) -> Iterator[Act]:
    """Whether each hop to or from the ping node works may change with every beat."""
    yield from LINKS
    for node in NODES:
        for way in ("to_ping", "from_ping"):
            yield change("cut", node=node, way=way)
            yield repair("mend", node=node, way=way)
        yield lone_loss(node, "reflected")


_OFF: Final = tuple(
    Decision(1_600 * MS, "crash", {"node": node, "landed": "yes"}) for node in NODES
)

_TAKE_TIME: Final = (Decision(1_600 * MS, "operations", {"from_s": _USUAL_S, "to_s": _USUAL_S}),)

_ALL: Final = (
    Model(
        name="membership",
        text="cuts of every way, crashes, restarts, a ping node that dies; reflected",
        pair=_pair("reflected"),
        acts=(*_paths(), *machines()),
        faults=2,
    ),
    Model(
        name="best-effort",
        text="the same with reflected|best-effort; the probe of the address works",
        pair=_pair("reflected|best-effort"),
        acts=(*_coarse_cuts(), *machines()),
        faults=2,
        exclusive=False,
    ),
    Model(
        name="freeze",
        text="agents that stop anywhere, within the renewal or opening of a gate too; reflected",
        pair=_pair("reflected"),
        acts=(*freezes(), *_coarse_cuts()),
        faults=2,
    ),
    Model(
        name="handover",
        text="commands, operations that fail, are in doubt, or take long, lost workers; reflected",
        pair=_pair("reflected"),
        acts=tuple(_commands()),
        faults=2,
        begin=_TAKE_TIME,
    ),
    Model(
        name="reflection",
        text="beat by beat: hops to and from the ping node fail and come back, the links are cut; "
        "reflected beats are lost alone",
        pair=_pair("reflected"),
        acts=tuple(_hops(fault)),
        faults=2,
        alone=1,
        at_once=1,
        tick_ns=1 * SECOND,
        depth=150,
    ),
    Model(
        name="boot",
        text="both machines off: who starts when, with what is cut; reflected",
        pair=_pair("reflected"),
        acts=(*_coarse_cuts(), *machines()),
        faults=2,
        at_once=1,
        begin=_OFF,
        begin_ns=3_400 * MS,
    ),
)
_FLAPPING: Final = Model(
    name="flapping",
    text="as reflection, but hops fail as often as they like: more than can be searched",
    pair=_pair("reflected"),
    acts=tuple(_hops(repair)),
    faults=1,
    alone=2,
    at_once=4,
    tick_ns=1 * SECOND,
)
MODELS: Final = {model.name: model for model in (*_ALL, *AUTHORITY, *COMMANDS, _FLAPPING)}


def _small(
    name: str,
    protection: str,
    *acts: Iterable[Act],
    faults: int = 2,
    at_once: int = 1,
    depth: int = 60,
) -> Model:
    return Model(
        name=f"small-{name}",
        text=f"{name} only, {protection}",
        pair=_pair(protection),
        acts=tuple(chain(*acts)),
        faults=faults,
        at_once=at_once,
        depth=depth,
        exclusive=protection == "reflected",
    )


_SMALL: Final = (
    _small("isolation", "reflected", _coarse_cuts(), at_once=2),
    _small("rivals", "best-effort", _coarse_cuts(), _BLIND_PROBE, at_once=2),
    _small("freeze", "reflected", freezes(), LINKS, _verbs("takeover")),
    _small("one-way", "reflected", _one_way_cuts(), faults=3, at_once=2, depth=8),
    _small("restart", "reflected", machines(), LINKS),
    _small("operations", "reflected", _verbs("standby", "takeover"), _fates()),
    _small("commands", "reflected", _verbs("standby", "takeover"), machines()),
    _small("maintenance", "reflected", _maintenance(), LINKS, depth=24),
)
SMALL: Final = {model.name: model for model in (*_SMALL, *SMALL_AUTHORITY, *SMALL_COMMANDS)}
"""Pieces of the models, soon searched: for tests, and against mutants."""
