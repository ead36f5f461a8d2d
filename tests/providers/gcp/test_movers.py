"""The movers of Google Cloud against the model, by way of the real SDK."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from hafw.hooks.errors import (
    Conflict,
    Denied,
    Misconfigured,
    Retryable,
    StaleEpoch,
    UnknownOutcome,
)
from hafw.net.clock import boot_ns
from hafw.providers.gcp import alias_ip, route
from hafw.providers.gcp.api import Compute
from hafw.providers.gcp.errors import decided
from hafw.providers.gcp.values import Machine, Move
from hafw_sim.clouds.gce import Alias, Fault, Kind
from hafw_sim.clouds.gce.machines import holders
from hafw_sim.clouds.gce.routes import next_hops

if TYPE_CHECKING:
    from types import ModuleType

    from hafw.hooks.hookspecs import VipObservation
    from hafw_sim.clouds.gce import Gce
    from hafw_sim.clouds.gce.server import Server

VIP = "10.0.0.50"
A = Machine(project="p", zone="europe-west1-b", name="vm-a")
B = Machine(project="p", zone="europe-west1-c", name="vm-b")
OWNER = "6f1c2a00-0000-4000-8000-000000000001/3"


@dataclass(frozen=True)
class Node:
    """One node with its mover; each order is another operation."""

    compute: Compute
    mover: ModuleType
    move: Move

    def order(self, *, epoch: int = 1, for_s: float = 10.0) -> Move:
        return replace(self.move, epoch=epoch, deadline_ns=boot_ns() + int(for_s * 1e9))

    def attach(self, *, epoch: int = 1, for_s: float = 10.0) -> bool:
        move = self.order(epoch=epoch, for_s=for_s)
        return bool(decided(lambda: self.mover.attach(self.compute, move), move.deadline_ns))

    def detach(self) -> bool:
        move = self.order()
        return bool(decided(lambda: self.mover.detach(self.compute, move), move.deadline_ns))

    def observe(self, *, for_s: float = 10.0) -> VipObservation:
        found: VipObservation = self.mover.observe(self.compute, self.order(for_s=for_s))
        return found


@pytest.fixture
def compute(cloud: Server) -> Compute:
    return Compute(cloud.endpoint)


def nodes(compute: Compute, mover: ModuleType) -> tuple[Node, Node]:
    move = Move(address=VIP, me=A, peer=B, epoch=1, owner=OWNER, deadline_ns=0)
    alpha = Node(compute, mover, move)
    return alpha, replace(alpha, move=replace(move, me=B, peer=A))


@pytest.fixture(params=[alias_ip, route], ids=["alias-ip", "route"])
def pair(request: pytest.FixtureRequest, compute: Compute) -> tuple[Node, Node]:
    return nodes(compute, request.param)


@pytest.fixture
def by_alias(compute: Compute) -> tuple[Node, Node]:
    return nodes(compute, alias_ip)


@pytest.fixture
def by_route(compute: Compute) -> tuple[Node, Node]:
    return nodes(compute, route)


def aliases(gce: Gce, name: str) -> tuple[Alias, ...]:
    (found,) = (one for one in gce.state.things.instances.values() if one.name == name)
    return found.nics[0].aliases


def owners(gce: Gce) -> list[str]:
    """Where traffic for the VIP goes, by alias or by route."""
    return holders(gce.state.things, VIP) or next_hops(gce.state.things, f"{VIP}/32")


@pytest.mark.parametrize("kind", [Kind.THROTTLED, Kind.RATE_LIMITED])
def test_it_comes_back_when_the_service_says(pair: tuple[Node, Node], gce: Gce, kind: Kind) -> None:
    alpha, _ = pair
    gce.faults.add(Fault(kind, 0.05, times=2))

    alpha.attach()

    assert owners(gce) == ["vm-a"]


def test_it_does_not_wait_beyond_the_deadline(pair: tuple[Node, Node], gce: Gce) -> None:
    alpha, _ = pair
    gce.faults.add(Fault(Kind.THROTTLED, 3_600.0))

    with pytest.raises(Retryable, match="429") as refused:
        alpha.attach()

    assert refused.value.after_s == 3_600.0


@pytest.mark.parametrize("calls", ["instances.updateNetworkInterface", "routes.*", "*.wait"])
def test_a_lost_reply_is_made_up_for_by_the_same_request(
    pair: tuple[Node, Node], gce: Gce, calls: str
) -> None:
    alpha, _ = pair
    gce.faults.add(Fault(Kind.LOST_REPLY, calls=calls, times=1))

    alpha.attach()

    assert owners(gce) == ["vm-a"]


@pytest.mark.parametrize("times", [1, 2])
def test_an_operation_that_ended_for_being_too_many_is_begun_anew(
    pair: tuple[Node, Node], gce: Gce, times: int
) -> None:
    alpha, _ = pair
    gce.faults.add(Fault(Kind.FAILED_OPERATION, times=times))

    alpha.attach()

    assert owners(gce) == ["vm-a"]


def test_what_is_not_seen_to_end_is_unknown(pair: tuple[Node, Node], gce: Gce) -> None:
    alpha, _ = pair
    gce.faults.add(Fault(Kind.STUCK_OPERATION))

    with pytest.raises(UnknownOutcome, match=r"operation-\d+ was accepted and not seen to end"):
        alpha.attach(for_s=0.5)


def test_a_change_that_never_is_answered_is_unknown(pair: tuple[Node, Node], gce: Gce) -> None:
    alpha, _ = pair
    gce.faults.add(Fault(Kind.LOST_REPLY, calls="instances.updateNetworkInterface"))
    gce.faults.add(Fault(Kind.LOST_REPLY, calls="routes.insert"))

    with pytest.raises(UnknownOutcome):
        alpha.attach(for_s=0.5)


def test_a_missing_permission_is_named_with_the_remedy(pair: tuple[Node, Node], gce: Gce) -> None:
    alpha, _ = pair
    gce.denied |= {"compute.instances.updateNetworkInterface", "compute.routes.create"}

    with pytest.raises(Denied, match=r"compute\.(instances|routes)\.\w+.*hafw policy gcp"):
        alpha.attach()


def test_other_aliases_stay_as_they_were(by_alias: tuple[Node, Node], gce: Gce) -> None:
    alpha, beta = by_alias

    alpha.attach()
    beta.attach(epoch=2)
    beta.detach()

    assert aliases(gce, "vm-a") == (Alias("10.0.0.90/32"),)
    assert aliases(gce, "vm-b") == (Alias("10.8.0.7/32", "pods"),)


def test_the_last_alias_of_an_interface_can_be_taken(by_alias: tuple[Node, Node], gce: Gce) -> None:
    alpha, beta = by_alias
    until_ns = boot_ns() + 10**10
    seen = alpha.compute.server(A, until_ns).interfaces["nic0"]
    alpha.compute.set_aliases(A, seen, (), until_ns)
    alpha.attach()

    beta.attach(epoch=2)

    assert aliases(gce, "vm-a") == ()
    assert owners(gce) == ["vm-b"]


def test_a_stale_fingerprint_is_read_anew(by_alias: tuple[Node, Node], gce: Gce) -> None:
    alpha, beta = by_alias
    alpha.attach()
    alpha.detach()
    beta.attach()
    beta.detach()
    gce.faults.add(Fault(Kind.STALE_READ, 60.0, calls="instances.get", times=2))

    alpha.attach()

    assert owners(gce) == ["vm-a"]


def test_what_only_an_old_read_says_is_here_is_claimed_again(
    by_alias: tuple[Node, Node], gce: Gce
) -> None:
    alpha, _ = by_alias
    alpha.attach()
    alpha.detach()
    while len(gce.state.past) > 1:  # what is left to be seen is the moment before the detach
        gce.state.past.popleft()
    gce.faults.add(Fault(Kind.STALE_READ, 3_600.0, "instances.get", 1))

    changed = alpha.attach()

    assert changed
    assert owners(gce) == ["vm-a"]


def test_an_address_of_a_third_machine_is_a_conflict(by_alias: tuple[Node, Node], gce: Gce) -> None:
    alpha, _ = by_alias
    taken = replace(alpha, move=replace(alpha.move, address="10.0.0.3"))

    with pytest.raises(Conflict, match="IP_IN_USE_BY_ANOTHER_RESOURCE"):
        taken.attach()

    assert aliases(gce, "vm-a") == (Alias("10.0.0.90/32"),)


def test_a_peer_that_was_deleted_has_nothing(by_alias: tuple[Node, Node], gce: Gce) -> None:
    alpha, _ = by_alias
    gone = replace(alpha, move=replace(alpha.move, peer=replace(B, name="vm-z")))

    gone.attach()

    assert owners(gce) == ["vm-a"]


def test_an_address_outside_the_subnetwork_is_misconfigured(by_alias: tuple[Node, Node]) -> None:
    alpha, _ = by_alias
    outside = replace(alpha, move=replace(alpha.move, address="192.0.2.1"))

    with pytest.raises(Misconfigured, match=r"is not in 10\.0\.0\.0/24"):
        outside.attach()


def test_a_takeover_by_alias_takes_as_many_calls_as_planned(
    by_alias: tuple[Node, Node], gce: Gce
) -> None:
    alpha, beta = by_alias
    alpha.attach()
    gce.made.clear()

    beta.attach(epoch=2)

    planned = [line.split()[0].rstrip(",") for line in alias_ip.plan(beta.order())]
    assert gce.made == planned


def test_traffic_has_a_way_at_every_moment_of_a_move(by_route: tuple[Node, Node], gce: Gce) -> None:
    alpha, beta = by_route
    alpha.attach()
    since = len(gce.state.past)

    beta.attach(epoch=2)

    hops = [next_hops(things, f"{VIP}/32") for _, things in [*gce.state.past][since:]]
    assert hops == [["vm-a"], ["vm-b"]]


def test_an_older_epoch_never_takes_the_traffic(by_route: tuple[Node, Node], gce: Gce) -> None:
    alpha, beta = by_route
    beta.attach(epoch=5)
    since = len(gce.state.past)

    with pytest.raises(StaleEpoch):
        alpha.attach(epoch=4)

    hops = [next_hops(things, f"{VIP}/32") for _, things in [*gce.state.past][since:]]
    assert hops == [["vm-b"]] * len(hops)
    assert [route.name[-2:] for route in gce.state.things.routes.values()] == ["-5"]


def test_one_epoch_has_one_route(by_route: tuple[Node, Node], gce: Gce) -> None:
    alpha, beta = by_route
    alpha.attach(epoch=5)

    with pytest.raises(Conflict, match="already zones/europe-west1-b/instances/vm-a's"):
        beta.attach(epoch=5)

    assert owners(gce) == ["vm-a"]


def test_a_route_of_another_cluster_is_left_alone(by_route: tuple[Node, Node], gce: Gce) -> None:
    alpha, beta = by_route
    foreign = replace(beta, move=replace(beta.move, owner="ffffffff-0000/3"))
    foreign.attach(epoch=1)

    with pytest.raises(Conflict, match="is not of this cluster"):
        alpha.attach(epoch=1)

    assert owners(gce) == ["vm-b"]


def test_a_takeover_by_route_takes_as_many_calls_as_planned(
    by_route: tuple[Node, Node], gce: Gce
) -> None:
    alpha, beta = by_route
    alpha.attach()
    gce.made.clear()

    beta.attach(epoch=2)

    assert gce.made == [
        "routes.insert",
        "globalOperations.wait",
        "routes.list",
        "routes.delete",
        "globalOperations.wait",
    ]
