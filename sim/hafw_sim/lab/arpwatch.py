"""The cross-check: asks the service LAN every 5 ms, by ARP, which machines claim each VIP.

Rule: it must not change what it measures. It asks with probes (RFC 5227), which no cache learns
from, and from the bridge itself, so that the answers do not refresh the client's cache; there no
fault hides a machine from it either.

Runs as a program beside the bridges: ``python -m hafw_sim.lab.arpwatch INTERVAL_US VIP...``, IPv4
only. Its output is a sequence of `RECORD`; `hafw_sim.lab.record` reads it.
"""

from __future__ import annotations

import os
import select
import struct
import sys
from ipaddress import IPv4Address
from typing import Final, Never

from hafw.net.bpf import arp_about
from hafw.net.frames import ETH_P_ARP, ArpOperation, parse_arp, probe
from hafw.net.packet import PacketSocket
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.topology import MACHINES, Lan

RECORD: Final = struct.Struct("<BB6xQ")
"""VIP (its place in the arguments), machine that claims it (0: none of the lab's), when."""


def main(arguments: list[str]) -> Never:
    """Ask until killed."""
    interval_ns = int(arguments[0]) * 1000
    vips = [IPv4Address(vip) for vip in arguments[1:]]
    numbers = {plan.mac(0): plan.number for plan in MACHINES.values()}
    with PacketSocket(Lan.SERVICE.value, ETH_P_ARP, arp_about(vips)) as lan:
        questions = [probe(lan.mac, vip) for vip in vips]
        waiting = select.poll()
        waiting.register(lan, select.POLLIN)
        due_ns = now_ns()
        while True:
            late_ns = now_ns() - due_ns
            if late_ns >= 0:
                for question in questions:
                    lan.send(question)
                due_ns += interval_ns * (1 + late_ns // interval_ns)
            waiting.poll(max(0, due_ns - now_ns()) / 1e6)
            while received := lan.receive():
                _write_down(received[0], vips, numbers)


def _write_down(packet: bytes, vips: list[IPv4Address], numbers: dict[bytes, int]) -> None:
    arp = parse_arp(packet)
    if arp is None or arp.operation is not ArpOperation.REPLY or arp.sender_ip not in vips:
        return
    machine = numbers.get(arp.sender_mac, 0)
    os.write(1, RECORD.pack(vips.index(arp.sender_ip), machine, now_ns()))


if __name__ == "__main__":
    main(sys.argv[1:])
