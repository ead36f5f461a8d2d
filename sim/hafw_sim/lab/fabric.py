"""The networks between the machines: two bridges, the cables, and what is wrong with them.

Rule: faults live here, outside the machines, as in a real switch; a machine sees only their effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw.net.rtnetlink import Rtnl
from hafw_sim.lab.bridgefilter import BridgeFilter, Drop, SourceGuard
from hafw_sim.lab.host import arriving_name
from hafw_sim.lab.protocol import Delay, Loss
from hafw_sim.lab.relay import Hold, Relay
from hafw_sim.lab.topology import MACHINES, NODES, Lan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hafw_sim.lab.host import Host
    from hafw_sim.lab.topology import Plan


_PORTS: Final = {
    plan.port(lan): (plan, card) for plan in MACHINES.values() for card, lan in enumerate(plan.lans)
}
"""Each bridge port, and which machine's network card is behind it."""


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
        self._delays: dict[tuple[str, str], Delay] = {}
        self._relays: dict[str, Relay] = {}  # by the port out of which they send
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
    def delays(self) -> tuple[Delay, ...]:
        """The delays in force."""
        return tuple(self._delays.values())

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
            self._hold_back_at(port)

    def cut_power(self, plan: Plan) -> None:
        """Take the carrier from all network cards of a machine that is about to vanish."""
        for lan in plan.lans:
            self._network.set_link(plan.port(lan), up=False)

    def remove(self, plan: Plan) -> None:
        """Remove the cables of a machine, and with them its network cards and addresses."""
        for port in map(plan.port, plan.lans):
            if port in self._relays:
                self._relays.pop(port).vanish()
            self._network.delete_link(port)
            self._present.discard(port)

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

    def hold_back(self, delays: Iterable[Delay]) -> None:
        """Have these delays besides the present ones. Raises `UnknownPort`.

        What is lost is lost at once; what was sent before a loss began may still come.
        """
        delays = tuple(delays)
        _must_exist(port for delay in delays for port in (delay.source, delay.target))
        before = self._delays.copy()
        for delay in delays:
            self._delays.pop((delay.source, delay.target), None)
            if delay.delay_ns > 0:
                self._delays[delay.source, delay.target] = delay
        try:
            for port in {delay.target for delay in delays} & self._present:
                self._hold_back_at(port)
        except OSError:
            self._delays = before
            raise

    def _hold_back_at(self, port: str) -> None:
        """Have the delays of what leaves by this port, with a relay while there are any."""
        holds = {
            _mac(source): Hold(delay.delay_ns, delay.jitter_ns)
            for (source, target), delay in self._delays.items()
            if target == port
        }
        if not holds:
            if port in self._relays:
                self._relays.pop(port).end()
            return
        if port not in self._relays:
            plan, card = _PORTS[port]
            self._relays[port] = Relay(self._network, port, f"{plan.number}.{card}")
        self._relays[port].hold(holds)

    def plug(self, ports: Iterable[str], *, plugged: bool) -> None:
        """Plug cables in, or pull them. Raises `UnknownPort`."""
        ports = set(ports)
        _must_exist(ports)
        self._unplugged = self._unplugged - ports if plugged else self._unplugged | ports
        for port in ports & self._present:
            self._network.set_link(port, up=plugged)

    def heal(self) -> None:
        """End all losses and delays and plug in all cables."""
        self._shares.clear()
        self._apply()
        self._delays.clear()
        for port in tuple(self._relays):
            self._hold_back_at(port)
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


def _mac(port: str) -> bytes:
    plan, card = _PORTS[port]
    return plan.mac(card)


def _guards() -> Iterable[SourceGuard]:
    """Each node may speak for itself (and for VIPs), not in the name of its peer."""
    first, second = NODES
    for node, peer in ((first, second), (second, first)):
        for outlet in peer.sockets:
            if outlet.lan is Lan.SERVICE:
                for address in outlet.addresses:
                    yield SourceGuard(node.port(Lan.SERVICE), address.ip)
