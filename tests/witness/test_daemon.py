"""The witness's answers to sources that ask too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from hafw.core.wire import Key
from hafw.net.leasewire import Kind, Message, encode
from hafw.witness.daemon import Witness
from hafw.witness.limits import BURST

if TYPE_CHECKING:
    from pathlib import Path

CLUSTER: Final = UUID("6f1c0000-0000-4000-8000-000000000001")
KEY: Final = Key(1, b"k" * 32)
QUESTION: Final = encode(Message(Kind.READ, CLUSTER.bytes, bytes(16), 1), KEY)


def test_a_source_that_floods_the_witness_keeps_nobody_else_from_it(tmp_path: Path) -> None:
    key_file = tmp_path / f"{CLUSTER}.key"
    key_file.touch(0o600)
    key_file.write_text(f"{KEY.id} {KEY.secret.hex()}\n")
    witness = Witness(("127.0.0.1", 0), tmp_path / "state", tmp_path, 60_000, lambda _: None)
    try:
        flood = [witness.answer(QUESTION, "10.0.0.1") for _ in range(10 * BURST)]
        other = witness.answer(QUESTION, "10.0.0.2")
    finally:
        witness.close()

    assert None in flood
    assert other is not None
