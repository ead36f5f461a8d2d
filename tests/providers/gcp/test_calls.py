"""The calls that are made are the calls that are declared, with the permissions that they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hafw.config.vip_options import VIP_KEYS
from hafw.disk_rounds import Seat
from hafw.hooks.errors import Denied, ProviderError
from hafw.hooks.hookspecs import Holder
from hafw.net.clock import boot_ns
from hafw.providers.gcp import alias_ip, disk, fence, health_check, route
from hafw.providers.gcp.api import Compute
from hafw.providers.gcp.calls import CALLS, DISK_CALLS, FENCE_CALLS, MOVER_CALLS, Call
from hafw.providers.gcp.disk_api import Disks
from hafw.providers.gcp.orders import MOVERS, check_permissions
from hafw.providers.gcp.values import Disk, Holding, Machine, Move
from hafw_sim.clouds import gce as model
from hafw_sim.clouds.gce import wire

if TYPE_CHECKING:
    from hafw_sim.clouds.gce import Gce
    from hafw_sim.clouds.gce.server import Server

A = Machine(project="p", zone="europe-west1-b", name="vm-a")
B = Machine(project="p", zone="europe-west1-c", name="vm-b")


def permissions(calls: tuple[Call, ...]) -> set[str]:
    return {permission for call in calls for permission in call.permissions}


def until_ns() -> int:
    return boot_ns() + 10 * 10**9


def move(me: Machine, peer: Machine, epoch: int) -> Move:
    return Move(
        address="10.0.0.50",
        me=me,
        peer=peer,
        epoch=epoch,
        owner="c1/3",
        deadline_ns=until_ns(),
    )


def use_mover(compute: Compute, name: str) -> None:
    """Everything that a mover ever does."""
    mover = MOVERS[name]
    check_permissions(compute, A, MOVER_CALLS[name], until_ns())
    mover.attach(compute, move(A, B, 1))
    mover.attach(compute, move(B, A, 2))
    mover.observe(compute, move(A, B, 2))
    mover.detach(compute, move(B, A, 2))
    mover.observe(compute, move(A, B, 2))
    compute.server(A, until_ns())


def use_fence(compute: Compute, gce: Gce) -> None:
    """Everything that the fence ever does."""
    found = gce.state.things.instances[B.zone, B.name]
    target = fence.Target(machine=B, id=found.id, discard_local_ssd=False)
    check_permissions(compute, B, FENCE_CALLS, until_ns())
    instance = fence.Instance(compute, target, until_ns())
    instance.order_off()
    instance.read()


def use_disks(compute: Compute, gce: Gce) -> None:
    """Everything that a disk of a zone and one of a region ever need."""
    gce.state.put_disk(model.Disk(name="data"), 0.0)
    gce.state.put_disk(model.Disk(name="logs", zones=(A.zone,)), 0.0)
    check_permissions(compute, A, DISK_CALLS, until_ns())
    for which in (
        Disk(project="p", name="data", region="europe-west1"),
        Disk(project="p", name="logs", zone=A.zone),
    ):
        order = Holding(disk=which, me=A, peer=B, deadline_ns=until_ns())
        found = disk.PersistentDisk(Disks(compute), order)
        found.attach()
        assert found.seen() == Seat(Holder.MINE, "vm-a")
        found.detach(found.seen())


@pytest.fixture
def compute(cloud: Server) -> Compute:
    return Compute(cloud.endpoint)


def test_the_movers_are_those_that_have_calls() -> None:
    assert set(MOVERS) == set(MOVER_CALLS)
    assert set(MOVERS.values()) == {alias_ip, route}


def test_the_cluster_file_knows_the_movers_that_there_are() -> None:
    assert set(VIP_KEYS["gcp"]) == {*MOVERS, health_check.NAME}


def test_every_call_needs_what_compute_engine_wants_for_it() -> None:
    wanted = {call.name: call.permissions for call in CALLS}

    assert wanted == {name: wire.CALLS[name][2] for name in wanted}


@pytest.mark.parametrize("name", MOVER_CALLS)
def test_a_mover_makes_the_calls_that_it_declares(compute: Compute, gce: Gce, name: str) -> None:
    use_mover(compute, name)

    assert set(gce.made) == {call.name for call in MOVER_CALLS[name]}


def test_the_fence_makes_the_calls_that_it_declares(compute: Compute, gce: Gce) -> None:
    use_fence(compute, gce)

    assert set(gce.made) == {call.name for call in FENCE_CALLS}


def test_a_disk_makes_the_calls_that_it_declares(compute: Compute, gce: Gce) -> None:
    use_disks(compute, gce)

    assert set(gce.made) == {call.name for call in DISK_CALLS}


def test_a_disk_needs_no_other_permission(compute: Compute, gce: Gce) -> None:
    gce.denied |= permissions(CALLS) - permissions(DISK_CALLS)

    use_disks(compute, gce)

    assert not gce.denied & permissions(DISK_CALLS)


@pytest.mark.parametrize("permission", sorted(permissions(DISK_CALLS)))
def test_no_permission_is_asked_for_that_a_disk_does_not_need(
    compute: Compute, gce: Gce, permission: str
) -> None:
    gce.denied.add(permission)

    with pytest.raises(ProviderError, match=permission):
        use_disks(compute, gce)


@pytest.mark.parametrize("name", MOVER_CALLS)
def test_a_mover_needs_no_other_permission(compute: Compute, gce: Gce, name: str) -> None:
    gce.denied |= permissions(CALLS) - permissions(MOVER_CALLS[name])

    use_mover(compute, name)

    assert not gce.denied & permissions(MOVER_CALLS[name])


def test_the_fence_needs_no_other_permission(compute: Compute, gce: Gce) -> None:
    gce.denied |= permissions(CALLS) - permissions(FENCE_CALLS)

    use_fence(compute, gce)

    assert not gce.denied & permissions(FENCE_CALLS)


@pytest.mark.parametrize(
    ("name", "permission"),
    [(name, one) for name, calls in MOVER_CALLS.items() for one in sorted(permissions(calls))],
)
def test_no_permission_is_asked_for_that_is_not_needed(
    compute: Compute, gce: Gce, name: str, permission: str
) -> None:
    gce.denied.add(permission)

    with pytest.raises(ProviderError, match=permission):
        use_mover(compute, name)


def test_a_change_whose_end_may_not_be_watched_is_in_doubt(compute: Compute, gce: Gce) -> None:
    gce.denied.add("compute.zoneOperations.get")

    with pytest.raises(ProviderError, match="was accepted and not seen to end") as refused:
        alias_ip.attach(compute, move(A, B, 1))

    assert not isinstance(refused.value, Denied)
