"""Leases between engine and worker: numbers here, names and texts there, and nothing guessed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from hafw.agent.leases import Leases
from hafw.agent.reload import refusal
from hafw.config import Authority, Cluster, Protection
from hafw.config.model import Fence
from hafw.core.effects import SwapLease
from hafw.core.model import LeaseOutcome, LeaseReading, LeaseRecord, Op, OpId, OpKind, Outcome
from hafw.core.settings import SECOND
from hafw.core.wire import Key
from hafw.worker.protocol import LeaseReading as Told
from hafw.worker.protocol import LeaseValue as Said
from hafw.worker.protocol import Reply
from tests.agent.lone import cluster_in

if TYPE_CHECKING:
    from pathlib import Path

KEYS: Final = (Key(1, b"k" * 32),)
OP: Final = Op(OpId(0, 5, 4, 9), OpKind.SWAP, 3, 0, 77)
MINE: Final = LeaseRecord(4, 0, 5, (1 << 64) + 9, 20_000)
FREE: Final = LeaseRecord(3, None, 2, 7, 20_000)
FENCE: Final = Fence("manual", (("directory", "/run/hafw"),), 60 * SECOND)


@pytest.fixture(name="cluster")
def a_cluster_with_a_witness(tmp_path: Path) -> Cluster:
    authority = Authority(lease="witness://10.2.0.5", lease_ttl_ns=20 * SECOND)
    return replace(cluster_in(tmp_path), authority=authority)


def test_what_is_written_is_read_back(cluster: Cluster) -> None:
    leases = Leases(cluster, 0, KEYS)

    order = leases.order(SwapLease(OP, LeaseReading(FREE, "8"), MINE))

    assert order.new is not None
    assert (order.new.holder, order.new.nonce) == ("alpha", f"{(1 << 64) + 9:032x}")
    assert order.expected is not None
    assert order.expected.value is not None
    assert order.expected.value.holder == ""
    told = leases.told(OP, Reply(9, Outcome.OK, reading=Told(order.new, "9")))
    assert (told.outcome, told.reading) == (LeaseOutcome.OK, LeaseReading(MINE, "9"))


def test_a_lease_of_somebody_else_is_said_and_not_guessed_at(cluster: Cluster) -> None:
    theirs = Told(Said(9, "gamma", 1, "0a" * 16, 20_000), "9")

    told = Leases(cluster, 0, KEYS).told(OP, Reply(9, Outcome.OK, reading=theirs))

    assert (told.outcome, told.reading) == (LeaseOutcome.UNKNOWN, None)
    assert 'the lease is held by "gamma", which is no node of this cluster' in told.detail


def test_a_nonce_that_is_no_number_is_no_lease_of_ours(cluster: Cluster) -> None:
    theirs = Told(Said(9, "beta", 1, "what", 20_000), "9")

    told = Leases(cluster, 0, KEYS).told(OP, Reply(9, Outcome.OK, reading=theirs))

    assert told.outcome is LeaseOutcome.UNKNOWN


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(9, Outcome.FAILED_NO_EFFECT, conflict=True), LeaseOutcome.CONFLICT),
        (Reply(9, Outcome.FAILED_NO_EFFECT), LeaseOutcome.FAILED_NO_EFFECT),
        (Reply(9, Outcome.UNKNOWN), LeaseOutcome.UNKNOWN),
    ],
)
def test_how_it_ended_is_told_as_it_was(
    cluster: Cluster, reply: Reply, outcome: LeaseOutcome
) -> None:
    assert Leases(cluster, 0, KEYS).told(OP, reply).outcome is outcome


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"authority": None}, "lease store"),
        ({"authority": Authority(lease="etcd://10.2.0.5:2379")}, "lease store"),
        ({"fences": ((), (FENCE,))}, "fences"),
        ({"protection": Protection.FENCED_AND_LEASED}, "fences"),
    ],
)
def test_what_the_other_node_relies_on_does_not_change_under_a_running_agent(
    cluster: Cluster, changed: dict[str, object], named: str
) -> None:
    why = refusal(cluster, replace(cluster, **changed))  # type: ignore[arg-type]

    assert why.startswith(f"a running agent cannot change: {named};")
