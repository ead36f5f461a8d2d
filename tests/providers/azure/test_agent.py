"""A real agent whose VIP is behind Azure's load balancer, and the load balancer's own probes."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Interface
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from hafw.config import Group, Vip
from hafw.providers.azure.metadata import HOST_VARIABLE
from hafw_sim.clouds.arm import Arm, balancer, nic, vms
from hafw_sim.clouds.arm.probing import Prober
from hafw_sim.clouds.arm.server import served
from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION, config
from tests.agent.lone import ALPHA, BETA, Lone, lone
from tests.net.hosts import INTERFACE, VIP, ip4, isolated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw.hooks.hookspecs import VipOption
PORT: Final = 7450
EACH_S: Final = 0.3


@contextmanager
def balanced(directory: Path) -> Iterator[tuple[Lone, Prober]]:
    """An agent that may hold the VIP, and a load balancer that probes from elsewhere."""
    numbers = {"nic-a": ALPHA, "nic-b": BETA}
    nics = [nic(name, config("one", str(ip4(at)), primary=True)) for name, at in numbers.items()]
    arm = Arm((*nics, balancer("store-vip", str(VIP), nics, port=PORT)), vms())
    with lone(directory) as scene, scene.alpha.entered(), served(arm) as server:
        write(scene, server.endpoint)
        with scene.stranger.entered():
            prober = Prober(server, each_s=EACH_S)
        try:
            scene.start(**{HOST_VARIABLE: server.metadata_hosts["vm-a"]})
            scene.until(lambda: "cannot be asked in Azure's network" in scene.warnings())
            yield scene, prober
        finally:
            prober.close()


def write(scene: Lone, endpoint: str) -> None:
    """Write the cluster file with the VIP on Azure."""
    options: dict[str, VipOption] = {
        "endpoint": endpoint,
        "load_balancer": "store-vip",
        "mover": "load-balancer",
        "nic": ("nic-a", "nic-b"),
        "port": str(PORT),
        "resource_group": GROUP,
        "subscription": SUBSCRIPTION,
        "vm": ("vm-a", "vm-b"),
    }
    vip = Vip(
        provider="azure",
        address=IPv4Interface(f"{VIP}/24"),
        interfaces=(INTERFACE, INTERFACE),
        options=tuple(options.items()),
    )
    group = Group(id=3, preferred=0, resources=(vip,))
    scene.write(replace(scene.cluster, groups=(group,)))


def take_over(scene: Lone) -> None:
    scene.ask("takeover", what="all", force=True, peer_is_off="beta", reason="seen")


@isolated
def test_the_load_balancer_follows_whoever_takes_over_and_gives_up(tmp_path: Path) -> None:
    with balanced(tmp_path) as (scene, prober):
        before = prober.leads_to()
        take_over(scene)
        scene.until(lambda: prober.leads_to() == {"nic-a"})
        scene.ask("release")
        scene.until(lambda: prober.leads_to() == set())

    assert before == set()


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
@isolated
def test_the_load_balancer_leaves_a_holder_whose_agent_is_frozen_or_dead(
    tmp_path: Path, number: signal.Signals
) -> None:
    with balanced(tmp_path) as (scene, prober):
        take_over(scene)
        scene.until(lambda: prober.leads_to() == {"nic-a"})

        scene.signal(number)

        scene.until(lambda: prober.leads_to() == set())


@isolated
def test_one_whose_worker_was_killed_is_found_again(tmp_path: Path) -> None:
    with balanced(tmp_path) as (scene, prober):
        take_over(scene)
        scene.until(lambda: prober.leads_to() == {"nic-a"})
        before = scene.log().count("worker.up")
        os.kill(worker_of(scene), signal.SIGKILL)

        scene.until(lambda: scene.log().count("worker.up") > before)
        scene.until(lambda: answers(scene))


def answers(scene: Lone) -> bool:
    """Whether a check gets an answer at the port of alpha's own address."""
    with scene.stranger.entered():
        check = socket.socket()
    with check:
        check.settimeout(0.5)
        return check.connect_ex((str(ip4(ALPHA)), PORT)) == 0


def worker_of(scene: Lone) -> int:
    """The process that the agent started."""
    children = Path(f"/proc/{scene.pid}/task/{scene.pid}/children").read_text().split()
    (found,) = [
        int(child) for child in children if "worker" in Path(f"/proc/{child}/cmdline").read_text()
    ]
    return found
