"""The conformance class of VIP movers that make no call: a health check, or the network, follows.

One rule: such a mover works without its cloud's API, and asks nothing of it to move a VIP. It is
used as `hafw.testing.movers` is; of the cloud, only `begin` and `calls` are asked.
"""

from __future__ import annotations

from hafw.hooks.hookspecs import Holder
from hafw.testing.mover_bench import ALPHA, BETA, MoverFixtures, Pair, Trouble

__all__ = ["HostMoverConformance"]


class HostMoverConformance(MoverFixtures):
    """What every such mover promises."""

    def test_what_was_attached_is_here_and_not_at_the_peer(self, pair: Pair) -> None:
        """Read back."""
        receipt = pair.attach(ALPHA)

        assert receipt.changed
        assert pair.hosts.holding == {ALPHA}
        assert pair.observe(ALPHA).holder is Holder.MINE
        assert pair.observe(BETA).holder is not Holder.MINE

    def test_a_second_attach_changes_nothing(self, pair: Pair) -> None:
        """It is idempotent."""
        pair.attach(ALPHA)

        assert not pair.attach(ALPHA).changed
        assert pair.hosts.holding == {ALPHA}

    def test_what_was_detached_is_gone_and_a_second_time_is_no_error(self, pair: Pair) -> None:
        """It is idempotent too."""
        pair.attach(ALPHA)

        first, second = pair.detach(ALPHA), pair.detach(ALPHA)

        assert (first.changed, second.changed) == (True, False)
        assert pair.hosts.holding == set()
        assert pair.observe(ALPHA).holder is Holder.FREE

    def test_it_goes_there_and_back(self, pair: Pair) -> None:
        """Released and taken, twice."""
        for node in (ALPHA, BETA, ALPHA):
            pair.attach(node, "released")
            assert pair.hosts.holding == {node}
            pair.detach(node)

        assert pair.hosts.holding == set()

    def test_without_an_api_it_moves_as_ever(self, pair: Pair) -> None:
        """No call is made, and none is missed."""
        pair.cloud.begin(Trouble.DOWN)
        before = pair.cloud.calls()

        pair.attach(ALPHA)
        here = pair.observe(ALPHA).holder
        pair.detach(ALPHA)
        pair.attach(BETA)

        assert here is Holder.MINE
        assert pair.hosts.holding == {BETA}
        assert pair.cloud.calls() == before

    def test_a_plan_makes_no_calls(self, pair: Pair) -> None:
        """It says what would be done."""
        before = pair.cloud.calls()

        plan = pair.hooks.hafw_vip_plan(request=pair.request(ALPHA))

        assert pair.cloud.calls() == before
        assert any(self.address in sentence for sentence in plan)
