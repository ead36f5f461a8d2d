"""Operators who type anything at any moment, while anything breaks: drawn by Hypothesis.

What must hold in every run holds after every rule, and in the end a whole pair comes to rest. A
failing example is told as a table, and as a schedule for `hafw sim replay --shrink`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hafw.core.settings import SECOND
from hafw_sim.trial import Trial, pair_of

if TYPE_CHECKING:
    from hafw_sim.schedule import Value

NODES = st.sampled_from(["alpha", "beta"])
LINKS = st.sampled_from(["link0", "link1"])
WAYS = st.sampled_from(["link0", "link1", "to_ping", "from_ping"])
WHATS = st.sampled_from(["all", "local", "foreign", "failback"])
DEADTIME_S = 2.0
PAUSES = st.sampled_from([0.0, 0.0, 0.001, 0.003, 0.1, 0.4, 0.9, 1.9, 2.1, 3.0, 4.5, 11.0])
"""Around what matters: a hand-over (3 ms), H (0.9 s), deadtime, an operator's wait (10 s)."""
EXIT_STATUSES = {0, 1, 4, 5, 8}
"""What a command of an operator may be answered with; see docs of the command line."""


class OperatedPair(RuleBasedStateMachine):
    """A pair in the hands of operators, on a day on which everything breaks."""

    trial: Trial

    @initialize(
        protection=st.sampled_from(["reflected", "reflected|best-effort", "best-effort", "none"]),
        groups=st.integers(1, 3),
        auto_failback=st.booleans(),
        seed=st.integers(0, 1_000),
    )
    def a_pair(self, *, protection: str, groups: int, auto_failback: bool, seed: int) -> None:
        self.groups = groups
        self.trial = Trial(
            pair_of(
                protection=protection,
                groups=groups,
                auto_failback=auto_failback,
                seed=seed,
                keepalive="250ms",
                warntime="1s",
                deadtime="2s",
                initdead="5s",
            ),
            never_both=False,
        )

    def do(self, pause: float, kind: str, **args: Value) -> None:
        """Do it, and let some time go by; `Trial` checks what must hold."""
        self.trial.do(kind, **args)
        self.trial.run(pause)

    # --- operators ------------------------------------------------------------------------------

    @rule(
        pause=PAUSES,
        node=NODES,
        what=WHATS,
        force=st.booleans(),
        verb=st.sampled_from(["standby", "takeover"]),
    )
    def standby_or_takeover(
        self, *, pause: float, node: str, verb: str, what: str, force: bool
    ) -> None:
        self.do(pause, "operator", node=node, verb=verb, what=what, force=force)

    @rule(
        pause=PAUSES,
        node=NODES,
        verb=st.sampled_from(["failback", "release", "stop"]),
        force=st.booleans(),
    )
    def failback_release_or_stop(self, *, pause: float, node: str, verb: str, force: bool) -> None:
        self.do(pause, "operator", node=node, verb=verb, force=force)

    @rule(pause=PAUSES, node=NODES, what=WHATS)
    def vouch_for_what_is_true(self, *, pause: float, node: str, what: str) -> None:
        """The other machine is off: made so first, if need be, and known by its silence."""
        other = "beta" if node == "alpha" else "alpha"
        self.do(0.0, "crash", node=other)
        self.trial.run(1.5 * DEADTIME_S)
        self.do(pause, "operator", node=node, verb="takeover", what=what, vouches=True)

    # --- what breaks, and is mended ---------------------------------------------------------------

    @rule(pause=PAUSES, node=NODES, way=WAYS)
    def cut(self, *, pause: float, node: str, way: str) -> None:
        self.do(pause, "cut", node=node, way=way)

    @rule(pause=PAUSES, node=NODES, way=WAYS)
    def mend(self, *, pause: float, node: str, way: str) -> None:
        self.do(pause, "mend", node=node, way=way)

    @rule(pause=PAUSES, kind=st.sampled_from(["cut_links", "mend_links", "mend_links"]))
    def all_links(self, *, pause: float, kind: str) -> None:
        self.do(pause, kind)

    @rule(pause=PAUSES, node=NODES, kind=st.sampled_from(["cut_ping", "mend_ping"]))
    def ping(self, *, pause: float, node: str, kind: str) -> None:
        self.do(pause, kind, node=node)

    @rule(pause=PAUSES, up=st.booleans())
    def ping_node(self, *, pause: float, up: bool) -> None:
        self.do(pause, "ping_node", up=up)

    @rule(pause=PAUSES, node=NODES, kind=st.sampled_from(["crash", "kill", "boot", "boot"]))
    def machine(self, *, pause: float, node: str, kind: str) -> None:
        self.do(pause, kind, node=node)

    @rule(pause=PAUSES, node=NODES, kind=st.sampled_from(["freeze", "thaw", "thaw"]))
    def process(self, *, pause: float, node: str, kind: str) -> None:
        self.do(pause, kind, node=node)

    @rule(pause=PAUSES, node=NODES, place=st.sampled_from(["renewal", "opening"]))
    def freeze_within(self, *, pause: float, node: str, place: str) -> None:
        self.do(pause, "freeze_within", node=node, place=place)

    @rule(pause=PAUSES, node=NODES, kind=st.sampled_from(["worker", "service"]), up=st.booleans())
    def worker_or_service(self, *, pause: float, node: str, kind: str, up: bool) -> None:
        self.do(pause, kind, node=node, up=up)

    @rule(pause=PAUSES, node=NODES, group=st.integers(1, 3))
    def address_stolen(self, *, pause: float, node: str, group: int) -> None:
        self.do(pause, "steal_address", node=node, group=group)

    @rule(pause=PAUSES, failed=st.sampled_from([0.0, 0.3]), unknown=st.sampled_from([0.0, 0.3]))
    def operations(self, *, pause: float, failed: float, unknown: float) -> None:
        self.do(pause, "operations", failed=failed, unknown=unknown)

    @rule(pause=PAUSES, full=st.booleans())
    def disks(self, *, pause: float, full: bool) -> None:
        self.do(pause, "disk", full=full)

    @rule(pause=PAUSES, node=NODES)
    def state_lost(self, *, pause: float, node: str) -> None:
        self.do(0.0, "kill", node=node)
        self.do(0.0, "lose_state", node=node)
        self.do(pause, "boot", node=node)

    # --- what must be -----------------------------------------------------------------------------

    @invariant()
    @precondition(lambda self: hasattr(self, "trial"))
    def commands_are_answered_with_a_status_that_scripts_know(self) -> None:
        for node in self.trial.world.nodes:
            for answer in node.answers.values():
                assert answer.code in EXIT_STATUSES, answer
                assert answer.text, answer

    @invariant()
    @precondition(lambda self: hasattr(self, "trial"))
    def who_is_active_holds_a_certificate(self) -> None:
        for node in self.trial.world.nodes:
            for group in node.engine.groups.values() if node.engine is not None else ():
                assert group.state != "active" or group.certificate is not None

    def teardown(self) -> None:
        """A whole pair comes to rest, with one owner for each group."""
        if hasattr(self, "trial"):
            self.trial.heal()
            assert self.trial.world.now_ns < 5_000 * SECOND


TestOperatedPair = pytest.mark.timeout(300)(OperatedPair.TestCase)
TestOperatedPair.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    phases=[Phase.explicit, Phase.generate],  # `hafw sim replay --shrink` cuts down better
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
