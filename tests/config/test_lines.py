from __future__ import annotations

import string
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from hafw.config.lines import KeyPath, locate
from tests.config.samples import GOOD

EVERY_FORM = '''\
# a comment with = and [brackets]
plain = 1
"quoted.key" = "a # in a text"
'literal' = 'C:\\path'
dotted.inner = 2
date = 1979-05-27 07:32:00

[table]
list = [
  1, # one
  "two, with ] in it",
  [3, 4],
]
long = """
text = "not a key"
\\"""
"""
raw = \'\'\'
[neither]
\'\'\'
after = { a = 1, b = { c = "}" } }

[[array]]
x = 1

[[array]]
x = 2
[array.sub]
y = 3
'''


def test_every_form_of_a_key_is_found_on_its_line() -> None:
    tomllib.loads(EVERY_FORM)
    lines = locate(EVERY_FORM)

    expected: dict[KeyPath, int] = {
        ("plain",): 2,
        ("quoted.key",): 3,
        ("literal",): 4,
        ("dotted",): 5,
        ("dotted", "inner"): 5,
        ("date",): 6,
        ("table",): 8,
        ("table", "list"): 9,
        ("table", "list", 0): 10,
        ("table", "list", 1): 11,
        ("table", "list", 2, 1): 12,
        ("table", "long"): 14,
        ("table", "raw"): 18,
        ("table", "after"): 21,
        ("table", "after", "b", "c"): 21,
        ("array", 0, "x"): 24,
        ("array", 1, "x"): 27,
        ("array", 1, "sub", "y"): 29,
    }
    assert {path: lines.line(path) for path in expected} == expected


def test_a_missing_key_is_placed_where_its_table_begins() -> None:
    assert locate(GOOD).line(("timing", "forgotten")) == 23


def test_a_missing_table_is_placed_at_the_beginning_of_the_file() -> None:
    assert locate(GOOD).line(("nowhere", "at all")) == 1


scalars = st.one_of(
    st.integers(-1000, 1000),
    st.booleans(),
    st.text(string.printable.replace("\r", ""), max_size=12),
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@given(st.dictionaries(st.text(string.printable, min_size=1, max_size=6), values, max_size=6))
def test_any_keys_and_values_are_found_one_a_line(table: dict[str, object]) -> None:
    text = "".join(f"{_toml(key)} = {_toml(value)}\n" for key, value in table.items())
    assert tomllib.loads(text) == table

    lines = locate(text)

    assert [lines.line((key,)) for key in table] == list(range(1, len(table) + 1))


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\u{ord(character):04x}" for character in value) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value)
