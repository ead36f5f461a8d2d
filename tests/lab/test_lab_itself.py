"""The lab does to its machines what it says, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hafw_sim.lab.connection import LabError
from hafw_sim.lab.files import contents, memory_file
from hafw_sim.lab.lab import Lab
from hafw_sim.lab.topology import Lan
from tests.lab.helpers import python, silent, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hafw_sim.lab.node import Node


@pytest.fixture(name="lab")
def a_lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


# -- machines and networks -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "owner"),
    [
        ("10.1.1.1", "gateway"),
        ("fd00:1::1", "gateway"),
        ("10.1.1.50", "client"),
        ("10.1.1.101", "beta"),
        ("fd00:1::101", "beta"),
        ("10.2.2.101", "beta"),
    ],
)
def test_a_node_reaches_every_machine_on_its_networks(lab: Lab, address: str, owner: str) -> None:
    assert lab.node("alpha").who_answers(address) == owner


def test_the_client_is_not_on_the_heartbeat_network(lab: Lab) -> None:
    assert silent(lab.node("client"), "10.2.2.100")


def test_a_machine_is_called_by_its_name(lab: Lab) -> None:
    names = [
        python(lab.node(name), "print(__import__('os').uname().nodename)")
        for name in ("alpha", "beta", "gateway", "client")
    ]

    assert names == ["alpha", "beta", "gateway", "client"]


def test_a_machine_sees_its_own_processes_and_network_cards_only(lab: Lab) -> None:
    alpha = lab.node("alpha")

    processes = python(
        alpha, "import os; print(*(p for p in os.listdir('/proc') if p.isdecimal()))"
    )
    cards = python(alpha, "import os; print(*sorted(os.listdir('/sys/class/net')))")

    assert processes.split()[0] == "1"
    assert len(processes.split()) == 2
    assert cards == "eth0 eth1 lo"


GATEWAYS = "from hafw.net.rtnetlink import Rtnl; print(*Rtnl().default_gateways())"


def test_the_gateway_is_everybodys_default_route(lab: Lab) -> None:
    assert python(lab.node("beta"), GATEWAYS) == "10.1.1.1 fd00:1::1"


def test_a_program_that_does_not_exist_is_named_in_the_error(lab: Lab) -> None:
    with pytest.raises(LabError, match="no-such-program"):
        lab.node("alpha").spawn(["no-such-program"])


def test_output_and_exit_status_of_a_program_come_back(lab: Lab) -> None:
    done = lab.node("beta").run(["sh", "-c", "echo said; echo wrong >&2; exit 3"])

    assert (done.stdout, done.stderr, done.returncode) == ("said\n", "wrong\n", 3)


def test_a_program_that_takes_too_long_is_killed(lab: Lab) -> None:
    alpha = lab.node("alpha")

    with pytest.raises(TimeoutError, match="sleep"):
        alpha.run(["sleep", "600"], timeout_s=0.05)

    assert until(lambda: "sleep" not in states(alpha))


# -- faults ----------------------------------------------------------------------------------


def test_a_cut_parts_two_nodes_and_nothing_else_until_healed(lab: Lab) -> None:
    alpha = lab.node("alpha")

    lab.cut("alpha", "beta")

    assert silent(alpha, "10.1.1.101")
    assert silent(alpha, "fd00:1::101")
    assert silent(alpha, "10.2.2.101")
    assert alpha.who_answers("10.1.1.1") == "gateway"
    assert lab.node("client").who_answers("10.1.1.101") == "beta"

    lab.heal()

    assert until(lambda: alpha.who_answers("10.1.1.101") == "beta")
    assert until(lambda: alpha.who_answers("10.2.2.101") == "beta")


def test_a_cut_may_concern_one_network_only(lab: Lab) -> None:
    lab.cut("alpha", "beta", lan=Lan.HEARTBEAT)

    assert silent(lab.node("alpha"), "10.2.2.101")
    assert lab.node("alpha").who_answers("10.1.1.101") == "beta"


LISTEN = """
import socket
inbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
inbox.bind(("", 9000))
inbox.settimeout(10)
print("listening", flush=True)
print(inbox.recv(100).decode(), flush=True)
"""
SAY = """
import socket, sys
outbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
outbox.sendto(sys.argv[2].encode(), (sys.argv[1], 9000))
"""


def test_a_one_way_cut_stops_one_direction(lab: Lab) -> None:
    alpha, beta = lab.node("alpha"), lab.node("beta")
    assert alpha.who_answers("10.1.1.101") == "beta"  # now both know each other's hardware address
    with listening(alpha) as heard_by_alpha, listening(beta) as heard_by_beta:
        lab.cut("alpha", "beta", one_way=True)
        python(alpha, SAY, "10.1.1.101", "lost")
        python(beta, SAY, "10.1.1.100", "there")
        assert until(lambda: heard_by_alpha() == "there")

        lab.heal()
        python(alpha, SAY, "10.1.1.101", "after healing")

        assert until(lambda: heard_by_beta() == "after healing")


@contextlib.contextmanager
def listening(node: Node) -> Iterator[Callable[[], str]]:
    """Listen on a machine for one datagram; gives what has been heard so far."""
    with memory_file("heard") as heard:
        listener = node.spawn([sys.executable, "-c", LISTEN], stdout=heard)
        assert until(lambda: contents(heard).startswith(b"listening"))

        def so_far() -> str:
            return contents(heard).decode().partition("\n")[2].strip()

        yield so_far
        listener.kill()


ASK_A_THOUSAND_TIMES = """
import socket
from hafw_sim.lab.responder import ANSWER, PORT, QUESTION
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asker.settimeout(0.05)
asker.connect(("10.1.1.101", PORT))
answers = 0
for handful in range(50):  # more at once would overflow a buffer
    for number in range(20):
        asker.send(QUESTION.pack(0))
    try:
        while asker.recv(ANSWER.size):
            answers += 1
    except TimeoutError:
        pass
