"""How a value of a world is written down: a date as an age, a number by its place among others.

One rule: a date is clipped at the largest bound that it is ever compared with, a number is known by
its family; beyond that, a difference makes no difference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from hafw.core.announcing import AGAIN_NS
from hafw.core.duties import FOREVER, NEVER, wait_ns
from hafw.core.handover import AGREE_NS, FAILBACK_WINDOW_NS
from hafw.core.operator import LINGER_NS

if TYPE_CHECKING:
    from hafw.core.settings import Settings
    from hafw_sim.explore.canonical import Walk

FAILURES_KEPT: Final = 9
"""Pauses after failures double no more after so many."""

Rule = Callable[["Walk", int, Any, Any], None]
"""Writes a value down. Takes the walk, whose it is, the value, and what it is a field of."""


def bounds(settings: Settings) -> dict[str, int]:
    """The largest bound that ages of each kind are compared with, and a nanosecond."""
    timing = settings.timing
    wait = wait_ns(settings.shut_ns, settings)
    silence_ns = max(wait, 2 * timing.deadtime_ns)
    tick_ns = min(settings.beat_ns, timing.keepalive_ns)
    found = {
        "now": 0,
        "beat": timing.keepalive_ns,
        "pause": 2 * tick_ns + settings.margin_ns,
        "hold": settings.hold_ns,
        "known": settings.known_ns,
        "floor": 2 * settings.known_ns,
        "deadtime": timing.deadtime_ns,
        "probe": wait // 2,
        "wait": wait,
        "silence": silence_ns,
        "start": timing.initdead_ns + silence_ns,
        "again": AGAIN_NS,
        "agree": AGREE_NS,
        "linger": LINGER_NS,
        "lease": settings.lease_ttl_ns,
        "lease hold": settings.lease_hold_ns,
        "failbacks": FAILBACK_WINDOW_NS,
    }
    return {name: bound_ns + 1 for name, bound_ns in found.items()} | {"": FOREVER}


def as_is(walk: Walk, who: int, value: object, _whole: object) -> None:
    """Whatever it is, it matters."""
    walk.value(value, who)


def nothing(_walk: Walk, _who: int, _value: object, _whole: object) -> None:
    """Of no consequence: a statistic, a text, a cache, or the source of numbers yet to come."""


def aged(bound: str = "", *, old: bool = False) -> Rule:
    """A date, as an age that is clipped at this bound. `old`: never is as good as long ago."""

    def rule(walk: Walk, who: int, value: int | None, _whole: object) -> None:
        bound_ns = walk.bounds[bound]
        if value is None or value == FOREVER:
            walk.put("for ever")
        elif value == NEVER:
            walk.put(bound_ns if old else "never")
        else:
            walk.put(min(walk.clock_ns[who] - value, bound_ns))

    return rule


def number(family: str, *, of_the_other: bool = False) -> Rule:
    """A number that is only compared with others that this node, or the other one, gave out."""

    def rule(walk: Walk, who: int, value: int, _whole: object) -> None:
        walk.number(family, 1 - who if of_the_other else who, value)

    return rule


def epoch(walk: Walk, _who: int, value: int, _whole: object) -> None:
    """An epoch of the group at hand: compared with each other, told apart by parity."""
    walk.number("epoch", 0, value)


def mark(walk: Walk, _who: int, value: object, _whole: object) -> None:
    """Compared with others for being the same, and never given out again."""
    if value:
        walk.same(value)
    else:
        walk.put(None)


def when(condition: Callable[[Any, Walk], bool], rule: Rule) -> Rule:
    """Of consequence only under a condition."""

    def conditional(walk: Walk, who: int, value: object, whole: object) -> None:
        if condition(whole, walk):
            rule(walk, who, value, whole)
        else:
            walk.put(None)

    return conditional


def each(rule: Rule) -> Rule:
    """The same for every item."""

    def for_each(walk: Walk, who: int, value: Any, whole: object) -> None:  # noqa: ANN401 - items
        walk.put(len(value))
        for item in value:
            rule(walk, who, item, whole)

    return for_each


def beat_number(incarnation: str, *, of_the_other: bool = False, dated: bool = False) -> Rule:
    """The number of a beat: it matters by when it was sent (`dated`), and by order.

    `incarnation`: the field that says whose it is.
    """

    def rule(walk: Walk, who: int, value: int, whole: object) -> None:
        sender = 1 - who if of_the_other else who
        walk.beat_number(sender, getattr(whole, incarnation), value, dated=dated)

    return rule
