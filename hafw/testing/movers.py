"""The conformance class of VIP movers in a cloud: subclass it, and give it a cloud to break.

One rule: a test asks only what the hooks promise, so every mover that passes can carry a cluster.

    class TestMine(ConditionalMoverConformance):     # or MoverConformance, if the last writer wins
        plugin = "hafw_mycloud"                      # the module with the hooks

        @pytest.fixture
        def cloud(self): ...                         # a `Cloud`: a model of it, or a sandbox

        @pytest.fixture
        def options(self): return {"nic": ("nic-a", "nic-b")}

The host's half is replaced by two hosts in memory, so that no privilege is needed.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import ClassVar, Final

import pytest

from hafw.hooks.errors import (
    Conflict,
    Denied,
    ProviderError,
    Retryable,
    UnknownOutcome,
)
from hafw.hooks.hookspecs import Holder
from hafw.testing.mover_bench import (
    ALPHA,
    BETA,
    BY_SILENCE,
    LANDS_S,
    NODES,
    OTHER,
    Cloud,
    Hosts,
    MoverFixtures,
    Pair,
    Trouble,
)

__all__ = [
    "LANDS_S",
    "NODES",
    "Cloud",
    "ConditionalMoverConformance",
    "Hosts",
    "MoverConformance",
    "Trouble",
]

LATE_S: Final = 1.0
"""How much later than its deadline a call may end, on a busy machine."""
RACES: Final = 6
RACES_MAX: Final = 10 * RACES
"""As many, until one of two was refused."""
STORM: Final = 15
"""More calls than this in a second and a half are too many."""
PROOF: Final = "fenced"


class MoverConformance(MoverFixtures):
    """What every mover promises."""

    gives_up: ClassVar[bool] = True
    """Whether the VIP leads nowhere after a release; otherwise it leads there until it is taken."""

    # --- one after the other --------------------------------------------------------------------

    def test_what_was_attached_is_here_and_the_peer_sees_it_there(self, pair: Pair) -> None:
        """Both halves, read back."""
        receipt = pair.attach(ALPHA)

        assert receipt.changed
        assert pair.cloud.leads_to() == {"alpha"}
        assert pair.hosts.holding == {ALPHA}
        assert pair.observe(ALPHA).holder is Holder.MINE
        assert pair.observe(BETA).holder is Holder.PEER

    @pytest.mark.parametrize("certificate", [BY_SILENCE, PROOF])
    def test_a_second_attach_changes_nothing(self, pair: Pair, certificate: str) -> None:
        """It is idempotent."""
        pair.attach(ALPHA)
        before = pair.cloud.bystanders()

        pair.attach(ALPHA, certificate)

        assert pair.cloud.leads_to() == {"alpha"}
        assert pair.cloud.bystanders() == before

    def test_what_was_detached_is_gone_and_a_second_time_is_no_error(self, pair: Pair) -> None:
        """It is idempotent too."""
        pair.attach(ALPHA)

        first, second = pair.detach(ALPHA), pair.detach(ALPHA)

        assert first.changed
        assert not second.changed
        assert pair.hosts.holding == set()
        assert pair.observe(ALPHA).holder is not Holder.MINE
        assert pair.cloud.leads_to() == (set() if self.gives_up else {"alpha"})

    @pytest.mark.parametrize("certificate", [BY_SILENCE, PROOF])
    def test_the_vip_of_a_dead_peer_is_taken(self, pair: Pair, certificate: str) -> None:
        """Also after both were off: the cloud leads to whoever had it last."""
        pair.cloud.give_to("alpha")

        pair.attach(BETA, certificate)

        assert pair.cloud.leads_to() == {"beta"}
        assert pair.observe(BETA).holder is Holder.MINE

    def test_it_goes_there_and_back(self, pair: Pair) -> None:
        """Released and taken, twice."""
        for node in (ALPHA, BETA, ALPHA):
            pair.attach(node, "released")
            assert pair.cloud.leads_to() == {NODES[node]}
            pair.detach(node)

        assert pair.hosts.holding == set()

    def test_a_late_release_of_the_old_owner_leaves_the_new_one_alone(self, pair: Pair) -> None:
        """The old owner was paused, and comes back to clean up."""
        pair.attach(ALPHA)
        pair.attach(BETA)

        pair.detach(ALPHA)

        assert pair.cloud.leads_to() == {"beta"}
        assert pair.observe(BETA).holder is Holder.MINE

    def test_what_a_third_party_has_is_left_there(self, pair: Pair) -> None:
        """And the error names it."""
        pair.cloud.give_to(OTHER)

        with pytest.raises(Conflict):
            pair.attach(ALPHA)
        pair.detach(ALPHA)

        assert pair.cloud.leads_to() == {OTHER}
        assert pair.observe(ALPHA).holder is Holder.PEER

    def test_nothing_else_is_touched(self, pair: Pair) -> None:
        """Whatever else the nodes, the tables and the others have stays as it is."""
        before = pair.cloud.bystanders()

        pair.attach(ALPHA)
        pair.attach(BETA, PROOF)
        pair.detach(BETA)

        assert pair.cloud.bystanders() == before

    def test_a_plan_makes_no_calls(self, pair: Pair) -> None:
        """It says what would be done."""
        before = pair.cloud.calls()

        plan = pair.hooks.hafw_vip_plan(request=pair.request(ALPHA))

        assert pair.cloud.calls() == before
        assert any(self.address in sentence for sentence in plan)

    @pytest.mark.parametrize("owner", ["alpha", "beta", OTHER])
    def test_a_warm_up_changes_nothing_and_may_come_again_with_other_vips_or_none(
        self, pair: Pair, owner: str
    ) -> None:
        """It is called for some groups alone when others lack something."""
        if not hasattr(pair.hooks, "hafw_warm"):
            return  # always ready
        pair.cloud.give_to(owner)
        before = pair.cloud.bystanders()

        for requests in ((pair.request(ALPHA),), (), (pair.request(ALPHA),)):
            pair.hooks.hafw_warm(requests=requests)

        assert pair.cloud.leads_to() == {owner}
        assert pair.cloud.bystanders() == before

    # --- trouble --------------------------------------------------------------------------------

    @pytest.mark.parametrize("trouble", [Trouble.DOWN, Trouble.EXPIRED, Trouble.THROTTLED])
    def test_an_error_is_no_answer_about_the_owner(self, pair: Pair, trouble: Trouble) -> None:
        """Never FREE, never PEER: UNKNOWN, with the reason."""
        pair.attach(ALPHA)
        pair.cloud.begin(trouble)

        seen = pair.observe(ALPHA, lasts_s=0.5)

        assert seen.holder is Holder.UNKNOWN
        assert seen.who
        assert pair.cloud.leads_to() == {"alpha"}

    def test_without_an_api_nothing_moves_and_the_deadline_holds(self, pair: Pair) -> None:
        """And when it is back, the same attach succeeds."""
        pair.cloud.give_to("alpha")
        pair.cloud.begin(Trouble.DOWN)
        began_s = time.monotonic()

        with pytest.raises(ProviderError):
            pair.attach(BETA, lasts_s=0.8)
        took_s = time.monotonic() - began_s
        before = pair.cloud.leads_to()
        pair.cloud.calm()
        pair.attach(BETA)

        assert took_s < 0.8 + LATE_S
        assert before == {"alpha"}
        assert pair.cloud.leads_to() == {"beta"}

    def test_without_an_api_a_release_takes_it_off_the_host(self, pair: Pair) -> None:
        """That is what counts for the peer, which takes the rest."""
        pair.attach(ALPHA)
        pair.cloud.begin(Trouble.DOWN)

        with suppress(UnknownOutcome):
            pair.detach(ALPHA, lasts_s=0.8)

        assert pair.hosts.holding == set()

    def test_a_short_throttle_is_waited_out(self, pair: Pair) -> None:
        """Within the deadline."""
        pair.cloud.begin(Trouble.THROTTLED, times=2)

        pair.attach(ALPHA)

        assert pair.cloud.leads_to() == {"alpha"}

    def test_a_long_throttle_is_no_storm(self, pair: Pair) -> None:
        """Few calls, and an error that says that nothing was done."""
        pair.cloud.begin(Trouble.THROTTLED)
        before = pair.cloud.calls()

        with pytest.raises(Retryable):
            pair.attach(ALPHA, lasts_s=1.5)

        assert pair.cloud.calls() - before < STORM
        assert pair.hosts.holding == set()

    @pytest.mark.parametrize("certificate", [BY_SILENCE, PROOF])
    @pytest.mark.parametrize("owner", ["", "alpha"], ids=["of nobody's", "of the peer's"])
    def test_a_lost_reply_is_resolved_by_reading(
        self, pair: Pair, owner: str, certificate: str
    ) -> None:
        """The change took effect, and so it is confirmed."""
        if owner:
            pair.cloud.give_to(owner)
        pair.cloud.begin(Trouble.LOST_REPLY, times=1)

        pair.attach(BETA, certificate)

        assert pair.cloud.leads_to() == {"beta"}
        assert pair.observe(BETA).holder is Holder.MINE

    def test_a_lost_reply_to_a_release_is_resolved_by_reading(self, pair: Pair) -> None:
        """The same on the way out."""
        pair.attach(ALPHA)
        pair.cloud.begin(Trouble.LOST_REPLY, times=1)

        pair.detach(ALPHA)

        assert pair.observe(ALPHA).holder is not Holder.MINE
        assert pair.cloud.leads_to() == (set() if self.gives_up else {"alpha"})

    def test_a_missing_permission_is_named(self, pair: Pair) -> None:
        """So that a person can grant it."""
        pair.cloud.begin(Trouble.DENIED)

        with pytest.raises(Denied, match=r"\w+[:.]\w+"):
            pair.attach(ALPHA)

        assert pair.hosts.holding == set()

    def test_expired_credentials_are_named(self, pair: Pair) -> None:
        """They are no matter of permissions, and nothing was done."""
        pair.cloud.begin(Trouble.EXPIRED)

        with pytest.raises(Denied):
            pair.attach(ALPHA)

        assert pair.hosts.holding == set()

    def test_a_stale_read_misleads_nobody(self, pair: Pair) -> None:
        """It shows the VIP free that the peer has; it still has one owner in the end."""
        pair.cloud.give_to("alpha")
        pair.cloud.begin(Trouble.STALE_READ, times=1)

        try:
            pair.attach(BETA)
        except Conflict:
            assert pair.cloud.leads_to() == {"alpha"}
            assert pair.hosts.holding == set()
        else:
            assert pair.cloud.leads_to() == {"beta"}

    def test_what_is_asked_too_late_is_not_begun(self, pair: Pair) -> None:
        """The deadline had passed."""
        before = pair.cloud.leads_to()

        with pytest.raises(ProviderError):
            pair.attach(ALPHA, lasts_s=-1.0)

        assert pair.cloud.leads_to() == before


class ConditionalMoverConformance(MoverConformance):
    """What a mover promises whose cloud refuses a claim when somebody else was quicker."""

    def test_a_claim_that_lands_late_takes_nothing_from_a_newer_owner(self, pair: Pair) -> None:
        """It was given up at its deadline, and lands when the other node has the VIP."""
        pair.cloud.begin(Trouble.LATE_LANDING)

        with pytest.raises(ProviderError):
            pair.attach(ALPHA, lasts_s=LANDS_S / 2)
        pair.cloud.calm()
        pair.attach(BETA)
        landed_s = time.monotonic() + LANDS_S
        while time.monotonic() < landed_s:
            assert pair.cloud.leads_to() == {"beta"}

        assert pair.observe(BETA).holder is Holder.MINE

    def test_of_two_racers_one_wins(self, pair: Pair) -> None:
        """Both claim a VIP that is free: it has one owner, who knows that it is."""
        refused = 0
        for number in range(RACES_MAX):
            if refused and number >= RACES:
                break
            sure = pair.race()

            (owner,) = (NODES.index(name) for name in pair.cloud.leads_to())
            assert owner in sure
            assert pair.observe(owner).holder is Holder.MINE
            # Who began only when the other had it already took it over, as it may.
            assert pair.observe(1 - owner).holder is Holder.PEER
            refused += len(sure) == 1
            for node in (ALPHA, BETA):
                pair.detach(node)
        assert refused
