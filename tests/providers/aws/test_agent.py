"""A real agent whose VIP is in a VPC: it takes it over with a person's word, and gives it back."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING, Any, Final

from hafw.config import Group, Vip
from hafw_sim.clouds.ec2 import Ec2, pair
from hafw_sim.clouds.ec2.server import served
from tests.agent.lone import Lone, lone
from tests.net.hosts import INTERFACE, isolated

if TYPE_CHECKING:
    from pathlib import Path

ALPHA, BETA = "eni-00000001", "eni-00000002"
VIP: Final = "10.0.1.50"


def in_a_vpc(scene: Lone) -> None:
    """Write the cluster file with the VIP on AWS."""
    vip = Vip(
        provider="aws",
        address=IPv4Interface(f"{VIP}/24"),
        interfaces=(INTERFACE, INTERFACE),
        options=(("eni", (ALPHA, BETA)), ("mover", "private-ip")),
    )
    group = Group(id=3, preferred=0, resources=(vip,))
    scene.write(replace(scene.cluster, groups=(group,)))


def group(scene: Lone) -> dict[str, Any]:
    found: dict[str, Any] = scene.status()["groups"][0]
    return found


@isolated
def test_an_agent_takes_a_vip_over_from_a_dead_peer_in_a_vpc(tmp_path: Path) -> None:
    ec2 = Ec2(pair())
    with lone(tmp_path) as scene, scene.alpha.entered(), served(ec2) as server:
        held = ec2.state.things.interfaces[BETA]
        ec2.state.put(0.0, replace(held, addresses=(VIP,)))
        in_a_vpc(scene)
        scene.start(**server.environment(ALPHA))
        scene.until(lambda: "cannot be asked in a VPC" in scene.warnings())  # by the worker
        blocked = scene.warnings(), ec2.state.things.holders(VIP)

        scene.ask("takeover", what="all", force=True, peer_is_off="beta", reason="seen")
        scene.until(lambda: group(scene)["state"] == "active")
        taken = ec2.state.things.holders(VIP)
        calls = [call for call in ec2.made if not call.startswith("Describe")]
        scene.ask("release")
        scene.until(lambda: not ec2.state.things.holders(VIP))

        assert blocked[1] == [BETA]
        assert "cannot be asked in a VPC" in blocked[0]
        assert taken == [ALPHA]
        assert calls[-2:] == ["UnassignPrivateIpAddresses", "AssignPrivateIpAddresses"]
