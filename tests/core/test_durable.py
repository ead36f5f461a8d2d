"""What an engine says of a disk that does not take its state."""

from __future__ import annotations

from hafw.core.model import Persisted, PersistFailed
from hafw_sim.pairs import ALPHA, running_pair

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
