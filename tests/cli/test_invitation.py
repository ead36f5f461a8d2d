from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafw.cli.invitation import (
    PRIME,
    PUBLIC_BYTES,
    TAG_BYTES,
    Exchange,
    InvitationError,
    Side,
    Token,
)


def exchanges(
    offered: Token, typed: Token, name: str = "beta", heard: str = "beta"
) -> tuple[Exchange, Exchange]:
    """Both ends of a conversation: the offering side's, and the joining side's."""
    offering, joining = Side(offered), Side(typed)
    return (
        offering.agree(joining.public, offering=True, joiner=heard),
        joining.agree(offering.public, offering=False, joiner=name),
    )


@pytest.fixture
def pair() -> tuple[Exchange, Exchange]:
    token = Token.fresh()
    return exchanges(token, token)


def test_who_holds_the_token_gets_the_message(pair: tuple[Exchange, Exchange]) -> None:
    ours, theirs = pair

    ours.check_proof(theirs.proof())

    assert theirs.unseal(ours.seal(b"the files")) == b"the files"
    assert ours.receipt() == theirs.receipt()


def test_another_token_proves_nothing() -> None:
    ours, theirs = exchanges(Token.fresh(), Token.fresh())

    with pytest.raises(InvitationError, match="does not hold the token"):
        ours.check_proof(theirs.proof())


def test_another_token_opens_nothing() -> None:
    ours, theirs = exchanges(Token.fresh(), Token.fresh())

    with pytest.raises(InvitationError, match="changed on its way"):
        theirs.unseal(ours.seal(b"the files"))


def test_a_name_that_was_changed_on_its_way_proves_nothing() -> None:
    token = Token.fresh()
    ours, theirs = exchanges(token, token, name="beta", heard="gamma")

    with pytest.raises(InvitationError):
        ours.check_proof(theirs.proof())


def test_a_proof_that_was_recorded_is_worth_nothing_later() -> None:
    token = Token.fresh()
    recorded = Side(token)
    first = Side(token)
    proof = recorded.agree(first.public, offering=False, joiner="beta").proof()

    again = Side(token).agree(recorded.public, offering=True, joiner="beta")

    with pytest.raises(InvitationError):
        again.check_proof(proof)


@pytest.mark.parametrize("byte", [0, 5, -1])
def test_a_message_that_was_changed_is_refused(pair: tuple[Exchange, Exchange], byte: int) -> None:
    ours, theirs = pair
    sealed = bytearray(ours.seal(b"the files"))
    sealed[byte] ^= 1

    with pytest.raises(InvitationError, match="changed on its way"):
        theirs.unseal(bytes(sealed))


@pytest.mark.parametrize("length", [0, 1, TAG_BYTES - 1])
def test_a_message_that_was_cut_short_is_refused(
    pair: tuple[Exchange, Exchange], length: int
) -> None:
    ours, theirs = pair

    with pytest.raises(InvitationError):
        theirs.unseal(ours.seal(b"the files")[:length])


def test_the_message_cannot_be_read_on_its_way(pair: tuple[Exchange, Exchange]) -> None:
    ours, _ = pair

    assert b"the files" not in ours.seal(b"the files" * 10)


@pytest.mark.parametrize("number", [0, 1, PRIME - 1, PRIME, PRIME + 1])
def test_a_public_key_that_would_make_the_secret_known_is_refused(number: int) -> None:
    with pytest.raises(InvitationError, match="sent no key"):
        Side(Token.fresh()).agree(number.to_bytes(PUBLIC_BYTES), offering=True, joiner="beta")


@pytest.mark.parametrize("length", [0, PUBLIC_BYTES - 1, PUBLIC_BYTES + 1])
def test_a_public_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(InvitationError, match="sent no key"):
        Side(Token.fresh()).agree(b"\x02" * length, offering=True, joiner="beta")


def test_a_token_survives_being_copied() -> None:
    token = Token.fresh()

    assert Token.parse(f"  {token}\n") == token


def test_a_token_shows_itself_only_when_it_is_meant_to() -> None:
    token = Token.fresh()

    assert str(token) not in repr(token)
    assert token.secret.hex() not in repr(token)


@pytest.mark.parametrize("text", ["", "hafw-join-", "hafw-join-abc", "hafw-join-!!!", "ü" * 43])
def test_a_part_of_a_token_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Token.parse(text)


@given(st.binary(max_size=5_000))
def test_every_message_arrives_as_it_was(message: bytes) -> None:
    ours, theirs = Exchange(b"k" * 32, b"s" * 32), Exchange(b"k" * 32, b"s" * 32)

    assert theirs.unseal(ours.seal(message)) == message


def test_the_group_is_that_of_the_rfc() -> None:
    """RFC 7919 A.2: p = 2^3072 - 2^3008 + (floor(2^2942 e) + 2625351) 2^64 - 1, a safe prime."""
    one = 1 << 2942 + 64
    term, e, k = one, one, 1
    while term:
        term //= k
        e += term
        k += 1

    assert 2**3072 - 2**3008 + ((e >> 64) + 2625351) * 2**64 - 1 == PRIME
    assert pow(2, PRIME - 1, PRIME) == 1
    assert pow(2, (PRIME - 1) // 2 - 1, (PRIME - 1) // 2) == 1
