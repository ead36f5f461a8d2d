"""Cloud disks on Azure: what only managed disks have, by the real SDK on the model."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from hafw.api_budget import Use
from hafw.hooks.errors import Conflict, Denied, Misconfigured, Retryable, UnknownOutcome
from hafw.hooks.findings import Finding, Verdict
from hafw.hooks.hookspecs import Holder, PrecheckRequest
from hafw.net.clock import boot_ns
from hafw.providers import azure as provider
from hafw.providers.azure import api, metadata
from hafw.providers.azure.calls import CALLS, DISK_CALLS
from hafw.testing.disks import DiskConformance
from hafw_sim.clouds.arm import Arm, Disk, Fault, Kind, Vm, pair, vms
from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION, DataDisk
from tests.providers import disks
from tests.providers.azure.clouds import ManagedDisk
from tests.providers.azure.test_calls import permissions
from tests.providers.budgets import SMALL, spend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw.hooks.placed import Option
    from hafw.hooks.resources import ResourceRequest
    from hafw_sim.clouds.arm.server import Server

CHANGE: Final = "virtualMachines.attachDetachDataDisks"


@pytest.fixture
def arm() -> Arm:
    """With a third machine, and a disk that nobody has."""
    third = Vm(name="vm-c", vm_id="cccccccc-0000-4000-8000-00000000000c")
    return Arm(pair(), (*vms(), third), disks=[Disk(name="data")], running_s=0.01)


class TestManagedDisk(DiskConformance):
    plugin = "hafw.providers.azure"

    @pytest.fixture
    def cloud(self, cloud: Server, monkeypatch: pytest.MonkeyPatch) -> ManagedDisk:
        """Both nodes are one process, so it is not looked at which machine this is."""
        monkeypatch.setattr(provider, "check_identity", lambda _: None)
        return ManagedDisk(cloud)

    @pytest.fixture
    def options(self, cloud: ManagedDisk) -> Mapping[str, Option]:
        return options_of(cloud.server)


@pytest.fixture
def here(cloud: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The cloud, as the machine vm-a sees it."""
    monkeypatch.setenv(metadata.HOST_VARIABLE, cloud.metadata_hosts["vm-a"])
    return cloud


def options_of(server: Server) -> dict[str, Option]:
    return {
        "subscription": SUBSCRIPTION,
        "resource_group": GROUP,
        "vm": ("vm-a", "vm-b"),
        "disk": "data",
        "lun": "1",
        "endpoint": server.endpoint,
    }


def request(
    server: Server, options: Mapping[str, Option] | None = None, *, lasts_s: float = 10.0
) -> ResourceRequest:
    """What the agent of alpha asks, with a proof that beta is off."""
    return disks.asked({**options_of(server), **(options or {})}, lasts_s)


def owner(server: Server) -> str:
    with server.lock:
        server.arm.advance(time.time())
        return server.arm.state.things.disks["data"].owner


def lists(server: Server, name: str) -> list[tuple[str, int]]:
    with server.lock:
        server.arm.advance(time.time())
        vm = server.arm.state.things.vms[name]
    return [(one.disk.name, one.lun) for one in vm.disks]


def give(server: Server, name: str, now_s: float = 0.0, **changes: object) -> None:
    """Let a machine have the disk, under another number than the file's."""
    state = server.arm.state
    disk = replace(state.things.disks["data"], owner=name, **changes)  # type: ignore[arg-type]
    state.put_disk(disk, now_s)
    for vm in state.things.vms.values():
        disks = (DataDisk(disk, 9),) if vm.name == name else ()
        state.put_vm(replace(vm, disks=disks), now_s)


def changes(server: Server) -> int:
    return server.arm.made.count(CHANGE)


def test_a_disk_is_attached_under_its_number_and_the_request_is_told(here: Server) -> None:
    receipt = provider.hafw_resource_start(request=request(here))

    assert owner(here) == "vm-a"
    assert lists(here, "vm-a") == [("data", 1)]
    assert receipt.changed
    assert CHANGE in receipt.detail


@pytest.mark.parametrize("power", ["stopped", "deallocated"])
def test_a_disk_of_a_peer_without_power_is_detached_there_and_attached_here(
    here: Server, power: str
) -> None:
    give(here, "vm-b")
    here.arm.state.put_vm(replace(here.arm.state.things.vms["vm-b"], power=power), 0.0)

    provider.hafw_resource_start(request=request(here))

    assert owner(here) == "vm-a"
    assert lists(here, "vm-b") == []
    assert changes(here) == 2


