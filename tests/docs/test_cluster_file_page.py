"""docs/cluster-file.md names every key that the reader knows, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hafw.config import ConfigError
from hafw.config.disk_options import DISK_KEYS
from hafw.config.loading import parse
from hafw.config.vip_options import MOVER, VIP_KEYS

PAGE = Path(__file__).parents[2] / "docs" / "cluster-file.md"

HEADINGS = {
    "cluster": "[cluster]",
    "ping": "[ping]",
    "timing": "[timing]",
    "agent": "[agent]",
    "groups": "[[groups]]",
    "resources": 'Resources: `type = "vip"`',
    "disks": 'Resources: `type = "cloud-disk"`',
}


def documented(heading: str) -> set[str]:
    """The keys in the table below a heading of the page."""
    section = PAGE.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def known(section: str) -> set[str]:
    """The keys that the reader offers when it refuses one that it does not know."""
    wrong = "no_such_key_at_all = 1\n"
    text = {
        "groups": f"[[groups]]\n{wrong}",
        "resources": f'[[groups]]\nresources = [{{ type = "vip", {wrong.strip()} }}]\n',
        "disks": "[[groups]]\nresources = "
        f'[{{ type = "cloud-disk", provider = "aws", {wrong.strip()} }}]\n',
    }.get(section, f"[{section}]\n{wrong}")
    with pytest.raises(ConfigError) as refused:
        parse(text, "cluster.toml")
    line = next(line for line in str(refused.value).splitlines() if "no_such_key_at_all" in line)
    return set(re.findall(r'"(\w+)"', line.partition("; ")[2]))


@pytest.mark.parametrize("provider", VIP_KEYS)
def test_the_page_names_what_each_provider_needs(provider: str) -> None:
    keys = {name for mover in VIP_KEYS[provider].values() for name in mover}

    assert documented(f'Resources: a VIP with `provider = "{provider}"`') == keys | {MOVER}


@pytest.mark.parametrize("provider", DISK_KEYS)
def test_the_page_names_what_the_disks_of_each_provider_need(provider: str) -> None:
    heading = f'Resources: a disk with `provider = "{provider}"`'

    assert documented(heading) == set(DISK_KEYS[provider])


@pytest.mark.parametrize("section", HEADINGS)
def test_the_page_names_the_keys_that_exist(section: str) -> None:
    expected = known(section) - {"type", *(DISK_KEYS["aws"] if section == "disks" else ())}

    assert documented(HEADINGS[section]) == expected
