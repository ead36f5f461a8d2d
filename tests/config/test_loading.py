from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafw.config import ConfigError, load, parse
from hafw.config.document import MAX_BYTES
from tests.config.samples import GOOD, changed, errors, read

if TYPE_CHECKING:
    from pathlib import Path


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        load(path)
    return str(refused.value)


def test_a_good_file_is_read_without_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"
    path.write_text(GOOD)

    cluster = load(path)

    assert cluster.warnings == ()
    assert cluster.nodes == ("alpha", "beta")
    assert [str(end.address) for link in cluster.links for end in link.ends] == [
        "10.1.1.100",
        "10.1.1.101",
        "10.2.2.100",
        "10.2.2.101",
    ]


def test_a_missing_file_names_the_command_that_writes_one(tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"

    assert refusal(path) == f"{path}:1: there is no such file; let `hafw create` write one"


def test_a_directory_is_refused_as_unreadable(tmp_path: Path) -> None:
    assert "cannot be read: is a directory" in refusal(tmp_path)


def test_a_file_that_is_no_text_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"
    path.write_bytes(b"[cluster]\nname = \xff\n")

    assert refusal(path) == f"{path}:2: is not UTF-8 text; save it as UTF-8"


def test_a_file_that_is_far_too_big_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))

    assert f"is larger than {MAX_BYTES} bytes" in refusal(path)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[cluster\nname = 1", "1: not TOML"),
        ('[cluster]\nname = "a"\nname = "b"', "3: not TOML"),
        ("[cluster]\nname = [1,", "2: not TOML"),
    ],
)
def test_a_syntax_error_names_its_line(text: str, where: str) -> None:
    assert errors(text)[0].startswith(where)


def test_a_syntax_error_does_not_say_the_line_twice() -> None:
    assert "(at" not in errors("[cluster")[0]


@given(st.text(max_size=200))
def test_whatever_the_file_contains_only_a_config_error_is_raised(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text, "cluster.toml")


@given(st.data())
def test_a_damaged_file_is_read_or_refused_but_never_breaks_the_reader(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOOD)))
    length = data.draw(st.integers(0, 40))
    noise = data.draw(st.text("[]{}=\"'#,.\n a1", max_size=6))

    with contextlib.suppress(ConfigError):
        read(GOOD[:start] + noise + GOOD[start + length :])


def test_a_node_is_found_by_its_name_whatever_the_case() -> None:
    assert read().node_number("BETA") == 1


def test_a_node_that_is_not_in_the_file_is_told_which_are() -> None:
    with pytest.raises(LookupError, match="its nodes are alpha and beta"):
        read().node_number("gamma")


def test_a_name_with_dots_is_quoted() -> None:
    cluster = read(GOOD.replace("alpha", '"alpha.example.net"').replace('""', '"'))

    assert cluster.nodes == ("alpha.example.net", "beta")


def test_the_ping_node_that_reflects_comes_first() -> None:
    cluster = read(changed('["10.1.1.1"]', '["10.1.1.2", "10.1.1.3", "10.1.1.1"]'))

    assert [str(address) for address in cluster.ping.addresses] == [
        "10.1.1.1",
        "10.1.1.2",
        "10.1.1.3",
    ]


def test_a_vip_may_have_another_interface_on_each_node() -> None:
    cluster = read(
        changed('interface = "eth0" },\n]', 'interface = { beta = "b0", alpha = "a0" } },\n]')
    )

    assert cluster.groups[0].vips[0].interfaces == ("a0", "b0")


def test_ipv6_is_as_good_as_ipv4() -> None:
    text = changed("10.1.1.111/24", "fd00:1::111/64")
    text = changed("10.2.2.100", "fd00:2::100", text)
    text = changed("10.2.2.101", "fd00:2::101", text)

    assert read(text).links[1].ends[1].address.version == 6
