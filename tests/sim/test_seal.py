"""What authenticates a datagram in a world is what authenticates it on a wire."""

from __future__ import annotations

from hafw.core.wire import Codec, Key, hmac_sha256
from hafw_sim.world import seal
from tests.core.beats import BEAT

KEY = Key(1, b"a key of this test")


def test_what_is_remembered_is_what_would_be_reckoned() -> None:
    for _ in ("reckoned", "remembered"):
        assert seal.mac(KEY.secret, b"body") == hmac_sha256(KEY.secret, b"body")


def test_a_damaged_body_is_reckoned_anew() -> None:
    assert seal.mac(KEY.secret, b"body") != seal.mac(KEY.secret, b"bodz")


def test_no_more_is_remembered_than_the_bound() -> None:
    for number in range(2 * seal.KEPT):
        seal.mac(KEY.secret, number.to_bytes(4))

    assert len(seal._known) <= seal.KEPT


def test_an_agent_reads_what_a_world_has_sealed() -> None:
    cluster = bytes(16)
    data = Codec(cluster, BEAT.node, (KEY,), seal.mac).encode(BEAT, 0)

    assert Codec(cluster, 1 - BEAT.node, (KEY,)).decode(data, 0) == BEAT
