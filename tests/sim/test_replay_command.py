"""`hafw replay` prints what was noted, and tells whether the engine still agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hafw_sim.replay_command import replay
from tests.core.storms import Journals, storm

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module", name="journal")
def a_journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal directory of an agent that had a hard day."""
    directory = tmp_path_factory.mktemp("journal")
    journals = Journals()
    storm(5, journals.tap)
    for name, content in journals.files("alpha"):
        (directory / f"{name:0>6}.hafwj").write_bytes(content)
    return directory


def test_the_same_engine_agrees(journal: Path) -> None:
    done = CliRunner().invoke(replay, [str(journal)])

    assert done.exit_code == 0
    assert "same decisions" in done.stderr.splitlines()[-1]
    assert "group.active group 1: active, epoch" in done.stdout


def test_one_segment_can_be_replayed_alone(journal: Path) -> None:
    last = max(journal.iterdir())

    done = CliRunner().invoke(replay, [str(last), "--no-notes"])

    assert done.exit_code == 0
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("1 segments, ")


def test_a_difference_is_shown_and_ends_with_status_1(journal: Path, tmp_path: Path) -> None:
    first = min(journal.iterdir())
    changed = tmp_path / "changed.hafwj"
    changed.write_bytes(first.read_bytes().replace(b"group.active", b"group.asleep"))

    done = CliRunner().invoke(replay, [str(changed)])

    assert done.exit_code == 1
    assert "the journal says" in done.stderr


def test_what_is_no_journal_is_named(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("milk, bread\n")

    done = CliRunner().invoke(replay, [str(other)])

    assert done.exit_code == 1
    assert "notes.txt: this is no journal" in done.stderr


def test_a_directory_without_journal_is_a_usage_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(replay, [str(tmp_path)])

    assert done.exit_code == 2
    assert "holds no segment" in done.stderr
