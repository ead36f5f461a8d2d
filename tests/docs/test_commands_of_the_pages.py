"""Every command that README and the pages tell a reader to type does what they say."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hafw_sim.lab.lab import Lab
from tests.lab.helpers import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.lab.node import Node

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".venv" / "bin"
ENVIRONMENT = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
PRIVATE = "for each in /etc /run /var/lib; do mount -t tmpfs none $each || exit 1; done"


def typed(page: str) -> list[tuple[str, str]]:
    """The commands of a page's console blocks, in order: where (a node, or here), and what."""
    lines = "".join(CONSOLE.findall((ROOT / page).read_text())).splitlines()
    commands = [line.partition("$ ") for line in lines]
    return [(where, command) for where, _, command in commands]


@pytest.fixture(name="lab")
def a_lab_of_two_machines_with_their_own_files() -> Iterator[Lab]:
    with Lab() as lab:
        for name in ("alpha", "beta"):
            assert lab.node(name).run(["sh", "-c", PRIVATE]).returncode == 0
        yield lab


def create(node: Node, command: str, log: Path) -> str:
    """Type the first command; returns what it says the other node must type."""
    node.spawn(["sh", "-c", command], env=ENVIRONMENT, stdout=log)
    join = re.compile(r"hafw join \S+ --token \S+")
    assert until(lambda: join.search(log.read_text()) is not None), log.read_text()
    found = join.search(log.read_text())
    assert found is not None
    return found.group()


def test_readme_leads_to_a_running_pair(lab: Lab, tmp_path: Path) -> None:
    commands = [(where, command) for where, command in typed("README.md") if where]
    log = tmp_path / "create.log"
    log.touch()
    token = ""
    done: list[tuple[str, int, str]] = []

    for where, command in commands:
        node = lab.node(where)
        if command.startswith("hafw create"):
            token = create(node, command, log)
            continue
        if command.startswith("hafw join"):
            shape = re.sub(r"--token \S+", "--token TOKEN", token)
            assert command == shape
            command = token  # noqa: PLW2901 - the reader puts the token there too
        if command == "hafw status":  # a reader takes longer than the nodes need to meet
            until(lambda node=node: node.run(["hafw", "status"], env=ENVIRONMENT).returncode == 0)  # type: ignore[misc]
        result = node.run(["sh", "-c", command], env=ENVIRONMENT, timeout_s=60.0)
        done.append((command.split()[1], result.returncode, result.stdout + result.stderr))

    assert [verb for verb, code, _ in done if code != 0] == [], done
    said = {verb: text for verb, _, text in done}
    assert "protection reflected" in said["status"]
    assert "now on beta" in said["takeover"]
    assert "certificate released" in said["events"]
    for name in ("alpha", "beta"):
        lab.node(name).run(["hafw", "stop"], env=ENVIRONMENT, timeout_s=60.0)


def test_readmes_two_commands_are_targets_of_make() -> None:
    targets = [command for where, command in typed("README.md") if not where]

    for command in targets:
        done = subprocess.run(
            [*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr

    assert targets == ["make demo", "make test"]


def test_the_lab_commands_of_the_testing_page_work() -> None:
    commands = [command for _, command in typed("docs/testing.md") if command.startswith("hafw")]
    environment = ENVIRONMENT | {"LC_ALL": "C.UTF-8"}

    try:
        results = [
            subprocess.run(
                command.replace("hafw lab", "hafw lab --name documented").split(),
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            for command in commands
        ]
    finally:
        subprocess.run(
            [BIN / "hafw", "lab", "--name", "documented", "down"], capture_output=True, check=False
        )

    assert [result.stderr for result in results if result.returncode != 0] == []
    assert results[2].stdout.strip() == "alpha"