print(answers)
"""


def test_a_loss_takes_about_its_share_of_the_frames(lab: Lab) -> None:
    alpha = lab.node("alpha")
    assert alpha.who_answers("10.1.1.101") == "beta"

    lab.lose(0.3, "alpha", "beta", one_way=True)

    assert int(python(alpha, ASK_A_THOUSAND_TIMES)) == pytest.approx(700, abs=100)


CARRIER = "print(open('/sys/class/net/eth1/carrier').read())"


def test_a_pulled_cable_takes_the_carrier_and_an_upstream_fault_does_not(lab: Lab) -> None:
    alpha, beta = lab.node("alpha"), lab.node("beta")

    lab.cut_link("alpha", Lan.HEARTBEAT)
    lab.cut_from_all("beta", lan=Lan.HEARTBEAT)

    assert until(lambda: python(alpha, CARRIER) == "0")
    assert python(beta, CARRIER) == "1"
    assert silent(alpha, "10.2.2.101")
    assert alpha.who_answers("10.1.1.101") == "beta"

    lab.plug_link("alpha", Lan.HEARTBEAT)

    assert until(lambda: python(alpha, CARRIER) == "1")


def test_an_isolated_node_reaches_nobody_and_keeps_its_carrier(lab: Lab) -> None:
    alpha = lab.node("alpha")

    lab.cut_from_all("alpha")

    assert all(
        silent(alpha, each) for each in ("10.1.1.1", "10.1.1.50", "10.1.1.101", "10.2.2.101")
    )
    assert python(alpha, CARRIER) == "1"


WAIT_FOR_REFLECTION = """
import select
from hafw.net.bpf import echo_replies4
from hafw.net.frames import ETH_P_IP, parse_echo_reply
from hafw.net.packet import PacketSocket
with PacketSocket("eth0", ETH_P_IP, echo_replies4()) as lan:
    print("listening", flush=True)
    if select.select([lan], [], [], 2)[0]:
        print(parse_echo_reply(lan.receive()[0]).payload.decode(), flush=True)
    else:
        print("nothing", flush=True)
"""
REFLECT = """
from ipaddress import IPv4Address
from hafw.net.frames import echo_request
from hafw.net.packet import IpSocket
peer, gateway = IPv4Address("10.1.1.101"), IPv4Address("10.1.1.1")
with IpSocket("eth0", 4) as lan:
    lan.send(echo_request(peer, gateway, 1, 1, b"from alpha"), gateway)
