"""Frames that the lab holds back come late, whole and all, whatever they are."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import pytest

from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.connection import LabError
from hafw_sim.lab.files import contents, memory_file
from hafw_sim.lab.lab import Lab
from hafw_sim.lab.relay import Held
from hafw_sim.lab.topology import VIP, VIP6, Lan
from tests.lab.helpers import python, silent, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from ipaddress import IPv4Address, IPv6Address

    from hafw_sim.lab.node import Node

MS = 1_000_000
DELAY_NS = 150 * MS
FOR_EVER_NS = 60_000 * MS


@pytest.fixture(scope="module", name="standing")
def a_standing_lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture(name="lab")
def a_whole_lab(standing: Lab) -> Iterator[Lab]:
    yield standing
    standing.heal()


ASK = """
import socket, sys
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.responder import ANSWER, PORT, QUESTION
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
asker = socket.socket(family, socket.SOCK_DGRAM)
asker.settimeout(10)
asker.connect((sys.argv[1], PORT))
there, back = [], []
for _ in range(2):  # the machine may be busy once
    asker.send(QUESTION.pack(now_ns()))
    sent_ns, answered_ns, _ = ANSWER.unpack(asker.recv(ANSWER.size))
    there.append(answered_ns - sent_ns)
    back.append(now_ns() - answered_ns)
print(min(there), min(back))
"""


def there_and_back_ns(node: Node, address: str) -> tuple[int, int]:
    """How long a question to an address takes at the least, and the answer."""
    there, back = python(node, ASK, address).split()
    return int(there), int(back)


# -- who is late -------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["10.1.1.101", "fd00:1::101", "10.2.2.101"])
def test_a_delay_between_two_nodes_holds_back_both_directions(lab: Lab, address: str) -> None:
    lab.delay(DELAY_NS, "alpha", "beta")

    assert min(there_and_back_ns(lab.node("alpha"), address)) >= DELAY_NS


def test_a_delay_one_way_holds_back_one_direction(lab: Lab) -> None:
    lab.delay(DELAY_NS, "alpha", "beta", one_way=True)

    there_ns, back_ns = there_and_back_ns(lab.node("alpha"), "10.1.1.101")

    assert there_ns >= DELAY_NS > back_ns


def test_a_delay_concerns_two_machines_on_one_network_and_nobody_else(lab: Lab) -> None:
    lab.delay(FOR_EVER_NS, "alpha", "beta", lan=Lan.SERVICE)

    assert silent(lab.node("alpha"), "10.1.1.101")
    assert lab.node("alpha").who_answers("10.2.2.101") == "beta"
    assert lab.node("alpha").who_answers("10.1.1.1") == "gateway"
    assert lab.node("client").who_answers("10.1.1.101") == "beta"


def test_two_nodes_may_be_late_at_a_third_by_different_times(lab: Lab) -> None:
    lab.delay(DELAY_NS, "alpha", "gateway", one_way=True)
    lab.delay(3 * DELAY_NS, "beta", "gateway", one_way=True)

    alpha_ns, _ = there_and_back_ns(lab.node("alpha"), "10.1.1.1")
    beta_ns, _ = there_and_back_ns(lab.node("beta"), "10.1.1.1")

    assert 3 * DELAY_NS > alpha_ns >= DELAY_NS
    assert beta_ns >= 3 * DELAY_NS


def test_a_changed_delay_holds_from_then_on_and_none_ends_it(lab: Lab) -> None:
    alpha = lab.node("alpha")
    lab.delay(FOR_EVER_NS, "alpha", "beta")

    lab.delay(DELAY_NS, "alpha", "beta")
    shorter_ns = there_and_back_ns(alpha, "10.1.1.101")
    lab.delay(0, "alpha", "beta")

    assert min(shorter_ns) >= DELAY_NS
    assert sum(there_and_back_ns(alpha, "10.1.1.101")) < DELAY_NS
    assert lab.describe().delays == ()


# -- what is late ------------------------------------------------------------------------------

HEAR_ANNOUNCEMENT = """
import select, sys
from ipaddress import ip_address
from hafw.net import bpf, frames
from hafw.net.packet import PacketSocket
from hafw_sim.lab.clock import now_ns
vip = ip_address(sys.argv[1])
if vip.version == 4:
    kind, parse, of_whom = frames.ETH_P_ARP, frames.parse_arp, lambda arp: arp.sender_ip
else:
    kind, parse, of_whom = frames.ETH_P_IPV6, frames.parse_discovery, lambda told: told.target
with PacketSocket("eth0", kind) as lan:
    print("listening", flush=True)
    while True:
        select.select([lan], [], [], 10)
        told = parse(lan.receive()[0])
        if told is not None and of_whom(told) == vip:
            break
print(now_ns(), flush=True)
"""
ANNOUNCE = """
import sys
from ipaddress import ip_address
from hafw.net.frames import announcements
from hafw.net.packet import PacketSocket
from hafw_sim.lab.clock import now_ns
print(now_ns())
vip = ip_address(sys.argv[1])
with PacketSocket("eth0", 0) as lan:
    for packet in announcements(lan.mac, vip):
        lan.send(packet)
