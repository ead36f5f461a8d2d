"""The cluster of the demo, its judge, and what one step has to show for itself.

One rule: a step is judged by the lab and the watch, never by what the agents say of themselves;
only where a takeover's time went is their own word.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.pair import NAMES
from hafw_sim.lab.topology import MACHINES

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Address

    from hafw_sim.demo.tale import Tale
    from hafw_sim.lab.lab import Lab
    from hafw_sim.lab.pair import Pair
    from hafw_sim.lab.watch import Watch

PHASES: Final = ("detect", "decide", "fence", "attach", "announce")
"""Where the time of a takeover goes, in order; the fence only where there is one."""
NOISE_NS: Final = 50_000_000
"""A busy machine may answer this late although the address was served throughout."""
SETTLE_S: Final = 15.0
"""How long anything of the demo may take to be as it should."""


class Failed(Exception):
    """Something did not happen, or not as it must; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a step showed: what the client went without, and how long both nodes had the VIP."""

    title: str
    outage_ns: int
    both_ns: int
    phases_ms: dict[str, float] = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True)
class Stage:
    """Everything that a step can act on."""

    lab: Lab
    pair: Pair
    tale: Tale
    vip: IPv4Address
    watch: Watch

    def owner_is(self, name: str, since_ns: int) -> None:
        """Wait until exactly this node serves the VIP, and the client is answered by it."""
        try:
            self.watch.await_owners(self.vip, {name}, SETTLE_S)
            self.watch.await_answer(self.vip, since_ns, SETTLE_S, name)
        except TimeoutError as problem:
            raise Failed(f"{problem}\n{self.pair.last_words()}") from problem
        self.leads_to(name)

    def leads_to(self, name: str) -> None:
        """Make sure that the network leads the client to this node, and to no other."""
        cached = self.lab.node("client").neighbour(str(self.vip))
        self.holds(cached == name, f"the client's cache says that {name} has the VIP, not {cached}")

    def stays_with(self, name: str, seconds: float) -> None:
        """Let the time go by; nobody else may have the VIP in the meantime."""
        begin_ns = now_ns()
        self.until(lambda: now_ns() - begin_ns > seconds * 1e9, "the time to pass", seconds + 5)
        self.holds(self.watch.owners(self.vip) == {name}, f"{name} alone has the VIP")
        spells = self.watch.serving(self.vip)[name]
        self.holds(spells and spells[-1].start_ns <= begin_ns, f"{name} had the VIP throughout")
        others = {turn.machine for turn in self.watch.turns(self.vip, begin_ns)} - {name}
        self.holds(not others, f"only {name} answers the client")

    def is_cut(self) -> None:
        """Make sure that the two nodes reach each other on no network, but both the gateway."""
        alpha, beta = (self.lab.node(name) for name in NAMES)
        for address in (beta.plan.sockets[0].addresses[0].ip, beta.plan.sockets[1].addresses[0].ip):
            reached = alpha.who_answers(str(address), timeout_s=0.05)
            self.holds(reached is None, f"alpha does not reach beta at {address}")
        gateway = str(MACHINES["gateway"].sockets[0].addresses[0].ip)
        for node in (alpha, beta):
            reached = node.who_answers(gateway)
            self.holds(reached == "gateway", f"{node.name} still reaches the gateway")

    def boot(self, name: str) -> None:
        """Bring a machine back that is down."""
        self.lab.node(name).boot()

    def is_up(self, name: str) -> bool:
        """Whether that machine is up."""
        return next(each.up for each in self.lab.describe().machines if each.name == name)

    def until(self, condition: Callable[[], bool], what: str, timeout_s: float = SETTLE_S) -> None:
        """Wait for it, or fail."""
        try:
            self.pair.until(condition, what, timeout_s)
        except TimeoutError as problem:
            raise Failed(str(problem)) from problem

    @staticmethod
    def holds(truth: object, what: str) -> None:
        """Fail unless it is true."""
        if not truth:
            raise Failed(f"it does not hold that {what}")

    def phases_of(self, name: str) -> dict[str, float]:
        """Where the time of that node's newest takeover went, by its own word."""
        told = self.pair.status(name).get("last_takeover")
        phases = told.get("phases_ms") if isinstance(told, dict) else None
        return phases if isinstance(phases, dict) else {}
