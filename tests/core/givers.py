"""Two nodes in the states that tests of handing over need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.core import handover
from hafw.core.effects import Note
from hafw.core.model import Ask, Phase, Refusal
from hafw.core.settings import SECOND
from hafw.core.states import State
from hafw_sim.pairs import ALPHA, running_pair

if TYPE_CHECKING:
    from hafw.core.engine import Engine
    from hafw.core.group import Group
    from hafw.core.model import GroupBeat
    from hafw_sim.world import World


DEADTIME_NS: Final = 10 * SECOND


def parts(world: World, number: int) -> tuple[Group, Engine]:
    """The engine of a node, and its first group."""
    engine = world.engine(number)
    return engine.groups[1], engine


def answer(world: World, number: int, ask: Ask) -> Refusal | None:
    """What a node says to such a request of the other; None: it prepares first."""
    group, engine = parts(world, number)
    word = engine.peer_word(group)
    assert word is not None
    return handover._answer_to(group, word._replace(ask=ask, ask_no=1), engine)


def pair(number: int, *, auto_failback: bool = False) -> tuple[Group, Engine]:
    """One node of a running pair at rest: alpha holds the group, and prefers to."""
    group, engine = parts(running_pair(auto_failback=auto_failback), number)
    engine._effects, engine.news = [], False
    return group, engine


def say(group: Group, engine: Engine, **fields: object) -> GroupBeat:
    """What the other node says of the group from now on."""
    word = engine.peer.groups[group.id]._replace(**fields)  # type: ignore[arg-type]
    engine.peer.groups[group.id] = word
    return word


def old_news(engine: Engine) -> None:
    """What the other node says answers nothing that this one sent within H."""
    engine.now_ns += engine.settings.hold_ns
    assert not engine.fresh()


def unheld(number: int = ALPHA) -> tuple[Group, Engine]:
    """Neither node holds the group."""
    group, engine = pair(number)
    group.state, group.phase = State.STANDBY, Phase.CLEAR
    say(group, engine, phase=Phase.CLEAR, ready=True)
    return group, engine


def noted(engine: Engine) -> list[tuple[str, str]]:
    """What people are told."""
    return [(each.name, each.text) for each in engine._effects if isinstance(each, Note)]
