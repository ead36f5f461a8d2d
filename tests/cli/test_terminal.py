"""What only happens when a person sits at a terminal: a real pseudo-terminal, a real process."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from hafw.cli import wizard
from hafw.cli.choices import Choices, choice_options
from hafw.cli.detect import Gateway
from hafw.cli.wizard import Wizard
from hafw.config import Protection, parse
from hafw.config.render import render
from tests.cli.samples import status_result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw.config import Cluster
    from tests.cli.conftest import FakeAgent

DEADLINE_S = 30


class Terminal:
    """The person's end of a pseudo-terminal."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._descriptor = descriptor
        self.seen = b""

    def wait_for(self, text: str) -> None:
        """Read until the program has written this."""
        deadline_s = time.monotonic() + DEADLINE_S
        while text.encode() not in self.seen:
            ready, _, _ = select.select([self._descriptor], [], [], deadline_s - time.monotonic())
            assert ready, f"the program did not write {text!r}, but {self.seen[-500:]!r}"
            self.seen += os.read(self._descriptor, 65536)

    def type(self, text: str) -> None:
        """Type on the keyboard."""
        os.write(self._descriptor, text.encode())


@contextmanager
def terminal(run_dir: Path, *arguments: str) -> Iterator[Terminal]:
    """The program at a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": "80", "LINES": "40", "TERM": "xterm"}
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "hafw.cli.main", *arguments, "--run-dir", str(run_dir)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            # Whoever runs the tests in the background has Ctrl-C ignored, and so has its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        ) as process:
            os.close(theirs)
            try:
                yield Terminal(ours, process)
            finally:
                process.kill()
    finally:
        os.close(ours)


def test_a_person_is_asked_before_anything_moves(agent: FakeAgent) -> None:
    agent.says("standby", {}, "done")

    with terminal(agent.run_dir, "standby") as person:
        person.wait_for("Group 3 (10.1.1.113) moves from alpha to beta.")
        person.wait_for("Go on?")
        assert agent.heard("standby") == []
        person.type("y\n")
        person.wait_for("done")
        assert person.process.wait(timeout=DEADLINE_S) == 0


def test_a_person_who_declines_has_changed_nothing(agent: FakeAgent) -> None:
    with terminal(agent.run_dir, "release") as person:
        person.wait_for("Go on?")
        person.type("n\n")
        assert person.process.wait(timeout=DEADLINE_S) == 130

    assert agent.heard("release") == []


def test_watching_shows_what_changes_until_ctrl_c(agent: FakeAgent) -> None:
    with terminal(agent.run_dir, "status", "--watch") as person:
        person.wait_for("seen from alpha")
        changed = status_result() | {"warnings": [{"text": "the cluster files differ"}]}
        agent.says("status", changed)
        person.wait_for("the cluster files differ")
        person.process.send_signal(signal.SIGINT)
        assert person.process.wait(timeout=DEADLINE_S) == 130


def test_watching_outlives_the_agent(agent: FakeAgent) -> None:
    with terminal(agent.run_dir, "status", "--watch") as person:
        person.wait_for("seen from alpha")
        agent.sends_bytes("status", b"")
        person.wait_for("up without an answer")
        agent.says("status", status_result())
        person.seen = b""
        person.wait_for("seen from alpha")


def test_no_color_means_none(agent: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    with terminal(agent.run_dir, "status") as person:
        person.wait_for("reflects heartbeats")
        assert person.process.wait(timeout=DEADLINE_S) == 0

    assert b"\x1b[3" not in person.seen


# --- the wizard ------------------------------------------------------------------------------


@click.command()
@choice_options
def choose(*, choices: Choices) -> Choices:
    """What a command line without options gives."""
    return choices


@pytest.fixture(autouse=True)
def gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is 10.1.1.100, behind the gateway 10.1.1.1."""
    monkeypatch.setattr(wizard, "default_gateway", lambda: Gateway(IPv4Address("10.1.1.1"), "eth0"))
    monkeypatch.setattr(wizard, "address_towards", lambda _: IPv4Address("10.1.1.100"))


def asked(*options: str, answers: list[str]) -> Cluster:
    """What the wizard makes of these options and answers, read back as the agent would."""
    choices = choose.main([*options, "--name=store"], standalone_mode=False)
    with CliRunner().isolation(input="".join(f"{answer}\n" for answer in answers)):
        wanted = Wizard("alpha", interactive=True).complete(choices, Path("/etc/hafw/cluster.key"))
        return parse(render(wanted), "cluster.toml")


NODES = ["", "beta"]
LINK_1 = ["10.1.1.101", "", "", ""]
LINK_2 = ["10.2.2.101", "eth1", "10.2.2.100", ""]
VIP = ["10.1.1.111/24@eth0"]


def test_the_wizard_needs_only_what_the_machine_does_not_know() -> None:
    cluster = asked(answers=[*NODES, *LINK_1, "n", "", "n", "n", *VIP])

    assert cluster.nodes == ("alpha", "beta")
    assert [(end.interface, str(end.address)) for end in cluster.links[0].ends] == [
        ("eth0", "10.1.1.100"),
        ("eth0", "10.1.1.101"),
    ]
    assert [str(address) for address in cluster.ping.addresses] == ["10.1.1.1"]
    assert (cluster.ping.reflect, cluster.protection) == (None, None)


def test_the_wizard_takes_a_second_link() -> None:
    cluster = asked(answers=[*NODES, *LINK_1, "y", *LINK_2, "", "n", "n", *VIP])

    assert [str(end.address) for end in cluster.links[1].ends] == ["10.2.2.100", "10.2.2.101"]


def test_the_ping_node_reflects_only_by_the_operators_word() -> None:
    cluster = asked(answers=[*NODES, *LINK_1, "n", "", "y", *VIP])

    assert str(cluster.ping.reflect) == "10.1.1.1"


def test_best_effort_is_offered_where_nothing_reflects() -> None:
    cluster = asked(answers=[*NODES, *LINK_1, "n", "", "n", "y", *VIP])

    assert cluster.protection is Protection.BEST_EFFORT


def test_what_an_option_gave_is_not_asked_for() -> None:
    cluster = asked(
        "--nodes=beta,alpha",
        "--link=b0=10.1.1.101,a0=10.1.1.100",
        "--ping=10.1.1.2",
        "--reflect=10.1.1.2",
        "--vip=10.1.1.111/24@eth0",
        answers=[],
    )

    assert cluster.nodes == ("beta", "alpha")
    assert cluster.links[0].ends[0].interface == "b0"


def test_active_active_asks_for_two_vips() -> None:
    answers = [*NODES, *LINK_1, "n", "", "y", *VIP, "10.1.1.112/24@eth0"]

    cluster = asked("--mode=active-active", answers=answers)

    assert [group.preferred for group in cluster.groups] == [0, 1]
