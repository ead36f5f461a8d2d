"""The mover load-balancer: the holder answers the probe, where and while the load balancer asks."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from hafw import answering
from hafw.hooks.errors import Misconfigured
from hafw.hooks.hookspecs import Holder, VipReceipt, VipRequest
from hafw.net.clock import boot_ns
from hafw.providers import azure as provider
from hafw_sim.clouds.arm.values import GROUP, SUBSCRIPTION
from tests.net.gated import hold, new_gate
from tests.net.hosts import INTERFACE, VIP, Host, ip4, isolated, lan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw.hooks.hookspecs import VipOption

PORT: Final = 7450


def request(
    endpoint: str = "http://127.0.0.1:9",
    *,
    interface: str = INTERFACE,
    **changes: str,
) -> VipRequest:
    options: dict[str, VipOption] = {
        "endpoint": endpoint,
        "load_balancer": "store-vip",
        "mover": "load-balancer",
        "nic": ("nic-a", "nic-b"),
        "port": str(PORT),
        "resource_group": GROUP,
        "subscription": SUBSCRIPTION,
        "vm": ("vm-a", "vm-b"),
    }
    return VipRequest(
        cluster_id="c1",
        group=3,
        epoch=7,
        address=str(VIP),
        interface=interface,
        deadline_ns=boot_ns() + 10 * 10**9,
        lifetime_s=60,
        node=0,
        nodes=("alpha", "beta"),
        options={**options, **changes},
    )


@contextmanager
def on(host: Host) -> Iterator[None]:
    """As the worker of that host."""
    with host.entered():
        try:
            yield
        finally:
            answering.end_all()


def healthy(balancer: Host) -> bool:
    """Does a probe of the node's own address get an answer?"""
    with balancer.entered():
        probe = socket.socket()
    with probe:
        probe.settimeout(0.5)
        return probe.connect_ex((str(ip4(100)), PORT)) == 0


@isolated
def test_the_holder_answers_at_its_own_address_and_a_node_that_gave_up_does_not() -> None:
    node, balancer = lan(100, 101)
    gate = new_gate(node)
    gate.install([VIP], {PORT: VIP})

    with on(node):
        taken = provider.hafw_vip_attach(request())
        shut = healthy(balancer)
        hold(gate, [VIP], None)
        held = healthy(balancer)
        released = provider.hafw_vip_detach(request())
        after = healthy(balancer)

    assert (shut, held, after) == (False, True, False)
    assert (taken, released) == (VipReceipt(changed=True), VipReceipt(changed=True))


@isolated
def test_it_is_idempotent_and_says_what_it_has() -> None:
    (node,) = lan(100)

    with on(node):
        seen = [provider.hafw_vip_observe(request()).holder]
        receipts = [provider.hafw_vip_attach(request()) for _ in range(2)]
        seen.append(provider.hafw_vip_observe(request()).holder)
        receipts += [provider.hafw_vip_detach(request()) for _ in range(2)]

    assert seen == [Holder.FREE, Holder.MINE]
    assert [receipt.changed for receipt in receipts[::2]] == [True, True]
    assert not receipts[3].changed


@isolated
def test_a_new_worker_of_the_holder_answers_again_whatever_the_load_balancer_is() -> None:
    node, balancer = lan(100, 101)

    with on(node):
        provider.hafw_vip_attach(request())
    silent = healthy(balancer)
    with on(node):
        provider.hafw_warm((request("http://127.0.0.1:9"),))
        answers = healthy(balancer)

    assert (silent, answers) == (False, True)


@isolated
def test_a_port_that_something_else_uses_is_found_before_a_takeover() -> None:
    (node,) = lan(100)

    with on(node), socket.socket() as other:
        other.bind((str(ip4(100)), PORT))
        other.listen()

        with pytest.raises(Misconfigured, match="a port that nothing else uses"):
            provider.hafw_warm((request(),))


def test_a_plan_names_no_call() -> None:
    plan = provider.hafw_vip_plan(request())

    where = f"at nic-a, TCP port {PORT}"
    assert plan[0] == f"answer the probe by which store-vip finds {VIP}, {where}"
