"""The witness's datagram: what goes in comes out, and nothing that was touched does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafw.core.wire import Key
from hafw.net.leasewire import (
    DATAGRAM_LEN,
    ID_LEN,
    Kind,
    Lease,
    Message,
    RejectedError,
    cluster_of,
    decode,
    encode,
    encode_refusal,
)

KEY = Key(3, b"k" * 32)
KEYS = {KEY.id: KEY.secret}
NUMBERS = st.integers(0, 2**64 - 1)
IDS = st.binary(min_size=ID_LEN, max_size=ID_LEN)
HOLDERS = st.text(st.characters(codec="utf-8"), max_size=16)
MS = st.integers(0, 2**32 - 1)
LEASES = st.builds(Lease, NUMBERS, NUMBERS, IDS.filter(any), HOLDERS, MS)
SIGNED = st.sampled_from([kind for kind in Kind if kind is not Kind.REFUSED])
MESSAGES = st.builds(
    Message, SIGNED, IDS, IDS, st.integers(0, 255), MS, IDS,
    st.none() | LEASES,
)  # fmt: skip
READ = Message(Kind.READ, b"c" * ID_LEN, b"a" * ID_LEN, 7, 20_000)


@given(MESSAGES)
def test_every_message_comes_back_and_has_the_same_size(message: Message) -> None:
    data = encode(message, KEY)

    assert decode(data, KEYS) == message
    assert len(data) == DATAGRAM_LEN


@given(st.integers(0, DATAGRAM_LEN * 8 - 1))
def test_a_single_wrong_bit_is_noticed(bit: int) -> None:
    data = bytearray(encode(READ, KEY))
    data[bit // 8] ^= 1 << bit % 8

    with pytest.raises(RejectedError):
        decode(bytes(data), KEYS)


@given(st.binary(max_size=2 * DATAGRAM_LEN))
def test_noise_is_rejected(data: bytes) -> None:
    with pytest.raises(RejectedError):
        cluster_of(data)
    with pytest.raises(RejectedError):
        decode(data, KEYS)


def test_a_refusal_repeats_the_question_and_can_be_read_without_a_key() -> None:
    refusal = decode(encode_refusal(encode(READ, KEY)), {})

    assert (refusal.kind, refusal.cluster, refusal.ask) == (Kind.REFUSED, READ.cluster, READ.ask)


@pytest.mark.parametrize("kind", [Kind.DONE, Kind.READ, Kind.SWAP, Kind.QUIET])
def test_nobody_but_a_key_signs_what_is_believed(kind: Kind) -> None:
    forged = encode(READ._replace(kind=kind), Key(0, b""))

    with pytest.raises(RejectedError, match="not authenticated"):
        decode(forged, KEYS)


def test_a_key_does_not_sign_a_refusal() -> None:
    with pytest.raises(RejectedError, match="not authenticated"):
        decode(encode(READ._replace(kind=Kind.REFUSED), KEY), KEYS)


@pytest.mark.parametrize(
    "lease",
    [
        Lease(1, 1, b"n" * ID_LEN, "h" * 65, 0),
        Lease(1, 1, bytes(ID_LEN), "alpha", 0),
        Lease(1, 1, b"short", "alpha", 0),
        Lease(2**64, 1, b"n" * ID_LEN, "alpha", 0),
    ],
)
def test_a_lease_that_does_not_fit_is_refused(lease: Lease) -> None:
    with pytest.raises(ValueError, match=r"holder has at most|does not fit"):
        encode(READ._replace(lease=lease), KEY)