"""


@pytest.mark.parametrize(("reflects", "heard"), [(True, "from alpha"), (False, "nothing")])
def test_the_gateway_reflects_unless_told_not_to(*, reflects: bool, heard: str) -> None:
    with Lab(gateway_reflects=reflects) as lab, memory_file("heard") as output:
        alpha, beta = lab.node("alpha"), lab.node("beta")
        lab.cut("alpha", "beta")
        listener = beta.spawn([sys.executable, "-c", WAIT_FOR_REFLECTION], stdout=output)
        assert until(lambda: contents(output).startswith(b"listening"))

        python(alpha, REFLECT)

        assert listener.wait(5) == 0
        assert contents(output).decode().split("\n")[1] == heard
        assert alpha.who_answers("10.1.1.1") == "gateway"


# -- crash, freeze, kill ---------------------------------------------------------------------


def test_a_crash_kills_every_process_and_silences_the_machine(lab: Lab) -> None:
    alpha = lab.node("alpha")
    program = alpha.spawn(["sleep", "600"])
    daemon = alpha.spawn(["sh", "-c", "setsid sleep 600 & exit 0"])
    assert daemon.wait(5) == 0

    alpha.crash()

    assert program.wait(5) == -signal.SIGKILL
    assert silent(lab.node("client"), "10.1.1.100")
    assert alpha.name in {each.name for each in lab.describe().machines if not each.up}
    with pytest.raises(LabError, match="alpha is crashed"):
        alpha.run(["true"])


LOSS_OF_CARRIER = """
import os
os.write(1, b"watching ")
while True:
    try:
        carrier = open("/sys/class/net/eth0/carrier").read()
    except OSError:
        carrier = ""
    if carrier != "1\\n":
        os.write(1, b"cut off ")
"""


def crash_watched_from_inside(machine: Node) -> bytes:
    """What programs on a machine saw of its crash."""
    with memory_file("seen") as seen:
        for _ in range(3):
            machine.spawn([sys.executable, "-c", LOSS_OF_CARRIER], stdout=seen)
        assert until(lambda: contents(seen).count(b"watching") == 3)
        machine.crash()
        machine.boot()
        return contents(seen)


def test_no_program_sees_its_own_machine_crash(lab: Lab) -> None:
    seen = [crash_watched_from_inside(lab.node("alpha")) for _ in range(5)]

    assert b"cut off" not in b"".join(seen)


def test_a_booted_machine_has_its_own_addresses_and_runs_nothing(lab: Lab) -> None:
    alpha = lab.node("alpha")
    alpha.add_address("10.1.1.111/32")
    alpha.spawn(["sleep", "600"])
    alpha.crash()

    alpha.boot()

    assert "sleep" not in states(alpha)
    assert lab.node("client").who_answers("10.1.1.100") == "alpha"
    assert alpha.who_answers("10.2.2.101") == "beta"
    assert silent(lab.node("client"), "10.1.1.111")


def test_faults_outlast_a_reboot(lab: Lab) -> None:
    lab.cut("alpha", "beta")
    lab.cut_link("beta", Lan.HEARTBEAT)
    lab.node("beta").crash()

    lab.node("beta").boot()

    assert silent(lab.node("alpha"), "10.1.1.101")
    assert python(lab.node("beta"), CARRIER) == "0"


PARENT_AND_CHILD = "import subprocess, sys; subprocess.run(['sleep', '600'])"


def test_freezing_a_process_stops_its_children_too_and_nothing_else(lab: Lab) -> None:
    alpha = lab.node("alpha")
    family = alpha.spawn([sys.executable, "-c", PARENT_AND_CHILD])
    alpha.spawn(["tail", "-f", "/dev/null"])
    assert until(lambda: "sleep" in states(alpha))

    alpha.freeze(family)

    assert until(lambda: states(alpha)["sleep"] == "T")
    assert states(alpha)[Path(sys.executable).name[:15]] == "T"
    assert states(alpha)["tail"] == "S"
    assert lab.node("client").who_answers("10.1.1.100") == "alpha"

    alpha.thaw(family)

    assert until(lambda: states(alpha)["sleep"] == "S")


def test_freezing_a_machine_stops_what_was_left_by_its_parent_too(lab: Lab) -> None:
    alpha = lab.node("alpha")
    assert alpha.spawn(["sh", "-c", "setsid sleep 600 & exit 0"]).wait(5) == 0
    assert until(lambda: "sleep" in states(alpha))

    alpha.freeze()

    assert until(lambda: states(alpha)["sleep"] == "T")
    assert lab.node("client").who_answers("10.1.1.100") == "alpha"


def test_a_killed_program_leaves_its_machine_alive(lab: Lab) -> None:
    alpha = lab.node("alpha")
    agent = alpha.spawn(["sleep", "600"])

    agent.kill()

    assert agent.wait(5) == -signal.SIGKILL
    assert lab.node("client").who_answers("10.1.1.100") == "alpha"


def states(node: Node) -> dict[str, str]:
    """The state letter of each process of a machine, by its name."""
    stats = node.run(["sh", "-c", "cat /proc/[0-9]*/stat"]).stdout.splitlines()
    found = {}
    for stat in stats:
        name, _, rest = stat.partition("(")[2].rpartition(")")
        found[name] = rest.split()[0]
    return found
