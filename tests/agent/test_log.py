"""The log holds nobody up: not when nobody reads it, nor when it is gone."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from hafw.agent import log

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """A pipe in place of standard error, and nothing lost so far."""
    reader, writer = os.pipe()
    monkeypatch.setattr(log, "_STDERR", writer)
    monkeypatch.setattr(log, "_lost", 0)
    os.set_blocking(reader, False)
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            continue


def read(reader: int) -> str:
    """All that waits."""
    found = b""
    while True:
        try:
            part = os.read(reader, 65_536)
        except BlockingIOError:
            return found.decode()
        if not part:
            return found.decode()
        found += part


def test_an_event_is_one_line_of_json(pipe: tuple[int, int]) -> None:
    log.event({"name": "group.active", "text": "active, epoch 7\n…", "group": 3})

    line = read(pipe[0])

    assert line.count("\n") == 1
    assert json.loads(line)["text"] == "active, epoch 7\n…"


def test_where_nobody_reads_lines_are_lost_and_the_agent_goes_on(pipe: tuple[int, int]) -> None:
    for number in range(2_000):
        log.text(f"{number}: " + "x" * 100)

    before = read(pipe[0])
    log.text("somebody reads again")
    after = read(pipe[0])

    kept = before.count("\n")
    assert 0 < kept < 2_000
    assert f"({2_000 - kept} lines of this log are lost" in after
    assert after.endswith("somebody reads again\n")


def test_what_was_lost_is_said_once(pipe: tuple[int, int]) -> None:
    for _ in range(2_000):
        log.text("x" * 100)
    read(pipe[0])
    log.text("first")
    read(pipe[0])

    log.text("second")

    assert read(pipe[0]) == "second\n"


def test_a_log_that_is_gone_harms_nobody(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])

    log.text("into the void")


def test_odd_letters_are_written_somehow(pipe: tuple[int, int]) -> None:
    log.text("caf\udce9")

    assert read(pipe[0]) == "caf?\n"
