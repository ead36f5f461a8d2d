"""`hafw precheck --live-probe` sees whether a load balancer's probes reach a node."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from hafw.hooks.findings import Finding, Verdict
from hafw.hooks.hookspecs import ProbeRequest
from hafw.net.clock import boot_ns
from hafw.providers import azure as provider
from hafw.providers.azure import probe
from hafw_sim.clouds.arm import Arm, balancer, nic, vms
from hafw_sim.clouds.arm.probing import Prober
from hafw_sim.clouds.arm.server import served
from hafw_sim.clouds.arm.values import config
from tests.net.gated import new_gate
from tests.net.hosts import INTERFACE, VIP, Host, ip4, isolated, lan
from tests.providers.azure.test_load_balancer import PORT, request

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from hafw_sim.clouds.arm.server import Server


@contextmanager
def node() -> Iterator[tuple[Host, Server]]:
    """A node that does not hold the VIP, whose load balancer would ask it every second."""
    host, asking = lan(100, 50)
    nics = [
        nic(name, config("one", str(ip4(at)), primary=True))
        for name, at in {"nic-a": 100, "nic-b": 101}.items()
    ]
    arm = Arm((*nics, balancer("store-vip", str(VIP), nics, port=PORT, interval_s=1)), vms())
    new_gate(host).install([VIP], {PORT: VIP})
    with host.entered(), served(arm) as server:
        yield asking, server


def arrival(server: Server, interface: str = INTERFACE) -> Finding:
    vip = request(server.endpoint, interface=interface)
    given = ProbeRequest(deadline_ns=boot_ns() + 10 * 10**9, vips=(vip,))
    (found,) = provider.hafw_live_probe(request=given)
    return found


@isolated
def test_a_probe_is_seen_though_the_gate_is_shut() -> None:
    with node() as (asking, server):
        with asking.entered():
            prober = Prober(server, each_s=0.1)
        found = arrival(server)
        led_to = prober.leads_to()
        prober.close()

    assert (found.id, found.verdict) == ("probe.arrival", Verdict.OK)
    assert led_to == set()


@isolated
def test_a_probe_that_does_not_come_is_an_error_that_names_its_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probe, "PROBES", 1)
    with node() as (_, server):
        found = arrival(server)

    assert found.verdict is Verdict.ERROR
    assert found.what == f"no probe came to port {PORT} of {INTERFACE} in 1 s"
    assert "168.63.129.16" in found.remedy


@isolated
def test_an_interface_that_is_not_there_is_an_error() -> None:
    with node() as (_, server):
        found = arrival(server, "eth9")

    assert found.verdict is Verdict.ERROR
    assert "eth9 cannot be seen: No such device" in found.what
