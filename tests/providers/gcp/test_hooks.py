"""The hooks of the provider gcp: what the worker gets from them, on a host of its own."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from dataclasses import replace
from subprocess import run
from typing import TYPE_CHECKING, Final

import pytest

from hafw.hooks.errors import Conflict, Denied, Misconfigured
from hafw.hooks.hookspecs import Holder, VipObservation, VipReceipt, VipRequest
from hafw.net.clock import boot_ns
from hafw.providers import gcp as provider
from hafw.providers.gcp import metadata
from hafw.providers.gcp.orders import check_identity
from hafw_sim.clouds.gce import Fault, Kind
from hafw_sim.clouds.gce.machines import holders
from hafw_sim.clouds.gce.server import served
from tests.net.hosts import INTERFACE, Host, isolated, lan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw_sim.clouds.gce import Gce
    from hafw_sim.clouds.gce.server import Server

VIP: Final = "10.0.0.50"


def request(server: Server, *, address: str = VIP, mover: str = "alias-ip") -> VipRequest:
    return VipRequest(
        cluster_id="6f1c2a0000004000800000000000000a",
        group=3,
        epoch=7,
        address=address,
        interface=INTERFACE,
        deadline_ns=boot_ns() + 10 * 10**9,
        lifetime_s=60,
        op=f"0/1/7/{boot_ns()}",
        node=0,
        nodes=("alpha", "beta"),
        options={
            "mover": mover,
            "project": "p",
            "zone": ("europe-west1-b", "europe-west1-c"),
            "instance": ("vm-a", "vm-b"),
            "endpoint": server.endpoint,
        },
    )


@contextmanager
def on(host: Host, gce: Gce, name: str = "vm-a") -> Iterator[Server]:
    """As the worker on an instance, with the cloud in reach."""
    with host.entered(), served(gce) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv(metadata.HOST_VARIABLE, server.metadata_hosts[name])
        check_identity.cache_clear()
        yield server


def held(host: Host) -> bool:
    with host.rtnl() as rtnl:
        return any(str(found.ip) == VIP for found in rtnl.addresses(INTERFACE))


@isolated
def test_an_attached_vip_is_in_the_cloud_and_on_the_interface(gce: Gce) -> None:
    (host,) = lan(100)

    with on(host, gce) as server:
        receipt = provider.hafw_vip_attach(request(server))
        seen = provider.hafw_vip_observe(request(server))

    assert receipt.changed
    assert re.fullmatch(r"operation-\d+", receipt.detail)
    assert seen.holder is Holder.MINE
    assert held(host)
    assert holders(gce.state.things, VIP) == ["vm-a"]


@isolated
def test_a_detached_vip_is_in_neither(gce: Gce) -> None:
    (host,) = lan(100)

    with on(host, gce) as server:
        provider.hafw_vip_attach(request(server))
        receipts = [provider.hafw_vip_detach(request(server)) for _ in range(2)]

    assert receipts[0].changed
    assert receipts[1] == VipReceipt(changed=False)
    assert not held(host)
    assert holders(gce.state.things, VIP) == []


@isolated
def test_a_vip_that_the_cloud_refused_is_not_put_on_the_interface(gce: Gce) -> None:
    (host,) = lan(100)

    with on(host, gce) as server, pytest.raises(Conflict):
        provider.hafw_vip_attach(request(server, address="10.0.0.3"))

    with host.rtnl() as rtnl:
        assert "10.0.0.3" not in {str(found.ip) for found in rtnl.addresses(INTERFACE)}


@isolated
def test_a_vip_that_leads_to_a_host_without_it_is_held_by_nobody(gce: Gce) -> None:
    (host,) = lan(100)

    with on(host, gce) as server:
        provider.hafw_vip_attach(request(server))
        with host.rtnl() as rtnl:
            rtnl.delete_address(
                INTERFACE, next(a.ip for a in rtnl.addresses(INTERFACE) if str(a.ip) == VIP), 32
            )
        seen = provider.hafw_vip_observe(request(server))

    assert seen == VipObservation(holder=Holder.FREE, who="it leads here, and is not on eth0")


@pytest.fixture
def here(cloud: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The cloud, as the instance vm-a sees it."""
    monkeypatch.setenv(metadata.HOST_VARIABLE, cloud.metadata_hosts["vm-a"])
    check_identity.cache_clear()
    return cloud


