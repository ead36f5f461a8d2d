"""The conformance classes of lease stores: subclass the one that fits, and give it a URL.

One rule: a test asks only what the hooks promise, so every store that passes can carry a cluster.

    class TestVault(HttpLeaseConformance):
        @pytest.fixture(scope="class")
        @classmethod
        def lease_url(cls, vault_server): return f"vault://127.0.0.1:{vault_server.port}"

`LeaseConformance` needs the URL alone; `RemoteLeaseConformance` puts a proxy in front of the
`127.0.0.1:PORT` in it and breaks the network; `HttpLeaseConformance` lets the server be busy too.
"""

from __future__ import annotations

import itertools
import multiprocessing
import re
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final
from uuid import uuid4

import pytest

from hafw.hooks.errors import (
    Conflict,
    Denied,
    Misconfigured,
    ProviderError,
    Retryable,
    UnknownOutcome,
)
from hafw.testing.contender import Contender, Tally, race
from hafw.testing.fault_proxy import Fault, FaultProxy, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw.core.wire import Key

RACED_GROUPS: Final = range(200, 230)
ROUNDS: Final = 30
LATE_S: Final = 1.5
"""How much later than its deadline a call may end, on a busy machine."""
_ADDRESS: Final = re.compile(r"127\.0\.0\.1:(\d+)")


