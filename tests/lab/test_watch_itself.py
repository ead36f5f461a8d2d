"""The judge of a lab sees what was done to an address by hand, and nothing that was not."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

import pytest

from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.connection import LabError
from hafw_sim.lab.lab import Lab
from hafw_sim.lab.record import Gap, Outage, Probes, Turn
from hafw_sim.lab.serving import Change, Interval, Ledger, Machine, intervals, overlap_ns
from hafw_sim.lab.topology import VIP, VIP6
from hafw_sim.lab.watch import Watch
from tests.lab.helpers import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.lab.node import Node

MS = 1_000_000
TIMEOUT_S = 10.0
Address = IPv4Address | IPv6Address


@pytest.fixture(name="lab")
def a_lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture(name="watch")
def a_watch(lab: Lab) -> Iterator[Watch]:
    with Watch(lab, [VIP6, VIP]) as watch:
        yield watch


ANNOUNCE = """
import sys
from ipaddress import ip_address
from hafw.net.frames import announcements
from hafw.net.packet import PacketSocket
for packet in announcements(PacketSocket("eth0", 0).mac, ip_address(sys.argv[1])):
    PacketSocket("eth0", packet.ethertype).send(packet)
"""


def take(node: Node, vip: Address, *, announce: bool = True) -> None:
    node.add_address(f"{vip}/{vip.max_prefixlen}")
    if announce:
        done = node.run([sys.executable, "-W", "ignore", "-c", ANNOUNCE, str(vip)])
        assert done.returncode == 0, done.stderr


def drop(node: Node, vip: Address) -> None:
    node.delete_address(f"{vip}/{vip.max_prefixlen}")


# -- in a lab ----------------------------------------------------------------------------------


@pytest.mark.parametrize("vip", [VIP, VIP6])
def test_a_moved_address_is_an_outage_for_the_client_and_never_on_both_nodes(
    lab: Lab, watch: Watch, vip: Address
) -> None:
    alpha, beta = lab.node("alpha"), lab.node("beta")
    take(alpha, vip)
    watch.await_answer(vip, 0, TIMEOUT_S, by="alpha")

    start_ns = now_ns()
    drop(alpha, vip)
    watch.await_owners(vip, set(), TIMEOUT_S)
    take(beta, vip)
    answer = watch.await_answer(vip, start_ns, TIMEOUT_S, by="beta")

    alphas, betas = watch.turns(vip, 0)
    assert (alphas.machine, betas.machine) == ("alpha", "beta")
    outage = watch.outage(vip, start_ns, answer.at_ns)
    assert outage.longest_ns > 10 * MS  # an interpreter started meanwhile
    assert outage.longest_ns <= betas.first_ns - alphas.last_ns
    assert watch.both_own_ns(vip, 0) == 0
    assert watch.owners(vip) == {"beta"}
    assert lab.node("client").neighbour(str(vip)) == "beta"


def test_an_address_that_stays_is_no_outage(lab: Lab, watch: Watch) -> None:
    take(lab.node("alpha"), VIP)
    first = watch.await_answer(VIP, 0, TIMEOUT_S)

    last = watch.await_answer(VIP, first.at_ns + 500 * MS, TIMEOUT_S)

    outage = watch.outage(VIP, first.at_ns, last.at_ns)
    assert outage.total_ns < 50 * MS  # a busy machine holds the responder up now and then
    (turn,) = watch.turns(VIP, 0)
    assert turn.answers > 400


def test_an_address_on_both_nodes_is_counted_and_seen_by_arp(lab: Lab, watch: Watch) -> None:
    take(lab.node("alpha"), VIP, announce=False)
    watch.await_owners(VIP, {"alpha"}, TIMEOUT_S)
    take(lab.node("beta"), VIP, announce=False)
    watch.await_owners(VIP, {"alpha", "beta"}, TIMEOUT_S)

    start_ns = now_ns()
    assert until(
        lambda: {claim.machine for claim in watch.claims(VIP, start_ns)} == {"alpha", "beta"}
    )
    end_ns = now_ns()

    assert watch.both_own_ns(VIP, start_ns, end_ns) == end_ns - start_ns


def test_watching_does_not_repair_a_cache_that_points_to_the_wrong_node(
    lab: Lab, watch: Watch
) -> None:
    alpha, beta, client = lab.node("alpha"), lab.node("beta"), lab.node("client")
    take(alpha, VIP)
    watch.await_answer(VIP, 0, TIMEOUT_S, by="alpha")
    drop(alpha, VIP)
    start_ns = now_ns()

    take(beta, VIP, announce=False)
    watch.await_owners(VIP, {"beta"}, TIMEOUT_S)
    with pytest.raises(TimeoutError, match=r"beta to answer for 10\.1\.1\.111"):
        watch.await_answer(VIP, start_ns, timeout_s=0.5, by="beta")

    assert client.neighbour(str(VIP)) == "alpha"


def test_a_crash_ends_what_the_node_served(lab: Lab, watch: Watch) -> None:
    alpha = lab.node("alpha")
    take(alpha, VIP)
    watch.await_owners(VIP, {"alpha"}, TIMEOUT_S)

    alpha.crash()
    watch.await_owners(VIP, set(), TIMEOUT_S)
    alpha.boot()
    take(alpha, VIP)
    watch.await_owners(VIP, {"alpha"}, TIMEOUT_S)

    assert len(watch.serving(VIP)["alpha"]) == 2


HOLD = """
import sys
from ipaddress import ip_address
from hafw.net.gate import Gate
from hafw_sim.lab.clock import now_ns
with Gate("hafw_test") as gate:
    vip = ip_address(sys.argv[1])
    gate.install([vip])
    gate.prime([vip], 1_000_000_000)
    gate.open([vip], 300_000_000)
    print(now_ns())
