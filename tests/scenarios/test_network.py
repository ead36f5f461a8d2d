"""The service network and the addresses on it: lost, tampered with, claimed by others."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from hafw.core.settings import Timing
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.pair import Design
from hafw_sim.lab.topology import SECOND_VIP, VIP, VIP6, Lan
from tests.scenarios.scene import MS, PATIENCE_S, SECOND

if TYPE_CHECKING:
    from hafw_sim.lab.node import Node
    from tests.scenarios.conftest import Stage
    from tests.scenarios.scene import Address, Scene

PATIENT = Timing(
    keepalive_ns=100 * MS, warntime_ns=2 * SECOND, deadtime_ns=10 * SECOND, initdead_ns=20 * SECOND
)
AT_ONCE_S = 5.0  # half of the deadtime

ANNOUNCE = """
import sys
from ipaddress import ip_address
from hafw.net.frames import announcements
from hafw.net.packet import PacketSocket
with PacketSocket("eth0", 0) as lan:
    for packet in announcements(lan.mac, ip_address(sys.argv[1])):
        lan.send(packet)
"""
ANSWER_BACK = """
import select, sys, time
from ipaddress import ip_address
from hafw.net import bpf
from hafw.net.frames import ETH_P_ARP, announcements, parse_arp
from hafw.net.packet import PacketSocket
vip = ip_address(sys.argv[1])
end_s = time.monotonic() + float(sys.argv[2])
heard = 0
with PacketSocket("eth0", ETH_P_ARP, bpf.arp_about([vip])) as lan:
    def shout():
        for packet in announcements(lan.mac, vip):
            lan.send(packet)
    shout()
    while (left_s := end_s - time.monotonic()) > 0:
        select.select([lan], [], [], left_s)
        while (got := lan.receive()) is not None:
            if parse_arp(got[0]).sender_ip == vip:
                heard += 1
                shout()
print(heard)
"""


def announce(node: Node, vip: Address) -> None:
    """Say on the wire that this machine has the address, as a stray program would."""
    done = node.run([sys.executable, "-c", ANNOUNCE, str(vip)])
    assert done.returncode == 0, done.stderr


# --- the service network is lost ------------------------------------------------------------------


def test_an_owner_whose_cable_is_pulled_hands_over_at_once(stage: Stage) -> None:
    scene = stage(Design(timing=PATIENT))

    pulled_ns = scene.lab.cut_link("alpha", Lan.SERVICE)

    scene.watch.await_answer(VIP, pulled_ns, AT_ONCE_S, "beta")
    scene.owned_by("beta")
    scene.both_say("beta")
    scene.never_on_both()
    assert scene.group("beta")["certificate"] == "released"


def test_an_owner_that_sees_fewer_ping_nodes_hands_over(scene: Scene) -> None:
    cut_ns = scene.lab.cut_from_all("alpha", lan=Lan.SERVICE)

    scene.watch.await_answer(VIP, cut_ns, PATIENCE_S, "beta")
    scene.owned_by("beta")
    scene.both_say("beta")
    scene.never_on_both()
    assert scene.group("beta")["certificate"] == "released"


def test_a_pulled_cable_of_the_standby_moves_nothing_and_is_shown(scene: Scene) -> None:
    pulled_ns = scene.lab.cut_link("beta", Lan.SERVICE)

    assert scene.until_event("beta", "service.down") == "the service interface is down"
    scene.deadtimes_later(1.5, "alpha")
    scene.undisturbed("alpha", pulled_ns)
    assert "the service interface of group 1 is down here" in scene.warnings("beta")
    assert "beta could not take over group 1 now" in scene.warnings("alpha")


def test_a_cable_plugged_in_again_moves_nothing_back(stage: Stage) -> None:
    scene = stage(Design(timing=PATIENT))
    scene.lab.cut_link("alpha", Lan.SERVICE)
    scene.owned_by("beta")

    plugged_ns = scene.lab.plug_link("alpha", Lan.SERVICE)

    scene.until_event("alpha", "service.up")
    scene.pair.until(scene.pair.steady, "alpha to be ready again", PATIENCE_S)
    scene.watch.await_answer(VIP, plugged_ns + SECOND, PATIENCE_S, "beta")
    scene.undisturbed("beta", plugged_ns)
    scene.never_on_both()


def test_a_gateway_that_dies_moves_nothing(scene: Scene) -> None:
    crashed_ns = scene.lab.node("gateway").crash()

    scene.deadtimes_later(1.5, "alpha")
    scene.watch.await_owners(VIP, {"alpha"}, PATIENCE_S)
    assert {turn.machine for turn in scene.watch.turns(VIP, crashed_ns)} == {"alpha"}
    assert len(scene.watch.serving(VIP)["alpha"]) == 1


# --- others meddle with the address -------------------------------------------------------------


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["IPv4", "IPv6"])
def test_an_address_that_another_program_removes_is_put_back(stage: Stage, vip: Address) -> None:
    scene = stage(Design(vips=((vip,),)))

    removed_ns = scene.alpha.delete_address(f"{vip}/{vip.max_prefixlen}")

    scene.until_event("alpha", "vip.removed")
    scene.watch.await_answer(vip, removed_ns, PATIENCE_S, "alpha")
    scene.owned_by("alpha", vip)
    scene.never_on_both()


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["IPv4", "IPv6"])
def test_an_owner_announces_again_when_somebody_else_did(stage: Stage, vip: Address) -> None:
    scene = stage(Design(vips=((vip,),)))
    scene.watch.await_answer(vip, 0, PATIENCE_S, "alpha")

    announced_ns = now_ns()
    announce(scene.beta, vip)

    assert "announced our address" in scene.until_event("alpha", "vip.foreign")
    scene.watch.await_answer(vip, announced_ns, PATIENCE_S, "alpha")
    scene.owned_by("alpha", vip)
    scene.never_on_both()


def test_an_owner_and_a_rival_that_answers_it_do_not_fill_the_network(scene: Scene) -> None:
    answered_s = 0.5
    rival = scene.beta.run([sys.executable, "-c", ANSWER_BACK, str(VIP), str(answered_s)])

    assert rival.returncode == 0, rival.stderr
    assert 2 <= int(rival.stdout) < 50
    assert "somebody else announces an address" in scene.warnings("alpha")
    scene.owned_by("alpha")


def test_two_addresses_of_one_group_move_together(stage: Stage) -> None:
    scene = stage(Design(vips=((VIP, SECOND_VIP, VIP6),)))

    crashed_ns = scene.alpha.crash()

    for vip in scene.vips:
        scene.watch.await_answer(vip, crashed_ns, PATIENCE_S, "beta")
        scene.owned_by("beta", vip)
    scene.never_on_both()