class LeaseConformance:
    """What every lease store promises."""

    keys: ClassVar[tuple[Key, ...]] = ()
    """The cluster's keys, for stores that it authenticates to."""
    _groups: ClassVar[Iterator[int]] = itertools.count(1)

    @pytest.fixture(scope="class")
    @classmethod
    def lease_url(cls) -> str:
        """The URL of the store; a subclass says which."""
        raise NotImplementedError(f"{cls.__name__} has no fixture lease_url: the URL of its store")

    @pytest.fixture(scope="class")
    @classmethod
    def cluster_id(cls) -> str:
        """A cluster that the store serves."""
        return str(uuid4())

    @pytest.fixture
    def alpha(self, lease_url: str, cluster_id: str) -> Contender:
        """One node, and a lease that nobody ever wrote."""
        group = next(self._groups) % 199 + 1
        return Contender(url=lease_url, cluster_id=cluster_id, group=group, keys=self.keys)

    @pytest.fixture
    def beta(self, alpha: Contender) -> Contender:
        """The other node, and the same lease."""
        return replace(alpha, node=1)

    @pytest.fixture(scope="class")
    @classmethod
    def tallies(cls, lease_url: str, cluster_id: str) -> tuple[Tally, Tally, int]:
        """What two processes won that raced each other, and the last epoch."""
        alpha = Contender(url=lease_url, cluster_id=cluster_id, keys=cls.keys)
        context = multiprocessing.get_context("spawn")
        with context.Manager() as manager, ProcessPoolExecutor(2, context) as pool:
            barrier = manager.Barrier(2)
            first, second = (
                pool.submit(race, replace(alpha, node=node), RACED_GROUPS, ROUNDS, barrier)
                for node in (0, 1)
            )
            won = first.result(), second.result()
        last = replace(alpha, group=RACED_GROUPS[0]).read().value
        assert last is not None
        return *won, last.epoch

    # --- one after the other --------------------------------------------------------------------

    def test_a_lease_that_was_never_written_has_no_value(self, alpha: Contender) -> None:
        """Nothing stands there."""
        assert alpha.read().value is None

    def test_what_was_written_is_read_back_exactly(self, alpha: Contender, beta: Contender) -> None:
        """Every field, by both nodes, at the sizes that they may have."""
        new = replace(alpha.value(epoch=2**62 + 1, holder="n" * 64), incarnation=2**62 + 3)

        written = alpha.swap(alpha.read(), new)

        assert written.value == new
        assert alpha.read() == beta.read() == written

    def test_a_lease_is_renewed_by_the_reading_that_the_last_swap_gave(
        self, alpha: Contender
    ) -> None:
        """No read is needed in between, and every version is a new one."""
        readings = [alpha.swap(alpha.read(), alpha.value(epoch=1))]
        for _ in range(3):
            readings.append(alpha.swap(readings[-1], alpha.value(epoch=1)))

        assert alpha.read() == readings[-1]
        assert len({reading.version for reading in readings}) == len(readings)

    def test_only_one_create_succeeds(self, alpha: Contender, beta: Contender) -> None:
        """The second finds that there is one."""
        nothing = beta.read()
        created = alpha.swap(alpha.read(), alpha.value(epoch=1))

        with pytest.raises(Conflict):
            beta.swap(nothing, beta.value(epoch=1, holder="beta"))

        assert beta.read() == created

    def test_a_stale_swap_changes_nothing(self, alpha: Contender, beta: Contender) -> None:
        """The expected value was replaced since."""
        stale = alpha.swap(alpha.read(), alpha.value(epoch=1))
        newer = beta.swap(beta.read(), beta.value(epoch=2, holder="beta"))

        with pytest.raises(Conflict):
            alpha.swap(stale, alpha.value(epoch=1))

        assert alpha.read() == newer

    def test_a_value_that_only_looks_the_same_is_another(
        self, alpha: Contender, beta: Contender
    ) -> None:
        """There and back again is a change: no ABA."""
        first = alpha.swap(alpha.read(), alpha.value(epoch=1))
        second = beta.swap(first, beta.value(epoch=1, holder="beta"))
        alpha.swap(second, alpha.value(epoch=1))

        with pytest.raises(Conflict):
            beta.swap(first, beta.value(epoch=2, holder="beta"))

    def test_a_released_lease_is_taken_by_the_other(
        self, alpha: Contender, beta: Contender
    ) -> None:
        """A release keeps the epoch, and leaves no holder."""
        held = alpha.swap(alpha.read(), alpha.value(epoch=4))
        alpha.swap(held, alpha.value(epoch=4, holder=""))

        seen = beta.read()
        taken = beta.swap(seen, beta.value(epoch=5, holder="beta"))

        assert seen.value is not None
        assert (seen.value.epoch, seen.value.holder) == (4, "")
        assert alpha.read() == taken

    def test_groups_do_not_touch_each_other_even_at_once(self, alpha: Contender) -> None:
        """Several threads swap, as the worker's do."""
        nodes = [replace(alpha, group=group) for group in range(240, 244)]

        def renew(node: Contender) -> None:
            reading = node.swap(node.read(), node.value(epoch=node.group))
            for _ in range(4):
                reading = node.swap(reading, node.value(epoch=node.group))

        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(renew, nodes))

        found = [node.read().value for node in nodes]
        assert [value.epoch for value in found if value] == [node.group for node in nodes]

    def test_nothing_of_another_cluster_is_touched(self, alpha: Contender) -> None:
        """A store may serve a second cluster, or refuse it."""
        ours = alpha.swap(alpha.read(), alpha.value(epoch=1))
        other = replace(alpha, cluster_id=str(uuid4()), timeout_s=1.0)

        with suppress(Misconfigured, Denied):
            assert other.read().value is None
            other.swap(other.read(), other.value(epoch=9, holder="stranger"))

        assert alpha.read() == ours

    def test_nothing_is_sent_after_the_deadline(self, alpha: Contender) -> None:
        """A swap that comes too late to begin has no effect, and says so."""
        before = alpha.swap(alpha.read(), alpha.value(epoch=1))
        late = replace(alpha, timeout_s=-1.0)

        with pytest.raises(ProviderError) as refused:
            late.swap(before, alpha.value(epoch=2))
        with pytest.raises(Retryable):
            late.read()

        assert not isinstance(refused.value, UnknownOutcome)
        assert alpha.read() == before

    # --- two processes at once ------------------------------------------------------------------

    def test_of_two_processes_that_create_a_lease_one_wins(
        self, tallies: tuple[Tally, Tally, int]
    ) -> None:
        """Never both, and never none."""
        alpha, beta, _ = tallies

        won = Counter(alpha.created + beta.created)

        assert max(won.values()) == 1
        assert len(RACED_GROUPS) - alpha.doubtful - beta.doubtful <= len(won)

    def test_no_epoch_is_won_by_two_processes_and_none_is_lost(
        self, tallies: tuple[Tally, Tally, int]
    ) -> None:
        """The last epoch counts the swaps that were made."""
        alpha, beta, last = tallies
        made = 1 + len(alpha.taken) + len(beta.taken)

        assert max(Counter(alpha.taken + beta.taken).values()) == 1
        assert made <= last <= made + alpha.doubtful + beta.doubtful


