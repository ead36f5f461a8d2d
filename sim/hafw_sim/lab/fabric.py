"""The networks between the machines: two bridges, the cables, and what is wrong with them.

Rule: faults live here, outside the machines, as in a real switch; a machine sees only their effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.net.rtnetlink import Rtnl
from hafw_sim.lab.bridgefilter import BridgeFilter, Drop, SourceGuard
from hafw_sim.lab.host import arriving_name
from hafw_sim.lab.protocol import Loss
from hafw_sim.lab.topology import MACHINES, NODES, Lan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hafw_sim.lab.host import Host
    from hafw_sim.lab.topology import Plan


_PORTS: Final = frozenset(plan.port(lan) for plan in MACHINES.values() for lan in plan.lans)


class UnknownPort(Exception):
    """A fault was asked for at a bridge port that does not exist."""


class Fabric:
    """The bridges in the network namespace that this is constructed in."""

    def __init__(self, *, gateway_reflects: bool) -> None:
        """Make the bridges. Raises `hafw.net.netlink.NetlinkError`, EPERM where forbidden."""
        self._network = Rtnl()
        self._filter = BridgeFilter()
        self._guards = () if gateway_reflects else tuple(_guards())
        self._shares: dict[tuple[str, str], float] = {}
        self._present: set[str] = set()
        self._unplugged: set[str] = set()
        self._network.set_link("lo", up=True)
        for lan in Lan:
            self._network.add_bridge(lan.value)
            self._network.set_link(lan.value, up=True)
        self._apply()

    @property
    def losses(self) -> tuple[Loss, ...]:
        """The losses in force."""
        return tuple(Loss(*ports, share) for ports, share in self._shares.items())

    @property
    def unplugged(self) -> frozenset[str]:
        """The ports whose cable is pulled."""
        return frozenset(self._unplugged)

    def cable(self, host: Host) -> None:
        """Connect a machine without network cards to its networks; a pulled cable stays pulled."""
        for number, lan in enumerate(host.plan.lans):
            port, card = host.plan.port(lan), arriving_name(host.plan, number)
            self._network.add_veth(port, card)
            self._network.move_to_netns_of(card, host.init)
            self._network.set_link(port, bridge=lan.value, up=port not in self._unplugged)
            self._present.add(port)

    def cut_power(self, plan: Plan) -> None:
        """Take the carrier from all network cards of a machine that is about to vanish."""
        for lan in plan.lans:
            self._network.set_link(plan.port(lan), up=False)

    def remove(self, plan: Plan) -> None:
        """Remove the cables of a machine, and with them its network cards and addresses."""
        for lan in plan.lans:
            self._network.delete_link(plan.port(lan))
            self._present.discard(plan.port(lan))

    def lose(self, losses: Iterable[Loss]) -> None:
        """Have these losses besides the present ones, from one instant on. Raises `UnknownPort`."""
        losses = tuple(losses)
        _must_exist(port for loss in losses for port in (loss.source, loss.target))
        for loss in losses:
            if loss.share > 0:
                self._shares[loss.source, loss.target] = loss.share
            else:
                self._shares.pop((loss.source, loss.target), None)
        self._apply()

    def plug(self, ports: Iterable[str], *, plugged: bool) -> None:
        """Plug cables in, or pull them. Raises `UnknownPort`."""
        ports = set(ports)
        _must_exist(ports)
        self._unplugged = self._unplugged - ports if plugged else self._unplugged | ports
        for port in ports & self._present:
            self._network.set_link(port, up=plugged)

    def heal(self) -> None:
        """End all losses and plug in all cables."""
        self._shares.clear()
        self._apply()
        for port in self._unplugged & self._present:
            self._network.set_link(port, up=True)
        self._unplugged.clear()

    def _apply(self) -> None:
        drops = (Drop(*ports, share) for ports, share in self._shares.items())
        self._filter.replace((*self._guards, *drops))


def _must_exist(ports: Iterable[str]) -> None:
    for port in ports:
        if port not in _PORTS:
            raise UnknownPort(f"no bridge port {port}; there are {', '.join(sorted(_PORTS))}")


def _guards() -> Iterable[SourceGuard]:
    """Each node may speak for itself (and for VIPs), not in the name of its peer."""
    first, second = NODES
    for node, peer in ((first, second), (second, first)):
        for outlet in peer.sockets:
            if outlet.lan is Lan.SERVICE:
                for address in outlet.addresses:
                    yield SourceGuard(node.port(Lan.SERVICE), address.ip)
