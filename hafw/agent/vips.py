"""The kernel's part of holding a VIP: the gate, and the address lifetime behind it.

One rule: both end by themselves. They are renewed only as an effect of the engine's step, with the
remaining time computed at the moment of the renewal.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from hafw.agent import clock
from hafw.config import Vip
from hafw.config.vip_options import checked_port
from hafw.core.duties import NEVER
from hafw.net.gate import Gate, GateShut, Guarding, Tampering
from hafw.net.netlink import NetlinkError
from hafw.net.rtnetlink import Change, Rtnl
from hafw.net.sockdiag import destroy_connections

if TYPE_CHECKING:
    from hafw.config import Cluster
    from hafw.config.model import IPAddress
    from hafw.core.settings import Settings
    from hafw.net.gate import GateWatch

_SECOND: Final = 1_000_000_000
PRIMED_NS: Final = _SECOND
"""How long an opening may take from the last look at the clock."""
LIFETIME_SLACK_S: Final = 2
"""Lifetimes are whole seconds and only the second line: never the first to close."""
RENEWALS: Final = 4
"""A lifetime is renewed so often before its end, and at most once a second."""


class Vips:
    """The VIPs of this node: what guards them, and what they are called here."""

    def __init__(self, cluster: Cluster, node: int, settings: Settings) -> None:
        """Open the sockets. Raises NetlinkError where nftables or CAP_NET_ADMIN is missing."""
        self._node = node
        self.settings = settings
        self.by_place: dict[tuple[int, int], Vip] = {}
        for group in cluster.groups:
            for index, resource in enumerate(group.resources):
                if isinstance(resource, Vip):
                    self.by_place[group.id, index] = resource
        self._gate = Gate(f"hafw_{cluster.id.hex[:8]}")
        self._watch: GateWatch | None = None
        self._rtnl = Rtnl()
        self._until: dict[int, int | None] = {}
        self._lifetime_ns: dict[int, int] = {}
        self.guarding = Guarding.SHARED
        self.reinstalled = 0
        self.reinstalled_ns = NEVER

    def addresses(self, group: int) -> list[IPAddress]:
        """The addresses of a group's VIPs."""
        return [vip.address.ip for (owner, _), vip in self.by_place.items() if owner == group]

    def interface(self, vip: Vip) -> str:
        """Where a VIP goes on this node."""
        return vip.interfaces[self._node]

    def interfaces(self, group: int) -> set[str]:
        """The interfaces that a group's VIPs use on this node."""
        found = self.by_place.items()
        return {self.interface(vip) for (owner, _), vip in found if owner == group}

    def install(self) -> GateWatch:
        """Shut everything: whatever an earlier agent left is unreachable from here on."""
        every = [vip.address.ip for vip in self.by_place.values()]
        ports = {checked_port(vip): vip.address.ip for vip in self.by_place.values()}
        checks = {port: address for port, address in ports.items() if port is not None}
        self.guarding = self._gate.install(every, checks)
        if self._watch is None:
            self._watch = self._gate.watch()
        return self._watch

    def hold(self, group: int, until_ns: int | None) -> None:
        """Keep the group's addresses open until `until_ns` (BOOTTIME). Raises NetlinkError.

        They stay shut if that is over by the time that the kernel is asked.
        """
        addresses = self.addresses(group)
        if not addresses:
            return
        opening = group not in self._until
        self._until[group] = until_ns
        try:
            # To fail at renewing what is known to be shut would cost a grace period of the kernel's
            # RCU (10 ms and more on a busy machine), in the middle of a takeover.
            if opening or until_ns is None:
                self._open(addresses, until_ns)
            else:
                self._renew(addresses, until_ns)
        except NetlinkError as problem:
            # A gate that somebody has just removed is installed again, with all that is held.
            if problem.errno != errno.ENOENT or self.look() is Tampering.NONE:
                raise
        self._renew_lifetimes(group, until_ns)

    def _renew(self, addresses: list[IPAddress], until_ns: int) -> None:
        try:
            self._gate.renew(addresses, until_ns - clock.boot_ns())
        except GateShut:
            self._open(addresses, until_ns)

    def _open(self, addresses: list[IPAddress], until_ns: int | None) -> None:
        """Open what is shut. This process may be frozen between any two of these lines."""
        if until_ns is None:
            self._gate.prime(addresses, PRIMED_NS)
            self._gate.open(addresses, None)
            return
        self._gate.prime(addresses, min(until_ns - clock.boot_ns(), PRIMED_NS))
        left_ns = until_ns - clock.boot_ns()
        if left_ns > 0:
            with suppress(GateShut):  # frozen since: the engine judges its right in the next step
                self._gate.open(addresses, left_ns)

    def shut(self, group: int) -> None:
        """Shut the group's addresses. Raises NetlinkError."""
        self._until.pop(group, None)
        self._lifetime_ns.pop(group, None)
        if addresses := self.addresses(group):
            self._gate.shut(addresses)

    def lifetime_s(self) -> int:
        """How long an address may stay without renewal: the announced bound, in whole seconds."""
        return self.settings.shut_ns // _SECOND + LIFETIME_SLACK_S

    def _renew_lifetimes(self, group: int, until_ns: int | None) -> None:
        now_ns = clock.boot_ns()
        if until_ns is None or now_ns < self._lifetime_ns.get(group, 0):
            return
        self._lifetime_ns[group] = now_ns + max(_SECOND, self.lifetime_s() * _SECOND // RENEWALS)
        for (owner, _), vip in self.by_place.items():
            if owner == group:
                with suppress(NetlinkError, TimeoutError):  # the interface may be gone
                    self._rtnl.add_address(
                        self.interface(vip),
                        vip.address.ip,
                        vip.address.max_prefixlen,
                        valid_s=self.lifetime_s(),
                        preferred_s=0,
                        replace=True,
                    )

    def look(self) -> Tampering:
        """What others did to the gate; if they broke it, it is installed again at once."""
        assert self._watch is not None
        tampering = self._watch.look()
        if tampering is not Tampering.NONE:
            self.install()
            self.reinstalled += 1
            self.reinstalled_ns = clock.boot_ns()
            held, self._until = self._until, {}
            for group, until_ns in held.items():
                self.hold(group, until_ns)
        return tampering

    def abandon(self) -> None:
        """The agent has a bug and must not go on: shut every address."""
        for group, _ in self.by_place:
            with suppress(NetlinkError, TimeoutError):
                self._gate.shut(self.addresses(group))

    def close_connections(self) -> None:
        """End what the addresses left behind: a worker that ends may not have come to it."""
        for vip in self.by_place.values():
            with suppress(NetlinkError, TimeoutError):
                destroy_connections(vip.address.ip)

    def remove_gate(self) -> None:
        """Take our tables away: only when nothing is held and the agent leaves for good."""
        with suppress(NetlinkError, TimeoutError):
            self._gate.remove()

    def close(self) -> None:
        """Close the sockets; a gate that is installed stays, for whoever comes next."""
        self._gate.close()
        self._rtnl.close()
        if self._watch is not None:
            self._watch.close()

    def detach(self, group: int, index: int) -> str:
        """Remove an address without the worker, when that is gone. Returns why it failed, or ''."""
        vip = self.by_place[group, index]
        try:
            made = self._rtnl.delete_address(
                self.interface(vip), vip.address.ip, vip.address.max_prefixlen
            )
            if made is Change.MADE:
                destroy_connections(vip.address.ip)
        except NetlinkError as problem:
            return "" if problem.errno == errno.ENODEV else str(problem)  # gone with its interface
        except TimeoutError as problem:
            return str(problem)
        return ""
