"""What every scenario acts on and asserts about: a lab, two agents, their judge and a client.

One rule: who owns what is the judge's word, taken from kernel events and answers at the client; the
agents are only asked whether they agree with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.topology import VIP

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from hafw_sim.lab.dogs import Dogs
    from hafw_sim.lab.lab import Lab
    from hafw_sim.lab.node import Node
    from hafw_sim.lab.pair import Pair, Status
    from hafw_sim.lab.power import PowerSwitch
    from hafw_sim.lab.watch import Watch

    Address = IPv4Address | IPv6Address

MS: Final = 1_000_000
SECOND: Final = 1_000_000_000
PATIENCE_S: Final = 15.0
"""A wait that ends with a failed test; nothing that works takes this long, however busy it is."""
HICCUP_NS: Final = 500 * MS
"""A client that waits this long may have met a busy test machine; a lost owner costs more."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One lab with everything in it."""

    lab: Lab
    watch: Watch
    pair: Pair
    switch: PowerSwitch | None = None
    dogs: Dogs | None = None

    @property
    def alpha(self) -> Node:
        """The machine that the first group prefers."""
        return self.lab.node("alpha")

    @property
    def beta(self) -> Node:
        """The other one."""
        return self.lab.node("beta")

    @property
    def vips(self) -> list[Address]:
        """Every address of the pair's groups."""
        return [vip for group in self.pair.design.vips for vip in group]

    # --- waiting ------------------------------------------------------------------------------

    def deadtimes_later(self, number: float, by: str, vip: Address = VIP) -> None:
        """Wait for an answer of `by` so many deadtimes from now."""
        until_ns = now_ns() + round(number * self.pair.design.timing.deadtime_ns)
        self.watch.await_answer(vip, until_ns, PATIENCE_S + number * 10, by)

    def until_event(self, node: str, name: str) -> str:
        """Wait for an event of a node's agent; its text."""
        told: dict[str, str] = {}

        def is_told() -> bool:
            told.update(self.events(node))
            return name in told

        self.pair.until(is_told, f"{node} to tell {name}", PATIENCE_S)
        return told[name]

    # --- what the agents say ------------------------------------------------------------------

    def events(self, node: str) -> dict[str, str]:
        """The newest text of each kind of event that a node's agent told."""
        return {str(event["name"]): str(event["text"]) for event in self.pair.events(node)}

    def warnings(self, node: str) -> str:
        """What a node's status warns of."""
        return str(self.pair.status(node).get("warnings"))

    def group(self, node: str, number: int = 1) -> Status:
        """What a node's status says of a group."""
        groups = self.pair.status(node).get("groups")
        assert isinstance(groups, list), f"the agent of {node} does not answer"
        return next(group for group in groups if group["id"] == number)

    def both_say(self, owner: str, number: int = 1) -> None:
        """Wait until both agents say that this node owns the group."""
        self.pair.until(
            lambda: all(self.pair.owner(number, node) == owner for node in ("alpha", "beta")),
            f"both to say that {owner} owns group {number}",
            PATIENCE_S,
        )

    # --- verdicts -----------------------------------------------------------------------------

    def owned_by(self, owner: str, vip: Address = VIP) -> None:
        """In the end this node owns the address alone, and the caches of the client are right."""
        self.watch.await_owners(vip, {owner}, PATIENCE_S)
        self.watch.await_answer(vip, now_ns(), PATIENCE_S, owner)
        assert self.lab.node("client").neighbour(str(vip)) == owner
        assert self.lab.node("gateway").neighbour(str(vip)) in (owner, None)

    def never_on_both(self) -> None:
        """From the beginning up to now no address was on both nodes."""
        assert {vip: self.watch.both_own_ns(vip, 0) for vip in self.vips} == dict.fromkeys(
            self.vips, 0
        )

    def undisturbed(self, owner: str, since_ns: int, vip: Address = VIP) -> None:
        """Since then the owner served without a break, and clients met nobody else."""
        *_, spell = self.watch.serving(vip)[owner]
        assert spell.end_ns is None
        assert spell.start_ns <= since_ns
        assert {turn.machine for turn in self.watch.turns(vip, since_ns)} == {owner}
        assert self.watch.outage(vip, since_ns).longest_ns < HICCUP_NS
        self.unclaimed_but_by(owner, since_ns, vip)

    def unclaimed_but_by(self, owner: str, since_ns: int, vip: Address = VIP) -> None:
        """Since then nobody else said to have the address: no cache can have been wrong."""
        if vip.version == 4:
            assert {claim.machine for claim in self.watch.claims(vip, since_ns)} <= {owner}
        assert self.lab.node("client").neighbour(str(vip)) == owner
