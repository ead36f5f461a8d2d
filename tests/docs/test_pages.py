"""The documentation follows from the code, and leads nowhere that does not exist."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner

from hafw.cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = re.compile(r"`hafw ([a-z][a-z ]*[a-z])")


def ids(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_generated_parts_are_as_the_code_has_them(page: Path) -> None:
    filled = runpy.run_path(str(ROOT / "docs" / "generate.py"))["filled"]

    text = page.read_text()

    assert filled(text) == text, "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())

    missing = [
        link for link in links if not link.startswith("http") and not (page.parent / link).exists()
    ]

    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_that_are_named_exist(page: Path) -> None:
    named = {found.split()[0] for found in COMMAND.findall(page.read_text())}

    unknown = [
        name for name in sorted(named) if CliRunner().invoke(main, [name, "--help"]).exit_code != 0
    ]

    assert unknown == []


def test_every_decision_is_numbered_once() -> None:
    numbers = [path.name[:4] for path in sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))]

    assert numbers == [f"{number:04d}" for number in range(1, len(numbers) + 1)]
