"""Cloud disks on Google Cloud: what only persistent disks have, by the real SDK on the model."""

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
from hafw.providers import gcp as provider
from hafw.providers.gcp import api, disk, metadata
from hafw.providers.gcp.api import Compute
from hafw.providers.gcp.calls import CALLS, DISK_CALLS
from hafw.providers.gcp.disk_api import Disks
from hafw.providers.gcp.orders import check_identity, holding_of
from hafw.providers.gcp.replies import of_operation
from hafw.testing.disks import DiskConformance
from hafw_sim.clouds.gce import Disk, Fault, Gce, Instance, Kind, Nic, pair
from tests.providers import disks
from tests.providers.budgets import SMALL, spend
from tests.providers.gcp.clouds import PersistentDisk
from tests.providers.gcp.test_calls import permissions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw.hooks.placed import Option
    from hafw.hooks.resources import ResourceRequest
    from hafw_sim.clouds.gce.server import Server

ZONES: Final = ("europe-west1-b", "europe-west1-c")
A, B = (
    f"zones/{zone}/instances/{name}" for zone, name in zip(ZONES, ("vm-a", "vm-b"), strict=True)
)
DATA: Final = Disk(name="data")
CHANGES: Final = ("instances.detachDisk", "instances.attachDisk")


@pytest.fixture
def gce() -> Gce:
    """A disk of the region, and one of the zone of the first instance and of a third one."""
    third = Instance(name="vm-c", nics=(Nic("10.0.0.4"),))
    disks = [DATA, Disk(name="logs", zones=ZONES[:1])]
    return Gce("p", (*pair(), third), disks=disks, pending_s=0.0, running_s=0.01)


class TestPersistentDisk(DiskConformance):
    plugin = "hafw.providers.gcp"

    @pytest.fixture
    def cloud(self, cloud: Server, monkeypatch: pytest.MonkeyPatch) -> PersistentDisk:
        """Both nodes are one process, so it is not looked at which instance this is."""
        monkeypatch.setattr(provider, "check_identity", lambda _: None)
        return PersistentDisk(cloud)

    @pytest.fixture
    def options(self, cloud: PersistentDisk) -> Mapping[str, Option]:
        return options_of(cloud.server)