"""


@pytest.mark.parametrize("vip", [VIP, VIP6])
def test_a_gate_that_nobody_renews_ends_the_service_at_its_timeout(
    lab: Lab, watch: Watch, vip: Address
) -> None:
    alpha = lab.node("alpha")
    take(alpha, vip)
    watch.await_answer(vip, 0, TIMEOUT_S)

    held = alpha.run([sys.executable, "-c", HOLD, str(vip)])
    assert held.returncode == 0, held.stderr
    held_ns = int(held.stdout)
    assert until(lambda: (watch.serving(vip)["alpha"][-1].end_ns or 0) > held_ns)

    *_, spell = watch.serving(vip)["alpha"]
    assert spell.end_ns == pytest.approx(held_ns + 300 * MS, abs=20 * MS)
    *_, turn = watch.turns(vip, 0)
    assert turn.last_ns == pytest.approx(spell.end_ns, abs=30 * MS)


def test_a_flushed_ruleset_opens_a_gate_that_was_shut(lab: Lab, watch: Watch) -> None:
    alpha = lab.node("alpha")
    take(alpha, VIP)
    assert alpha.run([sys.executable, "-c", HOLD, str(VIP)]).returncode == 0
    watch.await_owners(VIP, set(), TIMEOUT_S)

    alpha.flush_ruleset()

    watch.await_owners(VIP, {"alpha"}, TIMEOUT_S)


def test_a_watch_that_lost_a_program_gives_no_verdict(lab: Lab) -> None:
    with Watch(lab, [VIP]) as watch:
        watch._programs[0].kill()
        watch._programs[0].wait(TIMEOUT_S)

        with pytest.raises(LabError, match=r"blind: hafw_sim\.lab\.monitor"):
            watch.owners(VIP)
        watch._programs.clear()


# -- what follows from the records ---------------------------------------------------------------


def asked_every_millisecond(start: int, end: int) -> Probes:
    probes = Probes()
    for at_ms in range(start, end):
        probes.asked(at_ms * MS)
    return probes


def test_a_gap_lasts_from_the_first_vain_question_to_the_next_answer() -> None:
    probes = asked_every_millisecond(0, 100)
    for at_ms in [*range(31), *range(80, 100)]:
        probes.answered(1, at_ms * MS, at_ms * MS)

    outage = probes.outage(0, 100 * MS)

    assert outage == Outage((Gap(31 * MS, 80 * MS),))
    assert outage.longest_ns == outage.total_ns == 49 * MS


def test_questions_answered_late_are_a_gap_too() -> None:
    probes = asked_every_millisecond(0, 100)
    for at_ms in range(100):
        probes.answered(1, at_ms * MS, max(at_ms, 40) * MS)

    assert probes.outage(0, 100 * MS).gaps == (Gap(1 * MS, 40 * MS),)


def test_a_prober_that_was_held_up_itself_makes_no_outage() -> None:
    probes = Probes()
    for at_ms in [*range(30), *range(80, 100)]:
        probes.asked(at_ms * MS)
        probes.answered(1, at_ms * MS, at_ms * MS)

    assert probes.outage(0, 100 * MS).gaps == ()


def test_without_any_answer_everything_is_outage() -> None:
    probes = asked_every_millisecond(0, 100)

    assert probes.outage(0, 100 * MS).longest_ns == pytest.approx(100 * MS, abs=MS)


def test_turns_tell_who_answered_one_after_the_other() -> None:
    probes = asked_every_millisecond(0, 4)
    for at_ms, machine in enumerate([1, 1, 2, 1]):
        probes.answered(machine, at_ms * MS, at_ms * MS)

    assert probes.turns(0, 4 * MS) == (
        Turn("alpha", 0, 1 * MS, 2),
        Turn("beta", 2 * MS, 2 * MS, 1),
        Turn("alpha", 3 * MS, 3 * MS, 1),
    )


def test_the_first_answer_of_a_machine_is_looked_for_after_the_moment_given() -> None:
    probes = asked_every_millisecond(0, 4)
    for at_ms, machine in enumerate([1, 2, 1, 2]):
        probes.answered(machine, at_ms * MS, at_ms * MS)

    answer = probes.first_answer(1 * MS, "beta")

    assert answer is not None
    assert answer.at_ns == 3 * MS


def test_an_answer_that_was_overtaken_counts_when_it_was_given() -> None:
    probes = asked_every_millisecond(0, 4)
    for machine, at_ms in ((2, 1), (2, 2), (1, 0)):
        probes.answered(machine, at_ms * MS, at_ms * MS)

    assert [turn.machine for turn in probes.turns(0, 4 * MS)] == ["alpha", "beta"]
    assert [turn.machine for turn in probes.turns(1 * MS, 4 * MS)] == ["beta"]


def guarded(open_until_ns: int | None) -> Machine:
    machine = Machine()
    machine.address_added(VIP, 7)
    machine.table_added("hafw_1")
    machine.element_added("hafw_1", "vips4", VIP, None)
    if open_until_ns is not None:
        machine.element_added("hafw_1", "open4", VIP, open_until_ns)
    return machine


def test_an_address_without_a_gate_is_served() -> None:
    machine = Machine()
    machine.address_added(VIP, 7)
    machine.table_added("somebody_elses")

    assert list(Ledger([VIP]).update(1, machine, 5)) == [Change(5, 1, VIP, serves=True)]


def test_a_gate_without_an_address_serves_nothing() -> None:
    machine = guarded(open_until_ns=100)
    machine.address_removed(VIP, 7)

    assert list(Ledger([VIP]).update(1, machine, 5)) == []


def test_a_shut_gate_serves_nothing_and_its_removal_opens_it() -> None:
    machine, ledger = guarded(open_until_ns=None), Ledger([VIP])
    assert list(ledger.update(1, machine, 5)) == []

    machine.table_removed("hafw_1")

    assert list(ledger.update(1, machine, 6)) == [Change(6, 1, VIP, serves=True)]


def test_an_open_gate_shuts_at_its_timeout_without_an_announcement() -> None:
    ledger = Ledger([VIP])
    list(ledger.update(1, guarded(open_until_ns=100), 5))

    assert ledger.next_end_ns() == 100
    assert list(ledger.expire(120)) == [Change(100, 1, VIP, serves=False)]


def test_a_renewed_gate_stays_open_without_a_change() -> None:
    machine, ledger = guarded(open_until_ns=100), Ledger([VIP])
    list(ledger.update(1, machine, 5))

    machine.element_removed("hafw_1", "open4", VIP)
    machine.element_added("hafw_1", "open4", VIP, 200)

    assert list(ledger.update(1, machine, 50)) == []
    assert ledger.next_end_ns() == 200


def test_overlapping_intervals_count_once_and_within_the_moments_only() -> None:
    changes = [
        Change(10, 1, VIP, serves=True),
        Change(40, 2, VIP, serves=True),
        Change(50, 1, VIP, serves=False),
    ]
    found = intervals(changes, VIP)

    assert found == {1: [Interval(10, 50)], 2: [Interval(40, None)]}
    assert overlap_ns(found[1], found[2], 0, 100) == 10
    assert overlap_ns(found[1], found[2], 45, 100) == 5
    assert overlap_ns(found[1], found[2], 60, 100) == 0
