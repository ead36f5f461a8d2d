"""A host with two VIPs behind its gate, and a client who asks for them.

Rule: the gate is shut to begin with.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from hafw.net import nft
from hafw.net.gate import Gate, GateWatch, Position
from hafw.net.netlink import NETLINK_NETFILTER, NLM_F_REQUEST, NetlinkSocket, message
from tests.net.hosts import MS, VIP, VIP6, Asker, Host, give, ip4, ip6, lan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hafw.net.rtmessages import IPAddress

NAME: Final = "hafw_test"


class Scene:
    """Host 100 with both VIPs behind an installed gate, and host 50 asking."""

    def __init__(self) -> None:
        self.host, self.client = lan(100, 50)
        give(self.host, VIP)
        give(self.host, VIP6)
        self.gate = new_gate(self.host)
        self.guarding = self.gate.install([VIP, VIP6])
        self._askers = {4: self.asker(ip4(50)), 6: self.asker(ip6(50))}

    def asker(self, source: IPAddress) -> Asker:
        return Asker(self.client, self.host, source)

    def pings(self, vip: IPAddress) -> bool:
        return self._askers[vip.version].ping(vip)

    def resolves(self, vip: IPAddress) -> bool:
        return self._askers[vip.version].resolve(vip)


def hold(gate: Gate, addresses: Sequence[IPAddress], timeout_ns: int | None) -> Position:
    """Open what is shut, as an agent does that is not frozen in between."""
    gate.prime(addresses, 1_000 * MS)
    return gate.open(addresses, timeout_ns)


def new_gate(host: Host) -> Gate:
    with host.entered():
        return Gate(NAME)


def new_watch(scene: Scene) -> GateWatch:
    with scene.host.entered():
        return scene.gate.watch()


def flush_ruleset(host: Host) -> None:
    """Do what the first line of many an nftables.conf does."""
    with host.entered():
        other = NetlinkSocket(NETLINK_NETFILTER)
    everything = message(10 << 8 | 2, NLM_F_REQUEST, struct.pack("!BBH", 0, 0, 0), 0)
    with other:
        other.transact(nft.transaction([everything]), "flush ruleset")
