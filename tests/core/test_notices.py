"""What an engine makes of the announcement that its machine will be disturbed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from hafw.core import handover, maintenance, takeover
from hafw.core.effects import Note
from hafw.core.model import Ask, NoticeCame, Refusal
from hafw_sim.pairs import ALPHA, BETA, running_pair
from tests.core.givers import answer, pair, say, unheld

if TYPE_CHECKING:
    from hafw.core.engine import Engine

SOON: Final = "the instance will be stopped"


def announced(engine: Engine, what: str = SOON) -> list[str]:
    """What people are told when this is announced."""
    effects = engine.step(NoticeCame(what), engine.now)
    return [one.name for one in effects if isinstance(one, Note)]


def test_an_owner_says_for_whom_it_gives_the_group_away() -> None:
    group, engine = pair(ALPHA)
    announced(engine)
    assert group.ask is Ask.TAKE_IT
    assert SOON in group.ask_why


def test_nothing_is_given_to_a_node_that_is_not_ready() -> None:
    group, engine = pair(ALPHA)
    word = say(group, engine, ready=False)
    engine.notice = SOON
    assert handover._reason_to_give(group, word, engine) is None


def test_whose_machine_will_be_disturbed_does_not_agree_to_take_a_group() -> None:
    world = running_pair()
    world.announce(BETA, SOON)
    assert answer(world, BETA, Ask.TAKE_IT) is Refusal.NOT_READY


def test_the_same_announcement_is_told_once() -> None:
    _, engine = pair(BETA)
    assert announced(engine) == ["machine.notice"]
    assert announced(engine) == []


@pytest.mark.parametrize(
    ("what", "text"),
    [(SOON, f"this machine is to be disturbed: {SOON}"), ("", "nothing is announced now")],
    ids=["announced", "taken back"],
)
def test_people_are_told_what_is_to_come_or_that_it_is_over(what: str, text: str) -> None:
    _, engine = pair(BETA)
    engine.notice = "" if what else SOON

    effects = engine.step(NoticeCame(what), engine.now)

    assert [one.text for one in effects if isinstance(one, Note)] == [text]


def test_the_peer_hears_at_once_that_the_machine_stays() -> None:
    group, engine = pair(BETA)
    announced(engine)
    engine.step(NoticeCame(""), engine.now)
    assert engine.spoken[0].id == group.id
    assert engine.spoken[0].ready


@pytest.mark.parametrize("in_maintenance", [False, True])
def test_who_held_a_group_last_leaves_it_to_the_other_unless_nothing_may_move(
    *, in_maintenance: bool
) -> None:
    """In maintenance the other node would not take it, and nobody would."""
    group, engine = unheld()
    engine.notice = SOON
    if in_maintenance:
        maintenance.order(engine, on=True, for_ms=0)

    taken = takeover.released_to_us(group, say(group, engine), engine)

    assert taken is in_maintenance
