"""What an engine makes and says of a disk that does not take its state."""

from __future__ import annotations

import pytest

from hafw.core import takeover
from hafw.core.duties import Certificate
from hafw.core.engine import PERSIST_RETRY_NS
from hafw.core.model import Persisted, PersistFailed
from hafw_sim.pairs import ALPHA, running_pair
from tests.core.givers import unheld

FULL, BROKEN = PersistFailed(99, "the disk is full"), PersistFailed(99, "the disk is broken")


def test_a_disk_that_takes_nothing_is_told_of_once_until_it_takes_something() -> None:
    world = running_pair()
    alpha = world.nodes[ALPHA]
    before = len(alpha.notes)

    for event in (FULL, FULL, BROKEN, FULL, Persisted(1), FULL):
        world.feed(alpha, event)

    assert [(note.name, note.text) for _, note in alpha.notes[before:]] == [
        ("state.not_durable", f"nothing new is acquired: the disk is {state}")
        for state in ("full", "broken", "full", "full")
    ]


@pytest.mark.parametrize(
    ("older", "is_void"), [(0, True), (1, False)], ids=["its own write", "an older one"]
)
def test_an_intent_is_void_once_a_write_that_carried_it_failed(
    older: int, *, is_void: bool
) -> None:
    group, engine = unheld()
    takeover.prepare(group, Certificate.OPERATOR, engine)

    engine._persist_failed(group.intent_token - older, "no room")

    assert (group.intent is None) is is_void


@pytest.mark.parametrize(("early_ns", "is_written"), [(1, False), (0, True)])
def test_a_void_intent_is_written_anew_a_second_later(early_ns: int, *, is_written: bool) -> None:
    group, engine = unheld()
    takeover.prepare(group, Certificate.OPERATOR, engine)
    token = group.intent_token
    engine._persist_failed(token, "no room")

    engine.now_ns += PERSIST_RETRY_NS - early_ns
    takeover.prepare(group, Certificate.OPERATOR, engine)

    assert (group.intent is not None) is is_written
    assert group.intent_token == token + is_written
