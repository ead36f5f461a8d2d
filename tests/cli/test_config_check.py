from __future__ import annotations

from typing import TYPE_CHECKING

from tests.config.samples import GOOD, changed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cluster.toml"
    path.write_text(text.replace("/etc/hafw/cluster.key", str(tmp_path / "cluster.key")))
    return path


def test_a_right_file_is_explained(tmp_path: Path, hafw: Callable[..., Result]) -> None:
    write(tmp_path, GOOD)
    key = tmp_path / "cluster.key"
    key.write_text("1 " + "ab" * 32)
    key.chmod(0o600)

    result = hafw("config", "check")

    assert result.exit_code == 0
    assert "store, active-passive: alpha and beta" in result.stdout
    assert "configuration hash " in result.stdout
    assert result.stderr == ""


def test_a_warning_goes_to_stderr_with_its_line(
    tmp_path: Path, hafw: Callable[..., Result]
) -> None:
    path = write(tmp_path, changed('initdead = "30s"', 'initdead = "19s"'))

    result = hafw("config", "check")

    assert result.exit_code == 0
    assert f"warning: {path}:27: timing.initdead: 19s is shorter" in result.stderr


def test_a_wrong_file_is_an_invalid_configuration(
    tmp_path: Path, hafw: Callable[..., Result]
) -> None:
    path = write(tmp_path, changed("port = 7410", "port = 0\ncolour = 1"))

    result = hafw("config", "check")

    assert result.exit_code == 9
    assert [line.partition(": ")[0] for line in result.stderr.splitlines()] == [
        f"{path}:4",
        f"{path}:5",
    ]
    assert result.stdout == ""


def test_a_key_file_that_others_can_read_is_found(
    tmp_path: Path, hafw: Callable[..., Result]
) -> None:
    write(tmp_path, GOOD)
    key = tmp_path / "cluster.key"
    key.write_text("1 " + "ab" * 32)
    key.chmod(0o644)

    result = hafw("config", "check")

    assert result.exit_code == 9
    assert f"run: chmod 600 {key}" in result.stderr


def test_a_missing_file_is_an_invalid_configuration(hafw: Callable[..., Result]) -> None:
    assert hafw("config", "check").exit_code == 9


def test_a_group_that_this_machine_does_not_have_is_a_warning(
    tmp_path: Path, hafw: Callable[..., Result]
) -> None:
    write(tmp_path, GOOD + '[agent]\ncontrol_group = "no-such-group"\n')

    result = hafw("config", "check")

    assert result.exit_code == 0
    assert 'there is no group "no-such-group" on this machine' in result.stderr
