"""The conformance class of disks in a cloud: subclass it, and give it a cloud to break.

One rule: a test asks only what the hooks promise, so every disk that passes can carry a cluster.

    class TestMine(DiskConformance):
        plugin = "hafw_mycloud"                      # the module with the hooks

        @pytest.fixture
        def cloud(self): ...                         # a `Cloud`: a model of it, or a sandbox

        @pytest.fixture
        def options(self): return {"disk": "data", "server": ("server-a", "server-b")}

The `Cloud` is that of `hafw.testing.movers`: the disk "leads to" the machine that it is attached
to, and is nowhere at first.
"""

from __future__ import annotations

import importlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pytest

from hafw.hooks.errors import Conflict, Denied, ProviderError, Retryable, UnknownOutcome
from hafw.hooks.hookspecs import Holder
from hafw.hooks.placed import PROOFS
from hafw.hooks.resources import ResourceObservation, ResourceReceipt, ResourceRequest
from hafw.net.clock import boot_ns
from hafw.testing.mover_bench import (
    ALPHA,
    BETA,
    LANDS_S,
    NODES,
    OTHER,
    Cloud,
    Trouble,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw.hooks.placed import Option

__all__ = ["LANDS_S", "NODES", "Cloud", "DiskConformance", "Trouble"]

PROOF: Final = "fenced"
NO_PROOFS: Final = ("reflected", "best-effort", "operator", "")
LATE_S: Final = 1.0
"""How much later than its deadline a call may end, on a busy machine."""
LASTS_S: Final = 20.0
RACES: Final = 4
STORM: Final = 15
"""More calls than this in a second and a half are too many."""


class DiskPair:
    """Two nodes that ask the same plugin, and what is behind it."""

    def __init__(self, plugin: str, options: Mapping[str, Option], cloud: Cloud) -> None:
        """Of the module `plugin`."""
        self.hooks: Any = importlib.import_module(plugin)
        self.cloud = cloud
        self._options = options
        self._epoch = 0

    def request(
        self, node: int, certificate: str = "", lasts_s: float = LASTS_S
    ) -> ResourceRequest:
        """What the agent of a node would ask."""
        self._epoch += 1
        return ResourceRequest(
            type="cloud-disk",
            cluster_id="0" * 32,
            group=3,
            epoch=self._epoch,
            deadline_ns=boot_ns() + int(lasts_s * 1e9),
            op=f"{node}/1/{self._epoch}/1",
            certificate=certificate,
            node=node,
            nodes=NODES,
            options=self._options,
        )

    def start(
        self, node: int, certificate: str = PROOF, lasts_s: float = LASTS_S
    ) -> ResourceReceipt:
        """The hook."""
        wanted = self.request(node, certificate, lasts_s)
        receipt: ResourceReceipt = self.hooks.hafw_resource_start(request=wanted)
        return receipt

    def stop(self, node: int, lasts_s: float = LASTS_S) -> ResourceReceipt:
        """The hook."""
        wanted = self.request(node, "", lasts_s)
        receipt: ResourceReceipt = self.hooks.hafw_resource_stop(request=wanted)
        return receipt

    def probe(self, node: int, lasts_s: float = LASTS_S) -> ResourceObservation:
        """The hook."""
        wanted = self.request(node, "", lasts_s)
        seen: ResourceObservation = self.hooks.hafw_resource_probe(request=wanted)
        return seen

    def race(self, certificate: str) -> list[int]:
        """Let both start at once; who is sure to have the disk?"""
        start = threading.Barrier(len(NODES))

        def run(node: int) -> bool:
            start.wait(10.0)
            try:
                self.start(node, certificate)
            except (Conflict, UnknownOutcome):
                return False
            return True

        with ThreadPoolExecutor(len(NODES)) as pool:
            won = list(pool.map(run, (ALPHA, BETA)))
        return [node for node in (ALPHA, BETA) if won[node]]


class DiskConformance:
    """What every disk promises."""

    plugin: ClassVar[str]
    """The module with the hooks."""

    @pytest.fixture
    def cloud(self) -> Cloud:
        """The cloud; a subclass says which."""
        raise NotImplementedError(f"{type(self).__name__} has no fixture cloud: see hafw.testing")

    @pytest.fixture
    def options(self) -> Mapping[str, Option]:
        """What the cluster file says of the disk; a subclass says what."""
        raise NotImplementedError(f"{type(self).__name__} has no fixture options")

    @pytest.fixture
    def pair(self, cloud: Cloud, options: Mapping[str, Option]) -> DiskPair:
        """Both nodes, and a disk that is nowhere."""
        return DiskPair(self.plugin, options, cloud)

    # --- one after the other --------------------------------------------------------------------

    def test_what_was_started_is_here_and_the_peer_sees_it_there(self, pair: DiskPair) -> None:
        """Read back; the observation names the machine."""
        before = pair.probe(ALPHA)
        receipt = pair.start(ALPHA)

        assert before.holder is Holder.FREE
        assert receipt.changed
        assert receipt.detail
        assert pair.cloud.leads_to() == {"alpha"}
        assert pair.probe(ALPHA).holder is Holder.MINE
        assert pair.probe(BETA).holder is Holder.PEER
        assert pair.probe(BETA).who

    def test_a_second_start_changes_nothing(self, pair: DiskPair) -> None:
        """It is idempotent, whatever it rests on."""
        pair.start(ALPHA)
        receipts = [pair.start(ALPHA, certificate) for certificate in (PROOF, "")]

        assert not any(receipt.changed for receipt in receipts)
        assert pair.cloud.leads_to() == {"alpha"}

    def test_what_was_stopped_is_nowhere_and_a_second_time_is_no_error(
        self, pair: DiskPair
    ) -> None:
        """It is idempotent too."""
        pair.start(ALPHA)

        first, second = pair.stop(ALPHA), pair.stop(ALPHA)

        assert first.changed
        assert not second.changed
        assert pair.cloud.leads_to() == set()
        assert pair.probe(BETA).holder is Holder.FREE

    @pytest.mark.parametrize("certificate", sorted(PROOFS))
    def test_with_a_proof_it_is_taken_from_the_peer(self, pair: DiskPair, certificate: str) -> None:
        """The peer is off, or has let go."""
        pair.cloud.give_to("alpha")

        receipt = pair.start(BETA, certificate)

        assert receipt.changed
        assert pair.cloud.leads_to() == {"beta"}

    @pytest.mark.parametrize("certificate", NO_PROOFS)
    def test_without_a_proof_it_is_left_to_the_peer(self, pair: DiskPair, certificate: str) -> None:
        """And the error names who has it."""
        pair.cloud.give_to("alpha")
        who = pair.probe(BETA).who

        with pytest.raises(Conflict, match="alpha") as refused:
            pair.start(BETA, certificate)

        assert who in str(refused.value)
        assert pair.cloud.leads_to() == {"alpha"}

    @pytest.mark.parametrize("certificate", ["operator", PROOF])
    def test_a_disk_that_is_nowhere_needs_no_proof(self, pair: DiskPair, certificate: str) -> None:
        """Nothing is taken from anybody."""
        pair.start(BETA, certificate)

        assert pair.cloud.leads_to() == {"beta"}

    @pytest.mark.parametrize("certificate", ["", PROOF])
    def test_what_a_third_machine_has_is_left_there(self, pair: DiskPair, certificate: str) -> None:
        """No proof is about that machine."""
        pair.cloud.give_to(OTHER)
        who = pair.probe(ALPHA).who

        with pytest.raises(Conflict) as refused:
            pair.start(ALPHA, certificate)
        receipt = pair.stop(ALPHA)

        assert who in str(refused.value)
        assert not receipt.changed
        assert pair.cloud.leads_to() == {OTHER}
        assert pair.probe(ALPHA).holder is Holder.PEER

    def test_it_goes_there_and_back(self, pair: DiskPair) -> None:
        """Released and taken, twice."""
        for node in (ALPHA, BETA, ALPHA):
            pair.start(node, "released")
            assert pair.cloud.leads_to() == {NODES[node]}
            pair.stop(node)

        assert pair.cloud.leads_to() == set()

    def test_a_late_stop_of_the_old_owner_leaves_the_new_one_alone(self, pair: DiskPair) -> None:
        """The old owner was paused, and comes back to clean up."""
        pair.start(ALPHA)
        pair.start(BETA)

        receipt = pair.stop(ALPHA)

        assert not receipt.changed
        assert pair.cloud.leads_to() == {"beta"}

    def test_nothing_else_is_touched(self, pair: DiskPair) -> None:
        """Whatever else the machines have stays as it is."""
        before = pair.cloud.bystanders()

        pair.start(ALPHA)
        pair.start(BETA)
        pair.stop(BETA)

        assert pair.cloud.bystanders() == before

    def test_a_plan_makes_no_calls(self, pair: DiskPair) -> None:
        """It says what would be done, and what a proof would add to that."""
        before = pair.cloud.calls()

        plans = [
            pair.hooks.hafw_resource_plan(request=pair.request(ALPHA, certificate))
            for certificate in ("", PROOF)
        ]

        assert pair.cloud.calls() == before
        assert all(plans)
        assert plans[0] != plans[1]

    def test_a_warm_up_changes_nothing(self, pair: DiskPair) -> None:
        """Wherever the disk is."""
        for owner in ("alpha", "beta", OTHER):
            pair.cloud.give_to(owner)

            pair.hooks.hafw_resource_warm(requests=(pair.request(ALPHA),))

            assert pair.cloud.leads_to() == {owner}

    # --- trouble --------------------------------------------------------------------------------

    @pytest.mark.parametrize("trouble", [Trouble.DOWN, Trouble.EXPIRED, Trouble.THROTTLED])
    def test_an_error_is_no_answer_about_the_holder(self, pair: DiskPair, trouble: Trouble) -> None:
        """Never FREE, never PEER: UNKNOWN, with the reason."""
        pair.start(ALPHA)
        pair.cloud.begin(trouble)

        seen = pair.probe(ALPHA, lasts_s=0.5)

        assert seen.holder is Holder.UNKNOWN
        assert seen.who

    def test_without_an_api_nothing_moves_and_the_deadline_holds(self, pair: DiskPair) -> None:
        """And when it is back, the same start succeeds."""
        pair.cloud.give_to("alpha")
        pair.cloud.begin(Trouble.DOWN)
        began_s = time.monotonic()

        with pytest.raises(ProviderError):
            pair.start(BETA, lasts_s=0.8)
        took_s = time.monotonic() - began_s
        before = pair.cloud.leads_to()
        pair.cloud.calm()
        pair.start(BETA)

        assert took_s < 0.8 + LATE_S
        assert before == {"alpha"}
        assert pair.cloud.leads_to() == {"beta"}

    def test_without_an_api_a_stop_is_not_confirmed(self, pair: DiskPair) -> None:
        """The next owner must not believe that it is gone."""
        pair.start(ALPHA)
        pair.cloud.begin(Trouble.DOWN)

        with pytest.raises(ProviderError):
            pair.stop(ALPHA, lasts_s=0.8)
        pair.cloud.calm()

        assert pair.probe(BETA).holder is Holder.PEER
        assert pair.stop(ALPHA).changed

    def test_a_short_throttle_is_waited_out(self, pair: DiskPair) -> None:
        """Within the deadline."""
        pair.cloud.begin(Trouble.THROTTLED, times=2)

        pair.start(ALPHA)

        assert pair.cloud.leads_to() == {"alpha"}

    def test_a_long_throttle_is_no_storm(self, pair: DiskPair) -> None:
        """Few calls, and an error that says that nothing was done."""
        pair.cloud.begin(Trouble.THROTTLED)
        before = pair.cloud.calls()

        with pytest.raises(Retryable):
            pair.start(ALPHA, lasts_s=1.5)

        assert pair.cloud.calls() - before < STORM

    @pytest.mark.parametrize("owner", ["", "alpha"], ids=["of nobody's", "of the peer's"])
    def test_a_lost_reply_is_resolved_by_reading(self, pair: DiskPair, owner: str) -> None:
        """The change took effect, and so it is confirmed."""
        if owner:
            pair.cloud.give_to(owner)
        pair.cloud.begin(Trouble.LOST_REPLY, times=2)

        receipt = pair.start(BETA)

        assert receipt.changed
        assert pair.cloud.leads_to() == {"beta"}

    def test_a_lost_reply_to_a_stop_is_resolved_by_reading(self, pair: DiskPair) -> None:
        """The same on the way out."""
        pair.start(ALPHA)
        pair.cloud.begin(Trouble.LOST_REPLY, times=1)

        receipt = pair.stop(ALPHA)

        assert receipt.changed
        assert pair.cloud.leads_to() == set()

    @pytest.mark.parametrize("owner", ["", "alpha"], ids=["of nobody's", "of the peer's"])
    def test_a_missing_permission_is_named(self, pair: DiskPair, owner: str) -> None:
        """So that a person can grant it; nothing has moved."""
        if owner:
            pair.cloud.give_to(owner)
        pair.cloud.begin(Trouble.DENIED)

        with pytest.raises(Denied, match=r"\w+[:./]\w+"):
            pair.start(BETA)

        assert pair.cloud.leads_to() == ({owner} if owner else set())

    def test_expired_credentials_are_named(self, pair: DiskPair) -> None:
        """They are no matter of permissions, and nothing was done."""
        pair.cloud.begin(Trouble.EXPIRED)

        with pytest.raises(Denied):
            pair.start(ALPHA)

        assert pair.cloud.leads_to() == set()

    def test_a_stale_read_that_shows_it_free_misleads_nobody(self, pair: DiskPair) -> None:
        """The peer has it; it still is at one machine in the end, and who has it knows that."""
        pair.cloud.give_to("alpha")
        pair.cloud.begin(Trouble.STALE_READ, times=1)

        try:
            pair.start(BETA, "operator")
        except Conflict:
            assert pair.cloud.leads_to() == {"alpha"}
        else:
            pytest.fail("the peer has it")

    def test_a_stale_read_that_shows_it_nowhere_ends_no_stop(self, pair: DiskPair) -> None:
        """Before it was here it was nowhere."""
        pair.cloud.give_to("alpha")
        pair.cloud.begin(Trouble.STALE_READ, times=1)

        pair.stop(ALPHA)

        assert pair.cloud.leads_to() == set()

    def test_what_is_asked_too_late_is_not_begun(self, pair: DiskPair) -> None:
        """The deadline had passed."""
        with pytest.raises(ProviderError):
            pair.start(ALPHA, lasts_s=-1.0)

        assert pair.cloud.leads_to() == set()

    def test_an_attach_that_lands_late_takes_nothing_from_a_newer_owner(
        self, pair: DiskPair
    ) -> None:
        """It was given up at its deadline, and lands when the other node has the disk."""
        pair.cloud.begin(Trouble.LATE_LANDING)

        with pytest.raises(ProviderError):
            pair.start(ALPHA, lasts_s=LANDS_S / 2)
        pair.cloud.calm()
        pair.start(BETA)
        landed_s = time.monotonic() + LANDS_S
        while time.monotonic() < landed_s:
            assert pair.cloud.leads_to() == {"beta"}

        assert pair.probe(BETA).holder is Holder.MINE

    def test_of_two_racers_one_has_it_and_only_that_one_is_sure(self, pair: DiskPair) -> None:
        """Both want a disk that is nowhere, and neither has a proof against the other."""
        for _ in range(RACES):
            sure = pair.race("operator")

            assert pair.cloud.leads_to() == {NODES[node] for node in sure}
            assert len(sure) == 1
            pair.stop(sure[0])