"""


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ARP", "neighbour discovery"])
def test_an_announcement_to_all_is_late_where_it_is_held_back(
    lab: Lab, vip: IPv4Address | IPv6Address
) -> None:
    lab.delay(DELAY_NS, "alpha", "client")
    with (
        program(lab.node("client"), HEAR_ANNOUNCEMENT, str(vip)) as client,
        program(lab.node("beta"), HEAR_ANNOUNCEMENT, str(vip)) as beta,
    ):
        assert until(lambda: (client(), beta()) == ("listening", "listening"))

        said_ns = int(python(lab.node("alpha"), ANNOUNCE, str(vip)))

        assert until(lambda: client() != "listening" != beta())
        assert int(client()) - said_ns >= DELAY_NS
        assert int(client()) > int(beta())


HEAR_REFLECTION = """
import select
from hafw.net.bpf import echo_replies4
from hafw.net.frames import ETH_P_IP, parse_echo_reply
from hafw.net.packet import PacketSocket
from hafw_sim.lab.clock import now_ns
with PacketSocket("eth0", ETH_P_IP, echo_replies4()) as lan:
    print("listening", flush=True)
    select.select([lan], [], [], 10)
    assert parse_echo_reply(lan.receive()[0]).payload == b"from alpha"
print(now_ns(), flush=True)
"""
REFLECT = """
from ipaddress import IPv4Address
from hafw.net.frames import echo_request
from hafw.net.packet import IpSocket
from hafw_sim.lab.clock import now_ns
peer, gateway = IPv4Address("10.1.1.101"), IPv4Address("10.1.1.1")
print(now_ns())
with IpSocket("eth0", 4) as lan:
    lan.send(echo_request(peer, gateway, 1, 1, b"from alpha"), gateway)
"""


def test_a_heartbeat_that_the_gateway_reflects_is_late_by_both_ways(lab: Lab) -> None:
    lab.delay(DELAY_NS, "alpha", "gateway")
    lab.delay(DELAY_NS, "beta", "gateway")
    with program(lab.node("beta"), HEAR_REFLECTION) as beta:
        assert until(lambda: beta() == "listening")

        said_ns = int(python(lab.node("alpha"), REFLECT))

        assert until(lambda: beta() != "listening")
        assert int(beta()) - said_ns >= 2 * DELAY_NS


@contextlib.contextmanager
def program(node: Node, text: str, *words: str) -> Iterator[Callable[[], str]]:
    """Run a program on a machine; gives the last line that it has said so far."""
    with memory_file("said") as said:
        process = node.spawn([sys.executable, "-c", text, *words], stdout=said)
        yield lambda: contents(said).decode().strip().rpartition("\n")[2]
        process.kill()


COUNT = """
import hashlib, socket
listener = socket.create_server(("10.1.1.101", 9000))
print("listening", flush=True)
sender, _ = listener.accept()
heard = hashlib.sha256()
while data := sender.recv(65536):
    heard.update(data)
print(heard.hexdigest(), flush=True)
"""
SEND_MUCH = """
import hashlib, random, socket
much = random.Random(1).randbytes(3_000_000)
with socket.create_connection(("10.1.1.101", 9000)) as receiver:
    receiver.sendall(much)
print(hashlib.sha256(much).hexdigest())
"""


def test_a_long_stream_arrives_whole_though_its_segments_are_cut_on_the_way(lab: Lab) -> None:
    lab.delay(5 * MS, "alpha", "beta")
    with program(lab.node("beta"), COUNT) as beta:
        assert until(lambda: beta() == "listening")

        sent = python(lab.node("alpha"), SEND_MUCH)

        assert until(lambda: beta() == sent)


COUNT_UP = """
import socket
outbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
outbox.connect(("10.1.1.101", 9000))
for number in range(200):
    outbox.send(number.to_bytes(4))
