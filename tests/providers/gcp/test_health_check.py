"""The mover health-check: a load balancer asks at the VIP, and the holder answers."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hafw import answering
from hafw.hooks.errors import Misconfigured
from hafw.hooks.hookspecs import Holder, VipObservation, VipReceipt, VipRequest
from hafw.net.clock import boot_ns
from hafw.providers import gcp as provider
from tests.net.hosts import INTERFACE, VIP, Host, isolated, lan

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT = 7450


def request(port: str = str(PORT)) -> VipRequest:
    return VipRequest(
        cluster_id="c1",
        group=3,
        epoch=7,
        address=str(VIP),
        interface=INTERFACE,
        deadline_ns=boot_ns() + 10 * 10**9,
        lifetime_s=60,
        options={"mover": "health-check", "port": port},
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
    """Does the load balancer get an answer?"""
    with balancer.entered():
        probe = socket.socket()
    with probe:
        probe.settimeout(0.5)
        return probe.connect_ex((str(VIP), PORT)) == 0


@isolated
def test_the_holder_answers_and_a_node_that_gave_up_does_not() -> None:
    node, balancer = lan(100, 101)

    with on(node):
        before = healthy(balancer)
        taken = provider.hafw_vip_attach(request())
        # Its last question was for nobody: the network looks again only after a while.
        held = any(healthy(balancer) for _ in range(10))
        released = provider.hafw_vip_detach(request())
        after = healthy(balancer)

    assert (before, held, after) == (False, True, False)
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
def test_a_new_worker_of_the_holder_answers_again() -> None:
    node, balancer = lan(100, 101)

    with on(node):
        provider.hafw_vip_attach(request())
    silent = healthy(balancer)
    with on(node):
        provider.hafw_warm((request(),))
        answers = healthy(balancer)

    assert (silent, answers) == (False, True)


@isolated
def test_a_new_worker_of_another_node_does_not() -> None:
    node, _ = lan(100, 101)

    with on(node):
        provider.hafw_warm((request(),))

        assert answering._responders == {}


@isolated
def test_a_port_that_something_else_uses_is_refused() -> None:
    (node,) = lan(100)

    with on(node), socket.socket() as other:
        other.bind(("0.0.0.0", PORT))
        other.listen()

        with pytest.raises(Misconfigured, match="a port that nothing else uses"):
            provider.hafw_vip_attach(request())
        seen = provider.hafw_vip_observe(request())

    assert seen == VipObservation(holder=Holder.FREE)


@pytest.mark.parametrize("port", ["", "0", "65536", "http"])
def test_what_is_no_port_is_refused(port: str) -> None:
    with pytest.raises(Misconfigured, match="is no TCP port"):
        provider.hafw_warm((request(port),))


def test_a_plan_names_no_call() -> None:
    plan = provider.hafw_vip_plan(replace(request(), deadline_ns=0))

    assert plan[0] == f"answer the load balancer's health checks at {VIP}, TCP port {PORT}"
