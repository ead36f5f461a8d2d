"""The responder: many checks at once, of any kind, at one address alone."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from hafw.net import responder
from hafw.net.responder import Responder

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST = b"GET /health HTTP/1.1\r\nHost: vip\r\n\r\n"


@pytest.fixture
def port() -> Iterator[int]:
    """The port of one that answers at 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = int(probe.getsockname()[1])
    answering = Responder("127.0.0.1", free)
    yield free
    answering.close()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 5.0)


def test_a_request_is_answered_with_200(port: int) -> None:
    with connect(port) as client:
        client.sendall(REQUEST)
        answer = client.recv(4096)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_two_hundred_checks_are_answered_at_once(port: int) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(port)) for _ in range(200)]
        for client in reversed(clients):
            client.sendall(REQUEST)

        answers = {client.recv(4096)[:15] for client in clients}

    assert answers == {b"HTTP/1.1 200 OK"}


def test_one_that_asks_nothing_is_let_go(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responder, "IDLE_S", 0.1)

    with connect(port) as client:
        ended = client.recv(4096)

    assert ended == b""


def test_more_than_can_be_open_are_closed_and_the_others_stay(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responder, "CONNECTIONS", 1)

    with connect(port) as first, connect(port) as second:
        refused = second.recv(4096)
        first.sendall(REQUEST)
        answer = first.recv(4096)

    assert refused == b""
    assert answer.startswith(b"HTTP/1.1 200 OK")


def test_it_listens_where_no_interface_has_the_address_yet() -> None:
    Responder("192.0.2.1", 7450).close()
    Responder("2001:db8::1", 7450).close()


def test_one_that_is_closed_answers_no_more(port: int) -> None:
    other = Responder("127.0.0.2", port)

    other.close()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), 5.0)
