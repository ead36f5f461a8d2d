from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.config import ConfigError, Key, load_keys
from hafw.config.keys import MAX_KEYS, new_key, render_keys

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "00112233445566778899aabbccddeeff" * 2


def key_file(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "cluster.key"
    path.write_text(text)
    path.chmod(mode)
    return path


def refusal(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load_keys(path)
    return [str(problem).removeprefix(f"{path}:") for problem in refused.value.problems]


def test_the_first_key_signs_and_all_verify(tmp_path: Path) -> None:
    path = key_file(tmp_path, f"# rotated in March\n2 {SECRET}\n\n1 {SECRET.upper()}  # old\n")

    assert load_keys(path) == (Key(2, bytes.fromhex(SECRET)), Key(1, bytes.fromhex(SECRET)))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601])
def test_a_key_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, f"1 {SECRET}\n", mode)

    assert refusal(path) == [
        f"1: has mode {mode:04o}, so others than its owner can use it; run: chmod 600 {path}"
    ]


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_file_of_its_owner_alone_is_accepted(tmp_path: Path, mode: int) -> None:
    assert load_keys(key_file(tmp_path, f"1 {SECRET}\n", mode))


def test_every_wrong_line_is_reported(tmp_path: Path) -> None:
    path = key_file(
        tmp_path, f"0 {SECRET}\n1 {SECRET[:-1]}\n256 {SECRET}\n3 {SECRET}\n3 {SECRET}\n"
    )

    assert [line.partition(":")[0] for line in refusal(path)] == ["1", "2", "3", "5"]


def test_a_key_file_without_a_key_is_refused(tmp_path: Path) -> None:
    assert refusal(key_file(tmp_path, "# nothing\n")) == [
        f"1: there are 0 keys; keep from 1 to {MAX_KEYS}"
    ]


def test_a_missing_key_file_says_where_to_get_one(tmp_path: Path) -> None:
    assert "copy it from the other node" in refusal(tmp_path / "cluster.key")[0]


def test_a_fresh_key_reads_back_and_shows_itself_nowhere(tmp_path: Path) -> None:
    key = new_key()

    assert load_keys(key_file(tmp_path, render_keys((key,)))) == (key,)
    assert key.secret.hex() not in repr(key)
    assert new_key() != key
