"""Every piece of a cluster file in the pages is TOML that a reader may copy."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = [
    (page, number, block)
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    for number, block in enumerate(re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL), 1)
]


@pytest.mark.parametrize(
    "block",
    [block for _, _, block in BLOCKS],
    ids=[f"{page.name}-{number}" for page, number, _ in BLOCKS],
)
def test_it_is_toml(block: str) -> None:
    assert tomllib.loads(block)
