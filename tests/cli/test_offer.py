from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from hafw.cli import offer as offering
from hafw.cli.exits import Exit, Failure
from hafw.cli.invitation import PUBLIC_BYTES, Token
from hafw.cli.offer import MAX_WRONG_TOKENS, Gift, Offer, fetch, hand_out, listen

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCALHOST = "127.0.0.1"
GIFT = Gift(cluster="[cluster]\n", keys="1 abc\n")


@dataclass
class Waiting:
    """An offer in a thread of its own, and how it ended."""

    port: int
    token: Token
    said: list[str] = field(default_factory=list)
    joined: str | None = None
    failure: Failure | None = None


@contextmanager
def waiting(offer_for_s: float = 20) -> Iterator[Waiting]:
    """Offer the gift to beta; at the end wait until the offer has ended by itself."""
    token = Token.fresh()
    with listen(ip_address(LOCALHOST), 0) as listener:
        state = Waiting(listener.getsockname()[1], token)

        def run() -> None:
            try:
                offer = Offer(token, GIFT, ["beta"])
                state.joined = hand_out(listener, offer, offer_for_s, state.said.append)
            except Failure as failure:
                state.failure = failure

        thread = threading.Thread(target=run)
        thread.start()
        yield state
        thread.join(timeout=30)
        assert not thread.is_alive()


def call(state: Waiting, token: Token | None = None, name: str = "beta") -> list[Gift]:
    """Fetch the gift as the node `name`; returns what was kept."""
    kept: list[Gift] = []
    fetch(LOCALHOST, state.port, token or state.token, name, kept.append)
    return kept


def test_the_node_that_holds_the_token_gets_file_and_key() -> None:
    with waiting() as state:
        assert call(state) == [GIFT]

    assert state.joined == "beta"


def test_a_wrong_token_gets_nothing_and_leaves_the_offer_open() -> None:
    with waiting() as state:
        with pytest.raises(Failure, match="it is wrong, or spent, or too old") as refused:
            call(state, Token.fresh())
        assert call(state) == [GIFT]

    assert refused.value.status == Exit.REFUSED
    assert len(state.said) == 1
    assert f"refused {LOCALHOST}: the other side does not hold the token" in state.said[0]
    assert f"({MAX_WRONG_TOKENS - 1} tries left)" in state.said[0]


def test_too_many_wrong_tokens_withdraw_the_offer() -> None:
    with waiting() as state:
        for _ in range(MAX_WRONG_TOKENS):
            with pytest.raises(Failure):
                call(state, Token.fresh())

    assert state.joined is None
    assert state.failure is not None
    assert "too many wrong tokens" in str(state.failure)


def test_a_token_is_good_once() -> None:
    with waiting() as state:
        call(state)

    with pytest.raises(Failure) as refused:
        call(state)
    assert refused.value.status == Exit.UNREACHABLE


def test_a_node_that_is_not_in_the_file_is_told_so() -> None:
    with waiting() as state, pytest.raises(Failure, match='"gamma" is not the node'):
        call(state, name="gamma")

    assert state.joined is None
    assert state.failure is not None
    assert "gamma" in str(state.failure)


def test_an_offer_ends_with_its_time() -> None:
    with waiting(offer_for_s=0.05) as state:
        pass

    assert state.failure is not None
    assert "nobody joined in time" in str(state.failure)


@pytest.mark.parametrize(
    "noise",
    [b"", b"\x00", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 4, (500).to_bytes(4) + b"x" * 500],
)
def test_a_stranger_that_talks_nonsense_does_not_end_the_offer(noise: bytes) -> None:
    with waiting() as state:
        with socket.create_connection((LOCALHOST, state.port), timeout=5) as stranger:
            stranger.sendall(noise)
        assert call(state) == [GIFT]

    assert state.joined == "beta"


def test_a_stranger_that_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offering, "CONVERSATION_TIMEOUT_S", 0.1)
    with waiting() as state:
        with socket.create_connection((LOCALHOST, state.port), timeout=5) as stranger:
            while stranger.recv(PUBLIC_BYTES):
                pass
        monkeypatch.undo()
        assert call(state) == [GIFT]

    assert state.said == [f"{LOCALHOST} broke off: timed out"]


def test_a_node_that_cannot_keep_the_files_does_not_confirm_them() -> None:
    def cannot(gift: Gift) -> None:
        del gift
        raise PermissionError

    with waiting() as state, pytest.raises(PermissionError):
        fetch(LOCALHOST, state.port, state.token, "beta", cannot)

    assert state.joined is None
    assert state.failure is not None
    assert "the token is spent" in str(state.failure)


def test_a_server_that_is_no_offer_is_recognised() -> None:
    with socket.create_server((LOCALHOST, 0)) as other:

        def hang_up() -> None:
            other.accept()[0].close()

        answering = threading.Thread(target=hang_up)
        answering.start()
        with pytest.raises(Failure, match="is it a hafw offer"):
            fetch(LOCALHOST, other.getsockname()[1], Token.fresh(), "beta", lambda _: None)
        answering.join(timeout=5)


def test_an_address_of_another_machine_cannot_be_listened_on() -> None:
    with pytest.raises(Failure, match="name one of this machine's addresses"):
        listen(ip_address("192.0.2.1"), 0)