def test_names_are_the_same_however_they_are_spelt(here: Server) -> None:
    give(here, "VM-A")
    vm = here.arm.state.things.vms["vm-a"]
    shouting = Disk(name="DATA", owner="vm-a")
    here.arm.state.put_vm(replace(vm, disks=(DataDisk(shouting, 1),)), 0.0)

    receipt = provider.hafw_resource_start(request=request(here))

    assert not receipt.changed
    assert provider.hafw_resource_probe(request=request(here)).holder is Holder.MINE


def test_what_the_machine_only_wants_is_waited_for(here: Server) -> None:
    here.arm.state.running_s = 0.3

    provider.hafw_resource_start(request=request(here))

    assert owner(here) == "vm-a"
    assert changes(here) == 1


def test_a_disk_whose_attach_failed_is_attached_anew(here: Server) -> None:
    vm = here.arm.state.things.vms["vm-a"]
    here.arm.faults.add(Fault(Kind.FAILED_OPERATION, calls=CHANGE, times=1))

    provider.hafw_resource_start(request=request(here))

    assert owner(here) == vm.name
    assert changes(here) == 2


@pytest.mark.parametrize("kind", [Kind.ANOTHER_OPERATION, Kind.LOCKED])
def test_another_change_of_the_machine_is_waited_out(here: Server, kind: Kind) -> None:
    give(here, "vm-b")
    here.arm.faults.add(Fault(kind, calls=CHANGE, times=1))

    provider.hafw_resource_start(request=request(here))

    assert owner(here) == "vm-a"


def test_another_type_of_resource_is_refused(here: Server) -> None:
    with pytest.raises(Misconfigured, match='no resource of the type "filesystem"'):
        provider.hafw_resource_start(request=replace(request(here), type="filesystem"))


def test_another_machine_than_the_files_starts_nothing(here: Server) -> None:
    with pytest.raises(Misconfigured, match="this machine is vm-a"):
        provider.hafw_resource_start(request=request(here, {"vm": ("vm-b", "vm-a")}))

    assert owner(here) == ""


def test_a_shared_disk_is_never_taken(here: Server) -> None:
    give(here, "vm-b", max_shares=2)

    with pytest.raises(Misconfigured, match="maxShares"):
        provider.hafw_resource_start(request=request(here))

    assert owner(here) == "vm-b"


def test_a_shared_disk_can_be_given_up(here: Server) -> None:
    give(here, "vm-a", max_shares=2)

    provider.hafw_resource_stop(request=request(here))

    assert owner(here) == ""


def test_a_disk_that_its_own_machine_does_not_list_is_not_yet_here(here: Server) -> None:
    give(here, "vm-a")
    here.arm.faults.add(Fault(Kind.STALE_READ, time.time() + 1.0, "virtualMachines.get"))

    with pytest.raises(UnknownOutcome, match="on its way to or from vm-a"):
        provider.hafw_resource_start(request=request(here, lasts_s=1.0))

    assert changes(here) == 0


def test_while_its_machine_is_changing_a_disk_is_not_yet_here(here: Server) -> None:
    give(here, "vm-a")
    here.arm.state.put_vm(replace(here.arm.state.things.vms["vm-a"], state="Updating"), 1.0)

    with pytest.raises(UnknownOutcome, match="on its way to or from vm-a"):
        provider.hafw_resource_start(request=request(here, lasts_s=1.0))


def test_a_disk_that_a_failed_change_has_left_in_the_list_is_attached_all_the_same(
    here: Server,
) -> None:
    vm = here.arm.state.things.vms["vm-a"]
    left = DataDisk(here.arm.state.things.disks["data"], 9)
    here.arm.state.put_vm(replace(vm, disks=(left,), state="Failed"), 1.0)

    provider.hafw_resource_start(request=request(here))

    assert owner(here) == "vm-a"


def test_a_disk_that_has_left_the_peer_meanwhile_is_read_again(here: Server) -> None:
    give(here, "vm-b")
    give(here, "", 2.0)
    here.arm.faults.add(Fault(Kind.STALE_READ, time.time() - 1.0, "disks.get", 1))

    provider.hafw_resource_start(request=request(here))

    assert owner(here) == "vm-a"
    assert changes(here) == 2


def test_a_disk_that_is_shown_at_both_nodes_is_nobodys(here: Server) -> None:
    shared = Disk(name="data", max_shares=2, sharers=("vm-a", "vm-b"))
    here.arm.state.put_disk(shared, 1.0)

    seen = provider.hafw_resource_probe(request=request(here))

    assert seen.holder is Holder.UNKNOWN
    assert "vm-a and vm-b" in seen.who


