"""The models of operators' commands under a lease and under a fence, at any moment.

One rule: a command is an act like a cut or a crash, and costs as much; a person errs about what is
wise, never about whether the other machine is off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw_sim.explore.acts import Act, fault, repair
from hafw_sim.explore.authority_models import BOOTS, HANGS, STORE, authority_model
from hafw_sim.explore.model import LINKS, NODES

if TYPE_CHECKING:
    from collections.abc import Iterator

_LASTS_S: Final = 20.0
"""Maintenance that ends by itself does so after this: five ticks."""
_WHILE: Final = 16
"""Maintenance for good has no end, and what is left until it is told of again is in every state."""
_OUT_OF_REACH: Final = tuple(fault("reach_fence", node=node, works=False) for node in NODES)
"""No device is reached, so without a person nothing is taken over."""
_IN_REACH: Final = tuple(repair("reach_fence", node=node, works=True) for node in NODES)


def _typed(*verbs: str) -> Iterator[Act]:
    for node in NODES:
        for verb in verbs:
            yield fault("operator", node=node, verb=verb)


def _all() -> Iterator[Act]:
    """What needs no word of the person; agents that were stopped are started again."""
    yield from _typed("standby", "takeover", "release", "stop")
    yield from BOOTS


def _vouched() -> Iterator[Act]:
    """Machines die; a person says so and takes over, or not; they boot at any time after."""
    for node in NODES:
        yield fault("crash", node=node, landed="yes")
        yield fault("operator", node=node, verb="takeover", vouches=True)
    yield from BOOTS


def _upgrade() -> Iterator[Act]:
    """Switched on by alpha for some time, off by either; agents are stopped, and started again."""
    yield fault("maintenance", node="alpha", on=True, for_s=_LASTS_S)
    for node in NODES:
        yield repair("maintenance", node=node, on=False)
    yield from _typed("stop")
    yield from BOOTS


def _maintenance() -> Iterator[Act]:
    """Switched on for good as well; machines die."""
    yield from _upgrade()
    yield fault("maintenance", node="alpha", on=True)
    for node in NODES:
        yield fault("crash", node=node, landed="yes")


COMMANDS: Final = (
    authority_model(
        "commands-lease",
        "standby, takeover, release, stop; links cut, a store that is down",
        "leased",
        LINKS,
        _all(),
        STORE,
    ),
    authority_model(
        "commands-fence",
        "standby, takeover, release, stop; links cut, devices that hang",
        "fenced",
        LINKS,
        _all(),
        HANGS,
    ),
    authority_model(
        "commands-fence-or-lease",
        "standby, takeover, release, stop; links cut, a store that is down",
        "fenced|leased",
        LINKS,
        _all(),
        STORE,
    ),
    authority_model(
        "commands-fence-and-lease",
        "the same",
        "fenced+leased",
        LINKS,
        _all(),
        STORE,
    ),
    authority_model(
        "vouched-lease",
        "crashes, and takeovers on a person's word; links cut",
        "leased",
        LINKS,
        _vouched(),
        faults=3,
    ),
    authority_model(
        "vouched-fence",
        "no device is reached, at first: crashes, and takeovers on a person's word; links cut",
        "fenced",
        LINKS,
        _vouched(),
        _IN_REACH,
        begin=_OUT_OF_REACH,
        faults=3,
        depth=9,
    ),
    authority_model(
        "vouched-fence-or-lease",
        "crashes, and takeovers on a person's word; links cut",
        "fenced|leased",
        LINKS,
        _vouched(),
        faults=3,
    ),
    authority_model(
        "maintenance-lease",
        "maintenance, for a time or for good; stops, crashes, links cut",
        "leased",
        LINKS,
        _maintenance(),
        depth=_WHILE,
    ),
    authority_model(
        "maintenance-fence",
        "the same",
        "fenced",
        LINKS,
        _maintenance(),
        depth=_WHILE,
    ),
)

SMALL_COMMANDS: Final = (
    authority_model(
        "small-commands-lease", "commands only", "leased", LINKS, _typed("takeover", "stop"), BOOTS
    ),
    authority_model(
        "small-commands-fence", "commands only", "fenced", LINKS, _typed("takeover", "stop"), BOOTS
    ),
    authority_model("small-vouched-lease", "a person's word", "leased", LINKS, _vouched()),
    authority_model("small-vouched-fence", "a person's word", "fenced", LINKS, _vouched()),
    authority_model(
        "small-maintenance-fence", "maintenance", "fenced", LINKS, _upgrade(), depth=_WHILE
    ),
)
"""Pieces of them."""
