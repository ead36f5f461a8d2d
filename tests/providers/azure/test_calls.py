"""The calls that are made are the calls that are declared, with the permissions that they need."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hafw.config.vip_options import VIP_KEYS
from hafw.disk_rounds import Seat
from hafw.hooks.errors import ProviderError
from hafw.hooks.findings import Findings
from hafw.hooks.hookspecs import Holder, VipRequest
from hafw.net.clock import boot_ns
from hafw.providers.azure import disk, fence, load_balancer, precheck
from hafw.providers.azure.api import Arm, Where
from hafw.providers.azure.calls import (
    CALLS,
    CONFIGS_MOVE,
    DISK_CALLS,
    FENCE_CALLS,
    MOVER_CALLS,
    Call,
)
from hafw.providers.azure.disk_api import Disks
from hafw.providers.azure.errors import decided
from hafw.providers.azure.orders import MOVERS, check_permissions
from hafw.providers.azure.values import Holding, Move
from hafw_sim.clouds.arm import Disk, balanced_pair, vms, wire
from hafw_sim.clouds.arm.balancers import public_address
from hafw_sim.clouds.arm.values import BALANCERS, GROUP, SUBSCRIPTION

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.hooks.hookspecs import VipOption
    from hafw_sim.clouds import arm as model
    from hafw_sim.clouds.arm.server import Server

ENDS: dict[str, tuple[str, str]] = {"nic": ("nic-a", "nic-b"), "route": ("10.0.0.4", "10.0.0.5")}


@pytest.fixture
def api(cloud: Server) -> Callable[[], Arm]:
    where = Where(SUBSCRIPTION, GROUP, cloud.endpoint)
    return lambda: Arm(where, boot_ns() + 10 * 10**9)


def permissions(calls: tuple[Call, ...]) -> set[str]:
    return {permission for call in calls for permission in call.permissions}


def move(name: str, epoch: int, *, back: bool = False) -> Move:
    me, peer = reversed(ENDS[name]) if back else ENDS[name]
    return Move(
        address="10.0.0.50", me=me, peer=peer, epoch=epoch, tag="hafw-c1-3", tables=("clients",)
    )


def use_mover(api: Callable[[], Arm], arm: model.Arm, name: str) -> None:
    """Everything that a mover ever does."""
    if name == load_balancer.NAME:
        use_load_balancer(api, arm)
        return
    mover = MOVERS[name]
    for scope, wanted in mover.scopes(api(), move(name, 1)):
        check_permissions(api(), scope, wanted)
    if name == "route":
        precheck.forwarding(api(), move(name, 1), Findings("the VIP"))
    for epoch, back in ((1, False), (2, True)):
        sent, order = api(), move(name, epoch, back=back)
        decided(sent, lambda sent=sent, order=order: mover.attach(sent, order))  # type: ignore[misc]
        mover.observe(api(), order)
    mover.detach(api(), move(name, 2, back=True))
    mover.observe(api(), move(name, 2))


def use_load_balancer(api: Callable[[], Arm], arm: model.Arm) -> None:
    """Everything that this mover ever asks."""
    outside = public_address("outside", "10.0.0.60")
    front = {"name": "vip", "properties": {"publicIPAddress": {"id": outside.path}}}
    inside = next(one for one in balanced_pair() if one.kind == BALANCERS)
    properties = {**inside.body["properties"], "frontendIPConfigurations": [front]}
    arm.state.put(outside, 0.0)
    arm.state.put(replace(inside, body={**inside.body, "properties": properties}), 0.0)
    options: dict[str, VipOption] = {
        "load_balancer": "store-vip",
        "nic": ("nic-a", "nic-b"),
        "port": "7450",
    }
    vip = VipRequest(
        cluster_id="c1",
        group=3,
        epoch=1,
        address="10.0.0.60",
        interface="eth0",
        deadline_ns=0,
        options=options,
    )
    load_balancer.check(vip, api())


def use_fence(api: Callable[[], Arm]) -> None:
    """Everything that the fence ever does."""
    _, peer = vms()
    arm, wanted = api(), tuple(sorted(permissions(FENCE_CALLS)))
    check_permissions(arm, arm.server(peer.name).id, wanted)
    machine = fence.Machine(arm, fence.Target(name=peer.name, id=peer.vm_id))
    machine.order_off()
    machine.read()


def use_disk(api: Callable[[], Arm], arm: model.Arm) -> None:
    """Everything that a disk ever needs."""
    arm.state.put_disk(Disk(name="data"), 0.0)
    order = Holding(disk="data", me="vm-a", peer="vm-b", lun=1)
    disks = Disks(api())
    for scope, wanted in disk.scopes(disks, order):
        check_permissions(disks.arm, scope, wanted)
    found = disk.ManagedDisk(disks, order)
    found.attach()
    while not found.seen().settled:
        assert found.again()
    assert found.seen() == Seat(Holder.MINE, "vm-a")
    found.detach(found.seen())


def test_the_movers_are_those_that_have_calls() -> None:
    assert {*MOVERS, load_balancer.NAME} == set(MOVER_CALLS) == set(VIP_KEYS["azure"])


def test_every_call_needs_what_azure_wants_for_it() -> None:
    wanted = {call.name: call.permissions for call in (*CALLS, CONFIGS_MOVE)}

    assert wanted == {name: wire.CALLS[name][2] for name in wanted}


@pytest.mark.parametrize("name", MOVER_CALLS)
def test_a_mover_makes_the_calls_that_it_declares(
    api: Callable[[], Arm], arm: model.Arm, name: str
) -> None:
    use_mover(api, arm, name)

    assert set(arm.made) == {call.name for call in MOVER_CALLS[name]}


def test_the_fence_makes_the_calls_that_it_declares(api: Callable[[], Arm], arm: model.Arm) -> None:
    use_fence(api)

    assert set(arm.made) == {call.name for call in FENCE_CALLS}


def test_a_disk_makes_the_calls_that_it_declares(api: Callable[[], Arm], arm: model.Arm) -> None:
    use_disk(api, arm)

    assert set(arm.made) == {call.name for call in DISK_CALLS}


def test_a_disk_needs_no_other_permission(api: Callable[[], Arm], arm: model.Arm) -> None:
    arm.denied |= permissions(CALLS) - permissions(DISK_CALLS)

    use_disk(api, arm)

    assert not arm.denied & permissions(DISK_CALLS)


@pytest.mark.parametrize("permission", sorted(permissions(DISK_CALLS)))
def test_no_permission_is_asked_for_that_a_disk_does_not_need(
    api: Callable[[], Arm], arm: model.Arm, permission: str
) -> None:
    arm.denied.add(permission)

    with pytest.raises(ProviderError, match=permission):
        use_disk(api, arm)


@pytest.mark.parametrize("name", MOVER_CALLS)
def test_a_mover_needs_no_other_permission(
    api: Callable[[], Arm], arm: model.Arm, name: str
) -> None:
    arm.denied |= permissions(CALLS) - permissions(MOVER_CALLS[name])

    use_mover(api, arm, name)

    assert not arm.denied & permissions(MOVER_CALLS[name])


def test_the_fence_needs_no_other_permission(api: Callable[[], Arm], arm: model.Arm) -> None:
    arm.denied |= permissions(CALLS) - permissions(FENCE_CALLS)

    use_fence(api)

    assert not arm.denied & permissions(FENCE_CALLS)


@pytest.mark.parametrize(
    ("name", "permission"),
    [(name, one) for name, calls in MOVER_CALLS.items() for one in sorted(permissions(calls))],
)
def test_no_permission_is_asked_for_that_is_not_needed(
    api: Callable[[], Arm], arm: model.Arm, name: str, permission: str
) -> None:
    arm.denied.add(permission)

    with pytest.raises(ProviderError, match=permission):
        use_mover(api, arm, name)


@pytest.mark.parametrize("permission", sorted(permissions(FENCE_CALLS)))
def test_the_fence_asks_for_no_permission_that_it_does_not_need(
    api: Callable[[], Arm], arm: model.Arm, permission: str
) -> None:
    arm.denied.add(permission)

    with pytest.raises(ProviderError, match=permission):
        use_fence(api)
