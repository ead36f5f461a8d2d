"""The witness's ledger: what it answers, and what must be on the disk before that."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

import pytest

from hafw.net.leasewire import Kind, Lease, Message
from hafw.witness import grants
from hafw.witness.ledger import Ledger
from hafw.witness.limits import BURST, MAX_SOURCES, RATE_PER_S, Limits

CLUSTER: Final = bytes(range(16))
FILE: Final = "00010203-0405-0607-0809-0a0b0c0d0e0f.leases"
FIRST: Final = Lease(1, 7, b"a" * 16, "alpha", 20_000)
SECOND: Final = Lease(2, 3, b"b" * 16, "beta", 20_000)
SECOND_NS: Final = 10**9


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    grants.save(tmp_path / FILE, {})
    opened = Ledger(tmp_path, 60_000, 0, lambda _: None)
    opened.open(CLUSTER)
    return opened


def read(ledger: Ledger) -> Message:
    answer = ledger.answer(Message(Kind.READ, CLUSTER, bytes(16), 1), 0)
    assert answer is not None
    return answer


def swap(ledger: Ledger, expected: Message, new: Lease) -> Message | None:
    question = Message(Kind.SWAP, CLUSTER, bytes(16), 1, 0, expected.version, new)
    return ledger.answer(question, 0)


def test_a_swap_that_could_not_be_written_is_not_answered_and_changes_nothing(
    ledger: Ledger, tmp_path: Path
) -> None:
    before = read(ledger)
    shutil.rmtree(tmp_path)

    answer = swap(ledger, before, FIRST)

    assert answer is None
    assert read(ledger) == before


def test_a_repeated_swap_is_answered_like_the_first(ledger: Ledger) -> None:
    before = read(ledger)

    answers = [swap(ledger, before, FIRST), swap(ledger, before, FIRST)]

    assert [answer.kind for answer in answers if answer is not None] == [Kind.DONE, Kind.DONE]


def test_a_repeated_swap_is_not_taken_for_done_when_another_came_after_it(ledger: Ledger) -> None:
    before = read(ledger)
    swap(ledger, before, FIRST)
    swap(ledger, read(ledger), SECOND)

    answer = swap(ledger, before, FIRST)

    assert answer is not None
    assert (answer.kind, answer.lease) == (Kind.CHANGED, SECOND)


def test_an_answered_swap_is_on_disk_with_its_name(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        fsync(descriptor)
        done.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)

    monkeypatch.setattr(os, "fsync", noting)
    swap(ledger, read(ledger), FIRST)

    assert [name.rpartition(".")[2] for name in done] == ["new", tmp_path.name]
    assert grants.load(tmp_path / FILE) == {1: FIRST}


@pytest.mark.parametrize(
    "content",
    [b"", b"no checksum", b"\xff\xfe", b'0123456789abcdef {"format":1}\n', b"x" * 200_000],
)
def test_a_file_that_is_not_whole_counts_as_forgotten(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)

    with pytest.raises(grants.Forgotten):
        grants.load(tmp_path / FILE)


def test_a_source_that_asks_without_end_is_held_to_the_rate() -> None:
    limits = Limits()

    admitted = sum(limits.admit("10.0.0.1", n * SECOND_NS // 10_000) for n in range(50_000))

    assert admitted <= BURST + 5 * RATE_PER_S


def test_a_source_that_asks_without_end_takes_nothing_from_another() -> None:
    limits = Limits()
    for _ in range(10 * BURST):
        limits.admit("10.0.0.1", 0)

    assert limits.admit("10.0.0.2", 0)


def test_no_number_of_sources_takes_more_than_its_room() -> None:
    limits = Limits()

    for number in range(3 * MAX_SOURCES):
        limits.admit(f"source {number}", 0)

    assert len(limits._buckets) == MAX_SOURCES