"""
WRITE_DOWN = """
import socket
inbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
inbox.bind(("", 9000))
print("listening", flush=True)
print(*(int.from_bytes(inbox.recv(4)) for _ in range(200)), flush=True)
"""


def test_with_jitter_frames_overtake_each_other_and_none_is_lost(lab: Lab) -> None:
    alpha = lab.node("alpha")
    assert alpha.who_answers("10.1.1.101") == "beta"  # the neighbour's queue holds a few only
    lab.delay(50 * MS, "alpha", "beta", jitter_ns=50 * MS)
    with program(lab.node("beta"), WRITE_DOWN) as beta:
        assert until(lambda: beta() == "listening")

        python(alpha, COUNT_UP)

        assert until(lambda: beta() != "listening")
        heard = [int(number) for number in beta().split()]

    assert sorted(heard) == [*range(200)]
    assert heard != sorted(heard)


def test_without_jitter_none_overtakes_another(lab: Lab) -> None:
    alpha = lab.node("alpha")
    assert alpha.who_answers("10.1.1.101") == "beta"
    lab.delay(50 * MS, "alpha", "beta")
    with program(lab.node("beta"), WRITE_DOWN) as beta:
        assert until(lambda: beta() == "listening")

        python(alpha, COUNT_UP)

        assert until(lambda: beta() != "listening")
        assert [int(number) for number in beta().split()] == [*range(200)]


def test_more_than_can_be_held_is_lost() -> None:
    held = Held(bytes_max=10)

    for due_ns, frame in ((3, b"three"), (1, b"one"), (2, b"two more"), (0, b"0")):
        held.put(due_ns, frame)

    assert held.next_ns() == 0
    assert list(held.take(1)) == [b"0", b"one"]
    assert list(held.take(None)) == [b"three"]
    assert held.next_ns() is None


def test_what_was_taken_leaves_room_for_more() -> None:
    held = Held(bytes_max=4)
    for number in range(3):
        held.put(number, b"four")

        assert list(held.take(number)) == [b"four"]


# -- together with other faults ----------------------------------------------------------------


def test_what_is_cut_is_not_late_but_lost(lab: Lab) -> None:
    lab.delay(1 * MS, "alpha", "beta")

    lab.cut("alpha", "beta")

    assert silent(lab.node("alpha"), "10.1.1.101")


def test_a_gateway_that_does_not_reflect_does_not_do_it_late_either() -> None:
    with Lab(gateway_reflects=False) as lab, program(lab.node("beta"), HEAR_REFLECTION) as beta:
        lab.delay(1 * MS, "alpha", "gateway")
        lab.delay(1 * MS, "beta", "gateway")
        assert until(lambda: beta() == "listening")

        python(lab.node("alpha"), REFLECT)
        there_ns, back_ns = there_and_back_ns(lab.node("alpha"), "10.1.1.1")  # the same way, later

        assert min(there_ns, back_ns) >= 1 * MS
        assert beta() == "listening"


def test_what_is_held_arrives_at_once_when_all_is_healed(lab: Lab) -> None:
    alpha = lab.node("alpha")
    assert alpha.who_answers("10.1.1.101") == "beta"
    with program(lab.node("beta"), WRITE_DOWN) as beta:
        assert until(lambda: beta() == "listening")
        lab.delay(FOR_EVER_NS, "alpha", "beta")
        python(alpha, COUNT_UP)
        began_ns = now_ns()

        lab.heal()

        assert until(lambda: beta() != "listening")
        assert now_ns() - began_ns < FOR_EVER_NS


def test_a_delay_outlasts_a_crash_and_a_pulled_cable(lab: Lab) -> None:
    alpha, beta = lab.node("alpha"), lab.node("beta")
    lab.delay(DELAY_NS, "alpha", "beta")
    beta.crash()
    lab.cut_link("alpha", Lan.SERVICE)

    beta.boot()
    lab.plug_link("alpha", Lan.SERVICE)

    assert until(lambda: alpha.who_answers("10.1.1.101") == "beta")
    assert min(there_and_back_ns(alpha, "10.1.1.101")) >= DELAY_NS


def test_a_delay_may_be_set_for_a_crashed_machine(lab: Lab) -> None:
    alpha, beta = lab.node("alpha"), lab.node("beta")
    beta.crash()

    lab.delay(DELAY_NS, "alpha", "beta", one_way=True)
    beta.boot()

    there_ns, back_ns = there_and_back_ns(alpha, "10.1.1.101")
    assert there_ns >= DELAY_NS > back_ns


# -- what it costs -----------------------------------------------------------------------------


def test_nothing_is_there_before_the_first_delay_and_after_the_last(lab: Lab) -> None:
    before = beside_the_bridges(lab)
    lab.delay(DELAY_NS, "alpha", "beta")
    during = beside_the_bridges(lab)

    lab.heal()

    assert "/comm" in during
    assert "/comm" not in before
    assert beside_the_bridges(lab) == before


def beside_the_bridges(lab: Lab) -> str:
    """The network interfaces and the relays there are."""
    with memory_file("seen") as seen:
        look = "ls /sys/class/net; grep -lx hafw-lab-relay /proc/[0-9]*/comm; true"
        assert lab.spawn(None, ["sh", "-c", look], stdout=seen).wait(5) == 0
        return contents(seen).decode()


KILL_THE_RELAYS = "kill -9 $(grep -lx hafw-lab-relay /proc/*/comm | cut -d/ -f3)"


def test_a_relay_that_is_gone_is_told_and_healed(lab: Lab) -> None:
    alpha = lab.node("alpha")
    lab.delay(DELAY_NS, "alpha", "beta")
    assert lab.spawn(None, ["sh", "-c", KILL_THE_RELAYS]).wait(5) == 0

    with pytest.raises(LabError, match=r"holds frames back at .* is gone"):
        lab.delay(2 * DELAY_NS, "alpha", "beta")
    lab.heal()

    assert until(lambda: alpha.who_answers("10.1.1.101") == "beta")


def test_a_jitter_that_is_longer_than_the_delay_is_refused(lab: Lab) -> None:
    with pytest.raises(ValueError, match="between 0 and the delay"):
        lab.delay(1 * MS, "alpha", "beta", jitter_ns=2 * MS)
