from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from hafw.agent.client import (
    MAX_ANSWER_BYTES,
    MAX_REQUEST_BYTES,
    SOCKET_NAME,
    AgentSilent,
    AgentUnreachable,
    ControlClient,
    ControlError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from hafw.agent.client import Message
    from tests.cli.conftest import FakeAgent


@pytest.fixture
def client(agent: FakeAgent) -> ControlClient:
    return ControlClient(agent.run_dir / SOCKET_NAME)


def test_a_request_is_one_line_and_so_is_its_answer(
    agent: FakeAgent, client: ControlClient
) -> None:
    agent.says("ping", {"pid": 1}, "alive")

    answer = client.request({"verb": "ping", "extra": [1, "zwei"]}, timeout_s=5)

    assert answer == {"ok": True, "result": {"pid": 1}, "message": "alive"}
    assert agent.requests == [{"verb": "ping", "extra": [1, "zwei"]}]


def test_a_stream_ends_when_the_agent_ends_it(agent: FakeAgent, client: ControlClient) -> None:
    agent.sends("events", {"n": 1}, {"n": 2}, {"n": 3})

    assert list(client.stream({"verb": "events"}, timeout_s=5)) == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_a_missing_socket_means_that_nothing_was_asked(tmp_path: Path) -> None:
    with pytest.raises(AgentUnreachable, match="start it with `hafw start`"):
        ControlClient(tmp_path / "nobody").request({"verb": "stop"}, timeout_s=5)


def test_a_socket_without_a_listener_means_the_same(tmp_path: Path) -> None:
    path = tmp_path / SOCKET_NAME
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))

    with pytest.raises(AgentUnreachable):
        ControlClient(path).request({"verb": "stop"}, timeout_s=5)


def test_a_path_that_is_too_long_for_a_socket_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(AgentUnreachable, match="too long"):
        ControlClient(tmp_path / ("x" * 200)).request({"verb": "stop"}, timeout_s=5)


def test_an_agent_that_takes_too_long_leaves_the_outcome_unknown(tmp_path: Path) -> None:
    path = tmp_path / SOCKET_NAME
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        with pytest.raises(AgentSilent, match="what became of the request is unknown"):
            ControlClient(path).request({"verb": "standby"}, timeout_s=0.05)


def test_an_agent_that_hangs_up_leaves_the_outcome_unknown(
    agent: FakeAgent, client: ControlClient
) -> None:
    agent.sends_bytes("standby", b"")

    with pytest.raises(AgentSilent, match="hung up without an answer"):
        client.request({"verb": "standby"}, timeout_s=5)


@pytest.mark.parametrize("raw", [b"\n", b"hello\n", b"[1, 2]\n", b"\xff\xfe\n"])
def test_an_answer_that_is_none_is_an_error(
    agent: FakeAgent, client: ControlClient, raw: bytes
) -> None:
    agent.sends_bytes("status", raw)

    with pytest.raises(ControlError, match="no JSON object"):
        client.request({"verb": "status"}, timeout_s=5)


def test_an_answer_without_an_end_is_not_read_for_ever(
    agent: FakeAgent, client: ControlClient
) -> None:
    agent.sends_bytes("status", b"x" * (MAX_ANSWER_BYTES + 2))

    with pytest.raises(ControlError, match="longer than"):
        client.request({"verb": "status"}, timeout_s=5)


def test_a_request_that_no_agent_would_read_is_not_sent(
    agent: FakeAgent, client: ControlClient
) -> None:
    with pytest.raises(ControlError, match="shorten it"):
        client.request({"verb": "takeover", "reason": "x" * MAX_REQUEST_BYTES}, timeout_s=5)

    assert agent.requests == []


def test_the_longest_answer_arrives_whole(agent: FakeAgent, client: ControlClient) -> None:
    result: Message = {"text": "x" * (MAX_ANSWER_BYTES - 100)}
    agent.says("status", result)

    answer = client.request({"verb": "status"}, timeout_s=5)

    assert len(json.dumps(answer)) > MAX_ANSWER_BYTES - 100