@pytest.fixture
def here(cloud: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The cloud, as the instance vm-a sees it."""
    monkeypatch.setenv(metadata.HOST_VARIABLE, cloud.metadata_hosts["vm-a"])
    check_identity.cache_clear()
    return cloud


def options_of(server: Server) -> dict[str, Option]:
    return {
        "project": "p",
        "zone": ZONES,
        "instance": ("vm-a", "vm-b"),
        "disk": "data",
        "region": "europe-west1",
        "endpoint": server.endpoint,
    }


def request(
    server: Server, options: Mapping[str, Option] | None = None, *, lasts_s: float = 10.0
) -> ResourceRequest:
    """What the agent of alpha asks, with a proof that beta is off."""
    return disks.asked({**options_of(server), **(options or {})}, lasts_s)


def users(server: Server, disk: Disk = DATA) -> dict[str, str]:
    return dict(server.gce.state.things.disks[disk.path].users)


def give(server: Server, *instances: str, access_mode: str = DATA.access_mode) -> None:
    """Let instances have the disk, under a device name that is not its own."""
    given = dict.fromkeys(instances, "by-hand")
    server.gce.state.put_disk(replace(DATA, users=given, access_mode=access_mode), 0.0)


def changes(server: Server) -> list[str]:
    return [call for call in server.gce.made if call in CHANGES]


def test_a_disk_is_attached_under_its_own_name_and_the_operation_is_told(here: Server) -> None:
    receipt = provider.hafw_resource_start(request=request(here))

    assert users(here) == {A: "data"}
    assert receipt.changed
    assert receipt.detail.startswith("operation-")


def test_a_disk_of_the_peer_is_detached_by_the_device_name_that_it_has_there(here: Server) -> None:
    give(here, B)

    provider.hafw_resource_start(request=request(here))

    assert users(here) == {A: "data"}
    assert here.gce.made == [
        "regionDisks.get",
        "instances.get",
        "instances.detachDisk",
        "zoneOperations.wait",
        "regionDisks.get",
        "instances.attachDisk",
        "zoneOperations.wait",
        "regionDisks.get",
        "instances.get",
    ]


def test_a_disk_of_a_zone_moves_within_it(here: Server) -> None:
    zonal: dict[str, Option] = {
        "disk": "logs",
        "zone": (ZONES[0], ZONES[0]),
        "instance": ("vm-a", "vm-c"),
        "region": "",
    }

    provider.hafw_resource_start(request=request(here, zonal))

    assert users(here, Disk(name="logs", zones=ZONES[:1])) == {A: "logs"}
    assert "disks.get" in here.gce.made


def test_a_disk_of_a_zone_cannot_serve_nodes_in_two(here: Server) -> None:
    with pytest.raises(Misconfigured, match="use a regional disk"):
        provider.hafw_resource_start(request=request(here, {"region": ""}))


def test_another_type_of_resource_is_refused(here: Server) -> None:
    with pytest.raises(Misconfigured, match='no resource of the type "filesystem"'):
        provider.hafw_resource_start(request=replace(request(here), type="filesystem"))


def test_another_instance_than_the_files_starts_nothing(
    here: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(metadata.HOST_VARIABLE, here.metadata_hosts["vm-b"])

    with pytest.raises(Misconfigured, match="this instance is vm-b"):
        provider.hafw_resource_start(request=request(here))

    assert users(here) == {}


def test_a_disk_that_many_may_write_to_is_never_taken(here: Server) -> None:
    give(here, B, access_mode="READ_WRITE_MANY")

    with pytest.raises(Misconfigured, match="READ_WRITE_SINGLE"):
        provider.hafw_resource_start(request=request(here))

    assert users(here) == {B: "by-hand"}


def test_a_disk_that_many_may_write_to_can_be_given_up(here: Server) -> None:
    give(here, A, access_mode="READ_WRITE_MANY")

    provider.hafw_resource_stop(request=request(here))

    assert users(here) == {}


def test_a_disk_that_is_shown_at_both_nodes_is_nobodys(here: Server) -> None:
    give(here, A, B, access_mode="READ_WRITE_MANY")

    seen = provider.hafw_resource_probe(request=request(here))

    assert seen.holder is Holder.UNKNOWN
    assert "vm-a and vm-b" in seen.who


def test_a_disk_that_its_own_instance_does_not_show_is_not_yet_here(here: Server) -> None:
    give(here, A)
    here.gce.faults.add(Fault(Kind.STALE_READ, time.time() + 1.0, "instances.get"))

    with pytest.raises(UnknownOutcome, match="on its way to or from vm-a"):
        provider.hafw_resource_start(request=request(here, lasts_s=1.0))

    assert changes(here) == []


def test_a_disk_that_the_peers_instance_does_not_show_is_looked_for_again(here: Server) -> None:
    give(here, B)
    here.gce.faults.add(Fault(Kind.STALE_READ, time.time() + 1.0, "instances.get", 1))

    provider.hafw_resource_start(request=request(here))

    assert changes(here) == ["instances.detachDisk", "instances.attachDisk"]
    assert users(here) == {A: "data"}


def test_a_disk_that_has_left_the_peer_meanwhile_is_read_again(here: Server) -> None:
    give(here, B)
    here.gce.state.put_disk(replace(DATA, users={}), 2.0)
    for call in ("regionDisks.get", "instances.get"):
        here.gce.faults.add(Fault(Kind.STALE_READ, time.time() - 1.0, call, 1))

    provider.hafw_resource_start(request=request(here))

    assert users(here) == {A: "data"}
    assert changes(here) == ["instances.detachDisk", "instances.attachDisk"]


def test_what_an_operation_has_ended_is_looked_at_without_a_pause(here: Server) -> None:
    order = holding_of(request(here))
    found = disk.PersistentDisk(Disks(Compute(here.endpoint)), order)
    found._pause_s = 3_600.0  # for which there is no time
    found.attach()

    at_once = found.again()
    found.seen()

    assert (at_once, found.again()) == (True, False)


def test_an_operation_that_was_too_late_is_no_unknown_outcome() -> None:
    told = of_operation("it", "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "taken")

    assert isinstance(told, Conflict)


def test_a_start_that_is_not_seen_to_end_is_in_doubt(here: Server) -> None:
    here.gce.faults.add(Fault(Kind.STUCK_OPERATION, calls="instances.attachDisk"))

    with pytest.raises(UnknownOutcome):
        provider.hafw_resource_start(request=request(here, lasts_s=1.0))


def test_while_the_disk_is_not_seen_to_leave_the_peer_it_is_not_attached(here: Server) -> None:
    give(here, B)
    here.gce.faults.add(Fault(Kind.STUCK_OPERATION, calls="instances.detachDisk"))

    with pytest.raises(UnknownOutcome):
        provider.hafw_resource_start(request=request(here, lasts_s=1.0))

    assert "instances.attachDisk" not in here.gce.made


@pytest.mark.parametrize("call", CHANGES)
def test_an_operation_that_failed_is_read_and_decided_anew(here: Server, call: str) -> None:
    give(here, B)
    here.gce.faults.add(Fault(Kind.FAILED_OPERATION, calls=call, times=1))

    provider.hafw_resource_start(request=request(here))

    assert users(here) == {A: "data"}


def test_a_disk_that_a_third_instance_has_meanwhile_taken_stays_there(here: Server) -> None:
    third = A.replace("vm-a", "vm-c")
    give(here, third)
    here.gce.state.put_disk(replace(DATA, users={}), 1.0)
    here.gce.state.put_disk(replace(DATA, users={third: "by-hand"}), 2.0)
    here.gce.faults.add(Fault(Kind.STALE_READ, time.time() - 1.5, "regionDisks.get", 1))

    with pytest.raises(Conflict, match="vm-c"):
        provider.hafw_resource_start(request=request(here))

    assert changes(here) == ["instances.attachDisk"]
    assert users(here) == {third: "by-hand"}


def test_a_warm_up_looks_at_the_disk_and_at_what_is_granted(here: Server) -> None:
    provider.hafw_resource_warm(requests=(request(here),))

    assert changes(here) == []
    assert {"regionDisks.get", "instances.testIamPermissions"} <= set(here.gce.made)


def test_a_warm_up_names_what_is_not_granted(here: Server) -> None:
    here.gce.denied.add("compute.instances.detachDisk")

    with pytest.raises(Denied, match=r"compute\.instances\.detachDisk"):
        provider.hafw_resource_warm(requests=(request(here),))


def test_a_warm_up_refuses_a_disk_that_many_may_write_to(here: Server) -> None:
    give(here, access_mode="READ_WRITE_MANY")

    with pytest.raises(Misconfigured, match="READ_WRITE_SINGLE"):
        provider.hafw_resource_warm(requests=(request(here),))


def test_a_start_is_not_sent_when_the_budget_is_spent_and_a_stop_is(
    here: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.hafw_resource_start(request=request(here))
    monkeypatch.setattr(api, "QUOTA", SMALL)
    api._budget.cache_clear()
    spend(api._budget(here.endpoint), Use.ROUTINE, boot_ns())

    with pytest.raises(Retryable, match="budget for Compute Engine"):
        provider.hafw_resource_start(request=request(here))
    provider.hafw_resource_stop(request=request(here))

    assert users(here) == {}


# --- prechecks ----------------------------------------------------------------------------------


def asked(server: Server, options: Mapping[str, Option] | None = None) -> list[Finding]:
    wanted = request(server, options)
    given = PrecheckRequest(deadline_ns=wanted.deadline_ns, resources=(wanted,))
    return list(provider.hafw_precheck(request=given))


def errors(findings: list[Finding]) -> list[str]:
    return [one.what for one in findings if one.verdict is Verdict.ERROR]


def test_a_disk_that_is_as_it_should_be_has_no_errors_and_no_more_is_needed(here: Server) -> None:
    here.gce.denied |= permissions(CALLS) - permissions(DISK_CALLS)
    give(here, B)

    findings = asked(here)

    assert errors(findings) == []
    (found,) = (one for one in findings if one.id == "gcp.disk")
    assert "vm-b has it now" in found.what
    assert users(here) == {B: "by-hand"}


def test_a_disk_that_is_not_there_is_found(here: Server) -> None:
    assert any("404" in what for what in errors(asked(here, {"disk": "dato"})))


def test_a_disk_in_other_zones_is_found(here: Server) -> None:
    here.gce.state.put_disk(Disk(name="data", zones=("europe-west1-c", "europe-west1-d")), 0.0)

    (wrong,) = errors(asked(here))

    assert "europe-west1-b" in wrong


def test_missing_permissions_are_found_on_both_instances(here: Server) -> None:
    here.gce.denied.add("compute.instances.attachDisk")

    assert errors(asked(here)) == [
        f"this node lacks compute.instances.attachDisk on {name}" for name in ("vm-a", "vm-b")
    ]
