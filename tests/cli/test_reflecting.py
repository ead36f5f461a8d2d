"""At the end of a join both nodes say whether the ping node reflects; each tries it by itself."""

from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import pytest

from hafw.cli import reflecting
from hafw.config import parse
from hafw_sim.lab.lab import Lab
from tests.config.samples import GOOD, changed
from tests.lab.helpers import until
from tests.net.hosts import INTERFACE, isolated, lan

if TYPE_CHECKING:
    from pathlib import Path

    from hafw_sim.lab.node import Node, Process

KEYS: Final = "1 " + 64 * "a" + "\n"
CREATE: Final = (
    "--nodes=alpha,beta",
    "--vip=10.1.1.111/24@eth0",
    "--link=eth1=10.2.2.100,eth1=10.2.2.101",
    "--link=eth0=10.1.1.100,eth0=10.1.1.101",
    "--ping=10.1.1.1",
    "--reflect=10.1.1.1",
    "--yes",
)
PRIVATE: Final = "for each in /etc /run /var/lib; do mount -t tmpfs none $each || exit 1; done"
JOIN: Final = re.compile(r"hafw join (\S+) --token (\S+)")


def start(node: Node, said: Path, *words: str) -> Process:
    """Type a command on a node that has its own files in the usual places."""
    assert node.run(["sh", "-c", PRIVATE]).returncode == 0
    return node.spawn([sys.executable, "-m", "hafw.cli.main", *words], stdout=said)


def joined(lab: Lab, directory: Path) -> dict[str, str]:
    """What `hafw create` on alpha and `hafw join` on beta say."""
    said = {name: directory / name for name in ("alpha", "beta")}
    creating = start(lab.node("alpha"), said["alpha"], "create", *CREATE)
    assert until(lambda: JOIN.search(said["alpha"].read_text()) is not None), said
    found = JOIN.search(said["alpha"].read_text())
    assert found is not None
    joining = start(lab.node("beta"), said["beta"], "join", found[1], "--token", found[2])
    ended = joining.wait(30), creating.wait(30)
    texts = {name: path.read_text() for name, path in said.items()}
    assert ended == (0, 0), texts
    return texts


def test_both_nodes_say_that_the_gateway_reflects(tmp_path: Path) -> None:
    with Lab() as lab:
        said = joined(lab, tmp_path)

    assert "10.1.1.1 reflects: what beta sends by way of it arrives here" in said["alpha"]
    assert "10.1.1.1 reflects: what alpha sends by way of it arrives here" in said["beta"]


def test_both_nodes_warn_where_a_switch_keeps_the_gateway_from_reflecting(tmp_path: Path) -> None:
    with Lab(gateway_reflects=False) as lab:
        said = joined(lab, tmp_path)

    assert "10.1.1.1 does not reflect: nothing of beta came" in said["alpha"]
    assert "10.1.1.1 does not reflect: nothing of alpha came" in said["beta"]
    assert "this node has joined" in said["beta"]


def test_without_a_ping_node_that_reflects_nothing_is_tried() -> None:
    cluster = parse(changed('reflect = "10.1.1.1"\n', ""), "cluster.toml")

    assert reflecting.verdict(cluster, 0, KEYS) == ""


@isolated
def test_a_ping_node_that_no_link_leads_to_is_not_tried() -> None:
    host, _gateway = lan(100, 1)
    with host.entered():
        said = reflecting.verdict(parse(GOOD.replace(INTERFACE, "eth7"), "it"), 0, KEYS)

    assert "not tried: no heartbeat link of the cluster file is on eth0, which leads to it" in said


def test_who_may_not_send_such_requests_is_referred_to_the_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forbidden(*_: object) -> bool:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(reflecting, "hears_peer", forbidden)

    said = reflecting.verdict(parse(GOOD, "it"), 0, KEYS)

    assert "not tried: Operation not permitted" in said
    assert "`hafw status` says it when both agents run" in said


@pytest.mark.parametrize(
    ("theirs", "heard"),
    [(KEYS, True), (KEYS.replace("a", "b"), False)],
    ids=["the same keys", "others"],
)
@isolated
def test_only_what_the_cluster_s_keys_vouch_for_proves_anything(
    theirs: str, *, heard: bool
) -> None:
    _gateway, *hosts = lan(1, 100, 101)
    cluster = parse(GOOD, "it")

    def tried(number: int) -> bool:
        with hosts[number].entered():
            return reflecting.hears_peer(cluster, number, (KEYS, theirs)[number])

    with ThreadPoolExecutor(2) as both:
        assert [*both.map(tried, (0, 1))] == [heard, heard]
