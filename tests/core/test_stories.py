"""Every story of the simulator ends as it must, with the engine as it is, and tells it properly."""

from __future__ import annotations

from typing import Final

import pytest

from hafw.core.engine import Engine
from hafw_sim.stories import STORIES

OF_A_NODE: Final = {
    "agent": {"paused"},
    "config": {"announced", "reloaded"},
    "fence": {"confirmed", "failed", "ordered", "void", "waiting"},
    "maintenance": {"expired", "off", "on", "still_on"},
    "machine": {"notice"},
    "peer": {"dead", "gone", "late", "restarted", "up"},
    "state": {"not_durable", "rolled_back"},
    "worker": {"down", "up"},
}
"""Events that concern a node as a whole."""
OF_A_GROUP: Final = {
    "certificate": {"used"},
    "group": {
        "active",
        "blocked",
        "cold",
        "conflict",
        "offer_withdrawn",
        "offered",
        "prepared",
        "right_ended",
        "start_failed",
        "starting",
        "stop_failed",
        "stopped",
        "stopping",
        "waiting",
    },
    "handover": {"asked", "cancelled"},
    "lease": {"store_down", "store_up"},
    "operator": {"vouched"},
    "service": {"down", "up"},
    "vip": {"foreign", "removed"},
}
"""Events that concern one group."""


@pytest.fixture(autouse=True)
def _whatever_is_told_has_a_known_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is of a group where it concerns one, of the node where it does not."""
    note = Engine.note

    def checked(engine: Engine, name: str, group: int, text: str) -> None:
        noun, verb = name.split(".")
        assert verb in (OF_A_GROUP if group in engine.groups else OF_A_NODE)[noun], name
        note(engine, name, group, text)

    monkeypatch.setattr(Engine, "note", checked)


@pytest.mark.parametrize("name", STORIES)
def test_story_ends_as_it_must(name: str) -> None:
    problems = STORIES[name]()

    assert problems == []