class RemoteLeaseConformance(LeaseConformance):
    """What a store across a network promises as well."""

    transport: ClassVar[str] = "tcp"
    """Or "udp"."""

    @pytest.fixture(scope="class")
    @classmethod
    def proxy(cls, lease_url: str) -> Iterator[FaultProxy]:
        """Stands in front of the server."""
        found = _ADDRESS.search(lease_url)
        assert found is not None, f"there is no 127.0.0.1:PORT in {lease_url}"
        with FaultProxy(("127.0.0.1", int(found[1])), cls.transport) as proxy:
            yield proxy

    @pytest.fixture
    def distant(self, alpha: Contender, proxy: FaultProxy) -> Contender:
        """The first node, behind the proxy, with little time for a call."""
        url = _ADDRESS.sub(f"127.0.0.1:{proxy.address[1]}", alpha.url)
        contender = replace(alpha, url=url)
        contender.warm()
        contender.read()
        return replace(contender, timeout_s=1.0)

    def test_a_swap_whose_reply_was_lost_is_open_and_its_nonce_tells(
        self, alpha: Contender, distant: Contender, proxy: FaultProxy
    ) -> None:
        """The server acted: reading finds the value."""
        before, new = distant.read(), distant.value(epoch=1)

        with proxy.broken(Fault(Kind.REPLY_LOST)), pytest.raises(UnknownOutcome):
            distant.swap(before, new)

        assert alpha.read().value == new

    @pytest.mark.parametrize(
        "fault", [Fault(Kind.HALF_OPEN), Fault(Kind.REPLY_LATE, delay_s=3.0)], ids=lambda f: f.kind
    )
    def test_no_call_outlives_its_deadline(
        self, distant: Contender, proxy: FaultProxy, fault: Fault
    ) -> None:
        """A swap is open then; a read is just no answer."""
        before = distant.read()
        started_s = time.monotonic()

        with proxy.broken(fault):
            with pytest.raises(UnknownOutcome):
                distant.swap(before, distant.value(epoch=1))
            with pytest.raises(Retryable):
                distant.read()

        assert time.monotonic() - started_s < 2 * distant.timeout_s + LATE_S

    def test_a_server_that_is_not_there_can_be_asked_again(
        self, distant: Contender, proxy: FaultProxy
    ) -> None:
        """Who cannot know whether anything was sent says so: by UDP, on a kept connection."""
        before = distant.read()

        with proxy.broken(Fault(Kind.REFUSED)):
            with pytest.raises((Retryable, UnknownOutcome)):
                distant.swap(before, distant.value(epoch=1))
            with pytest.raises(Retryable):
                distant.read()

        assert distant.read() == before

    def test_it_works_again_when_the_fault_is_over(
        self, distant: Contender, proxy: FaultProxy
    ) -> None:
        """Nothing of the fault stays in a client."""
        before = distant.read()
        with proxy.broken(Fault(Kind.HALF_OPEN)), pytest.raises(Retryable):
            distant.read()

        after = distant.swap(before, distant.value(epoch=1))

        assert distant.read() == after


class HttpLeaseConformance(RemoteLeaseConformance):
    """What a store that speaks HTTP promises as well."""

    @pytest.mark.parametrize("status", [429, 503])
    def test_a_busy_server_is_asked_again_when_it_says(
        self, distant: Contender, proxy: FaultProxy, status: int
    ) -> None:
        """Nothing is written."""
        before = distant.read()
        busy = Fault(Kind.STATUS, status=status, retry_after_s=7)

        with proxy.broken(busy):
            with pytest.raises(Retryable) as refused_swap:
                distant.swap(before, distant.value(epoch=1))
            with pytest.raises(Retryable) as refused_read:
                distant.read()

        assert (refused_swap.value.after_s, refused_read.value.after_s) == (7.0, 7.0)
        assert distant.read() == before

    def test_an_internal_error_leaves_a_swap_open(
        self, distant: Contender, proxy: FaultProxy
    ) -> None:
        """The server may have acted before it failed."""
        before = distant.read()

        with proxy.broken(Fault(Kind.STATUS, status=500)):
            with pytest.raises(UnknownOutcome):
                distant.swap(before, distant.value(epoch=1))
            with pytest.raises(Retryable):
                distant.read()

    def test_credentials_that_are_not_enough_are_denied(
        self, distant: Contender, proxy: FaultProxy
    ) -> None:
        """No retry cures that."""
        before = distant.read()

        with proxy.broken(Fault(Kind.STATUS, status=403)):
            with pytest.raises(Denied):
                distant.swap(before, distant.value(epoch=1))
            with pytest.raises(Denied):
                distant.read()
