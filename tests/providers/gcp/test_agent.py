"""A real agent whose VIP is in Google's cloud: taken with a person's word, and given back."""

from __future__ import annotations

import signal
import socket
from dataclasses import replace
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING, Any, Final

import pytest

from hafw.config import Group, Vip
from hafw.providers.gcp.metadata import HOST_VARIABLE
from hafw_sim.clouds.gce import Gce, pair
from hafw_sim.clouds.gce.server import served
from tests.agent.lone import Lone, lone
from tests.net.hosts import INTERFACE, VIP, isolated
from tests.providers.gcp.clouds import AliasRange, StaticRoute

if TYPE_CHECKING:
    from pathlib import Path

ADDRESSES: Final = {"alias-ip": "10.0.0.50", "route": "192.168.50.50"}
PORT: Final = 7450
Options = dict[str, str | tuple[str, ...]]
CLOUDS: Final = {"alias-ip": AliasRange, "route": StaticRoute}


def called(mover: str, endpoint: str) -> Options:
    """The keys of a mover that makes calls."""
    return {
        "endpoint": endpoint,
        "instance": ("vm-a", "vm-b"),
        "mover": mover,
        "project": "my-project",
        "zone": ("europe-west1-b", "europe-west1-c"),
    }


def write(scene: Lone, address: str, options: Options) -> None:
    """Write the cluster file with the VIP on Google Cloud."""
    vip = Vip(
        provider="gcp",
        address=IPv4Interface(f"{address}/24"),
        interfaces=(INTERFACE, INTERFACE),
        options=tuple(options.items()),
    )
    group = Group(id=3, preferred=0, resources=(vip,))
    scene.write(replace(scene.cluster, groups=(group,)))


def healthy(scene: Lone) -> bool:
    """Does a load balancer get an answer at the VIP?"""
    with scene.stranger.entered():
        probe = socket.socket()
    with probe:
        probe.settimeout(0.5)
        return probe.connect_ex((str(VIP), PORT)) == 0


def group(scene: Lone) -> dict[str, Any]:
    found: dict[str, Any] = scene.status()["groups"][0]
    return found


@pytest.mark.parametrize("mover", CLOUDS)
@isolated
def test_an_agent_takes_a_vip_over_from_a_dead_peer(tmp_path: Path, mover: str) -> None:
    gce = Gce("my-project", pair())
    with lone(tmp_path) as scene, scene.alpha.entered(), served(gce) as server:
        cloud = CLOUDS[mover](server, ADDRESSES[mover])
        cloud.give_to("beta")
        write(scene, ADDRESSES[mover], called(mover, server.endpoint))
        scene.start(**{HOST_VARIABLE: server.metadata_hosts["vm-a"]})
        scene.until(lambda: "cannot be asked in Google's network" in scene.warnings())
        blocked = group(scene)["state"], cloud.leads_to()

        scene.ask("takeover", what="all", force=True, peer_is_off="beta", reason="seen")
        scene.until(lambda: group(scene)["state"] == "active")
        taken = cloud.leads_to()
        scene.ask("release")
        scene.until(lambda: "alpha" not in cloud.leads_to())

        assert blocked == ("blocked", {"beta"})
        assert taken == {"alpha"}


@isolated
def test_a_holder_whose_agent_is_frozen_fails_its_health_checks(tmp_path: Path) -> None:
    with lone(tmp_path) as scene, scene.alpha.entered():
        write(scene, str(VIP), {"mover": "health-check", "port": str(PORT)})
        scene.start()
        scene.until(lambda: "cannot be asked in Google's network" in scene.warnings())
        before = healthy(scene)
        scene.ask("takeover", what="all", force=True, peer_is_off="beta", reason="seen")
        scene.until(lambda: healthy(scene))

        scene.signal(signal.SIGSTOP)
        scene.until(lambda: not healthy(scene))
        scene.signal(signal.SIGCONT)

        assert not before
