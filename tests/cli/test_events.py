from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from hafw.agent.client import Message
    from tests.cli.conftest import FakeAgent


def event(name: str, group: int | None, text: str) -> Message:
    wall = "2026-11-22T12:00:01.250+00:00"
    return {"t_boot_ns": 1, "wall": wall, "name": name, "text": text, "group": group}


DEAD = event("peer.dead", None, "beta is silent on every path")
ACTIVE = event("group.active", 3, "by reflected, epoch 8")


def test_an_event_is_a_line(agent: FakeAgent, hafw: Callable[..., Result]) -> None:
    agent.says("events", {"events": [DEAD, ACTIVE]})

    result = hafw("events", "--limit", "7")

    assert result.stdout.splitlines() == [
        "2026-11-22T12:00:01.250+00:00  peer.dead             beta is silent on every path",
        "2026-11-22T12:00:01.250+00:00  group.active          group 3: by reflected, epoch 8",
    ]
    assert agent.requests == [{"verb": "events", "follow": False, "limit": 7}]


def test_events_as_json_are_one_object(agent: FakeAgent, hafw: Callable[..., Result]) -> None:
    agent.says("events", {"events": [DEAD]})

    result = hafw("events", "--json")

    assert json.loads(result.stdout) == {"schema": "hafw.events/1", "events": [DEAD]}


def test_followed_events_as_json_are_one_object_a_line(
    agent: FakeAgent, hafw: Callable[..., Result]
) -> None:
    batches: list[list[Message]] = [[DEAD], [], [ACTIVE]]
    agent.sends("events", *({"ok": True, "result": {"events": batch}} for batch in batches))

    result = hafw("events", "--follow", "--json")

    assert [json.loads(line) for line in result.stdout.splitlines()] == [DEAD, ACTIVE]


def test_a_quiet_node_has_no_events(agent: FakeAgent, hafw: Callable[..., Result]) -> None:
    agent.says("events", {"events": []})

    result = hafw("events")

    assert (result.stdout, result.exit_code) == ("", 0)