def test_a_start_that_is_not_seen_to_end_is_in_doubt(here: Server) -> None:
    here.arm.faults.add(Fault(Kind.STUCK_OPERATION, calls=CHANGE))

    with pytest.raises(UnknownOutcome):
        provider.hafw_resource_start(request=request(here, lasts_s=1.0))

    assert provider.hafw_resource_probe(request=request(here)).holder is Holder.MINE


def test_while_the_disk_is_not_seen_to_leave_the_peer_it_is_not_attached(here: Server) -> None:
    give(here, "vm-b")
    here.arm.faults.add(Fault(Kind.STUCK_OPERATION, calls=CHANGE))

    with pytest.raises(UnknownOutcome):
        provider.hafw_resource_start(request=request(here, lasts_s=1.0))

    assert owner(here) == "vm-b"
    assert lists(here, "vm-a") == []


def test_a_disk_that_a_third_machine_has_meanwhile_taken_stays_there(here: Server) -> None:
    give(here, "", 1.0)
    give(here, "vm-c", 2.0)
    here.arm.faults.add(Fault(Kind.STALE_READ, time.time() - 1.5, "disks.get", 1))

    with pytest.raises(Conflict, match="vm-c"):
        provider.hafw_resource_start(request=request(here))

    assert changes(here) == 1
    assert owner(here) == "vm-c"


def test_a_warm_up_looks_at_the_disk_and_at_what_is_granted(here: Server) -> None:
    provider.hafw_resource_warm(requests=(request(here),))

    assert changes(here) == 0
    assert {"disks.get", "permissions.list"} <= set(here.arm.made)


@pytest.mark.parametrize("permission", sorted(permissions(DISK_CALLS)))
def test_a_warm_up_names_what_is_not_granted(here: Server, permission: str) -> None:
    here.arm.denied.add(permission)

    with pytest.raises(Denied, match=permission):
        provider.hafw_resource_warm(requests=(request(here),))


def test_a_warm_up_refuses_a_shared_disk(here: Server) -> None:
    give(here, "", max_shares=2)

    with pytest.raises(Misconfigured, match="maxShares"):
        provider.hafw_resource_warm(requests=(request(here),))


def test_a_start_is_not_sent_when_the_budget_is_spent_and_a_stop_is(
    here: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.hafw_resource_start(request=request(here))
    monkeypatch.setattr(api, "QUOTA", SMALL)
    api._budget.cache_clear()
    spend(api._budget(SUBSCRIPTION, here.endpoint), Use.ROUTINE, boot_ns())

    with pytest.raises(Retryable, match="budget for Azure"):
        provider.hafw_resource_start(request=request(here))
    provider.hafw_resource_stop(request=request(here))

    assert owner(here) == ""


# --- prechecks ----------------------------------------------------------------------------------


def asked(server: Server, options: Mapping[str, Option] | None = None) -> list[Finding]:
    wanted = request(server, options)
    given = PrecheckRequest(deadline_ns=wanted.deadline_ns, resources=(wanted,))
    return list(provider.hafw_precheck(request=given))


def errors(findings: list[Finding]) -> list[str]:
    return [one.what for one in findings if one.verdict is Verdict.ERROR]


def test_a_disk_that_is_as_it_should_be_has_no_errors_and_no_more_is_needed(here: Server) -> None:
    here.arm.denied |= permissions(CALLS) - permissions(DISK_CALLS)
    give(here, "vm-b")

    findings = asked(here)

    assert errors(findings) == []
    (found,) = (one for one in findings if one.id == "azure.disk")
    assert "vm-b has it now" in found.what
    assert changes(here) == 0


def test_a_disk_that_is_not_there_is_found(here: Server) -> None:
    assert any("404" in what for what in errors(asked(here, {"disk": "dato"})))


def test_a_disk_in_another_zone_is_found(here: Server) -> None:
    give(here, "", zone="1")

    (wrong,) = errors(asked(here))

    assert "vm-a and vm-b: another zone" in wrong


def test_a_zone_redundant_disk_serves_machines_in_two_zones(here: Server) -> None:
    give(here, "", sku="Premium_ZRS")
    for name, zone in (("vm-a", "1"), ("vm-b", "2")):
        here.arm.state.put_vm(replace(here.arm.state.things.vms[name], zone=zone), 0.0)

    assert errors(asked(here)) == []


def test_missing_permissions_are_named_where_they_are_missing(here: Server) -> None:
    here.arm.denied.add("Microsoft.Compute/disks/write")

    assert errors(asked(here)) == ["this node lacks Microsoft.Compute/disks/write on data"]