@pytest.mark.parametrize("kind", [Kind.CONTROL_PLANE_DOWN, Kind.EXPIRED_TOKEN, Kind.RATE_LIMITED])
def test_an_error_while_looking_is_unknown(here: Server, kind: Kind) -> None:
    here.gce.faults.add(Fault(kind, 3_600.0))

    seen = provider.hafw_vip_observe(request(here))

    assert seen.holder is Holder.UNKNOWN
    assert "instances.get" in seen.who


def test_what_the_peer_has_is_the_peers(here: Server) -> None:
    peers = request(here, address="10.8.0.7")

    seen = provider.hafw_vip_observe(peers)

    assert seen == VipObservation(holder=Holder.PEER, who="vm-b")


def test_warming_changes_nothing(here: Server) -> None:
    before = here.gce.state.things

    provider.hafw_warm((request(here),))

    assert here.gce.state.things is before


@pytest.mark.parametrize(
    ("mover", "permission"),
    [
        ("alias-ip", "compute.instances.updateNetworkInterface"),
        ("route", "compute.instances.use"),
    ],
)
def test_a_missing_permission_is_found_before_it_is_needed(
    here: Server, mover: str, permission: str
) -> None:
    here.gce.denied.add(permission)

    with pytest.raises(Denied, match=f"this node lacks {permission} on projects/p/"):
        provider.hafw_warm((request(here, mover=mover),))


def test_an_instance_that_forwards_nothing_is_no_next_hop(here: Server) -> None:
    things = here.gce.state.things
    plain = replace(things.instances["europe-west1-b", "vm-a"], can_ip_forward=False)
    here.gce.state.put(plain, 0.0)

    with pytest.raises(Misconfigured, match="set canIpForward"):
        provider.hafw_warm((request(here, mover="route"),))


def test_an_interface_that_there_is_not_is_found_at_the_start(here: Server) -> None:
    asked = request(here)
    wrong = replace(asked, options={**asked.options, "nic": ("nic7", "nic0")})

    with pytest.raises(Misconfigured, match="vm-a has no network interface nic7"):
        provider.hafw_warm((wrong,))


def test_a_peer_that_is_not_there_yet_keeps_no_node_from_being_ready(here: Server) -> None:
    asked = request(here)
    lone = replace(asked, options={**asked.options, "instance": ("vm-a", "vm-z")})

    provider.hafw_warm((lone,))

    assert here.gce.made[-1] == "instances.testIamPermissions"


def test_nobody_can_be_asked_by_arp(here: Server) -> None:
    assert provider.hafw_vip_probe(request(here)).holder is Holder.UNKNOWN


def test_an_instance_that_is_another_is_refused(
    here: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(metadata.HOST_VARIABLE, here.metadata_hosts["vm-b"])

    with pytest.raises(Misconfigured, match=r"this instance is vm-b .* this node is vm-a"):
        provider.hafw_warm((request(here),))


@pytest.mark.parametrize("kind", [Kind.THROTTLED, Kind.CONTROL_PLANE_DOWN, Kind.LOST_REPLY])
def test_an_api_that_is_away_keeps_no_node_from_being_ready(
    here: Server, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    provider.hafw_warm((request(here),))  # the import of the SDK takes longer than what follows
    before = len(here.gce.made)
    monkeypatch.setattr(provider, "WARM_S", 0.3)
    here.gce.faults.add(Fault(kind, 0.1))

    provider.hafw_warm((request(here), request(here)))

    assert len(here.gce.made) > before


def test_a_vip_on_ipv6_has_no_alias_range(here: Server) -> None:
    with pytest.raises(Misconfigured, match="use the mover route"):
        provider.hafw_vip_attach(request(here, address="fd00::5"))


@pytest.mark.usefixtures("here")
def test_a_proxy_is_never_asked_who_this_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "example.org")

    metadata.go_direct()

    assert metadata.identity().name == "vm-a"


@pytest.mark.parametrize("mover", ["alias-ip", "route"])
def test_a_plan_makes_no_call(here: Server, mover: str) -> None:
    plan = provider.hafw_vip_plan(request(here, mover=mover))

    assert here.gce.made == []
    assert plan[-1] == "open the gate (nftables)"


def test_the_calls_can_be_known_without_the_sdk() -> None:
    program = (
        "import sys; import hafw.providers.gcp, hafw.providers.gcp.calls; "
        "sys.exit('google.cloud.compute_v1' in sys.modules)"
    )

    ended = run([sys.executable, "-c", program], check=False, timeout=60)

    assert ended.returncode == 0
