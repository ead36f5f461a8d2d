"""A store, a device or a provider that does not answer keeps no VIP waiting."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from hafw.core.model import Outcome
from hafw.net.clock import boot_ns
from hafw.worker.main import DETAIL_CHARS, THREADS, Worker
from hafw.worker.protocol import (
    FenceLevel,
    FenceOrder,
    Frames,
    Hello,
    LeaseOrder,
    Order,
    Reply,
    Resource,
    ResourceOrder,
    Rouse,
    Vip,
    frame,
)
from tests.hooks.plugins import install

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

PATIENCE_S: Final = 30.0
VIP_NUMBER: Final = 1_000
STORE: Final = '''
"""A store that lets every deadline pass, beside a provider that is quick."""

import time

from hafw.hooks.errors import Retryable
from hafw.hooks.hookspecs import VipReceipt, hookimpl
from hafw.core.model import Outcome
from hafw.net.clock import boot_ns


@hookimpl
def hafw_lease_warm(request):
    pass


@hookimpl
def hafw_lease_read(request):
    time.sleep(max(request.deadline_ns - boot_ns(), 0) / 1e9)
    raise Retryable("no answer", 0.0)


@hookimpl
def hafw_vip_attach(request):
    return VipReceipt(changed=True)
'''


FENCE: Final = '''
"""A fence whose every order takes a while, and is written down."""

import time

from hafw.hooks.errors import Denied
from hafw.hooks.hookspecs import hookimpl

written = []


@hookimpl
def hafw_fence_off(request):
    written.append("begun")
    time.sleep(0.1)
    written.append("ended")
    raise Denied("no")
'''


DISKS: Final = '''
"""Disks that take a while to come, beside a lease and a VIP that are quick."""

import threading
import time

from hafw.hooks.hookspecs import LeaseReading, VipReceipt, hookimpl
from hafw.hooks.resources import ResourceReceipt

written = []
both, morning = threading.Barrier(2), threading.Event()


@hookimpl
def hafw_resource_start(request):
    written.append("begun")
    takes = request.options.get("takes", "0")
    if takes == "another":
        both.wait(30)
    elif takes == "the night":
        morning.wait(30)
    else:
        time.sleep(float(takes))
    written.append("ended")
    return ResourceReceipt(changed=True, detail="x" * int(request.options.get("chars", 0)))


@hookimpl
def hafw_lease_read(request):
    return LeaseReading(value=None, version="1")


@hookimpl
def hafw_vip_attach(request):
    return VipReceipt(changed=True)
'''


SLEEPER: Final = '''
"""A provider that does not wake up."""

import threading

from hafw.hooks.hookspecs import VipReceipt, hookimpl

woken = []
called, morning = threading.Event(), threading.Event()


@hookimpl
def hafw_vip_rouse(requests):
    woken.append(requests)
    called.set()
    morning.wait(30)
    raise OSError("it is still night")


@hookimpl
def hafw_vip_attach(request):
    return VipReceipt(changed=True)
'''


PREPARED: Final = '''
"""A store and a fence that write down that they were prepared."""

from hafw.hooks.hookspecs import hookimpl

written = set()


@hookimpl
def hafw_lease_warm(request):
    written.add("store")


@hookimpl
def hafw_fence_warm(request):
    written.add("fence")
'''


def disk(number: int, name: str, until_ns: int, *, index: int = 0, **options: str) -> ResourceOrder:
    """Start a disk. `takes`: so many seconds, another disk's start, or the night."""
    wanted = Resource("cloud-disk", "c1", number, 7, until_ns, options={**options})
    if index:
        wanted = msgspec.structs.replace(wanted, group=1)
    return ResourceOrder(number, name, "hafw_resource_start", index, wanted)


def replies(channel: socket.socket) -> Iterator[Reply]:
    frames = Frames()
    while data := channel.recv(65_536):
        for message in frames.feed(data):
            yield msgspec.msgpack.decode(message, type=Reply)


@contextmanager
def working(
    name: str, leases: tuple[LeaseOrder, ...] = (), fence: FenceOrder | None = None
) -> Iterator[tuple[socket.socket, Iterator[Reply]]]:
    """A worker that has loaded the plugin of this name: what it is told, and what it replies."""
    agent, theirs = socket.socketpair()
    with agent, theirs:
        agent.settimeout(PATIENCE_S)
        worker = threading.Thread(target=Worker(theirs).serve, daemon=True)
        worker.start()
        told = replies(agent)
        agent.sendall(frame(Hello((name,), (), (), leases, fence)))
        assert next(told).outcome is Outcome.OK
        yield agent, told
        agent.shutdown(socket.SHUT_WR)
        worker.join(PATIENCE_S)


def test_a_store_and_a_fence_are_prepared_before_the_worker_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "prepared", PREPARED)
    lease = LeaseOrder(0, "prepared://here", "c1", 1, 0, 20.0, 0, ())
    fence = FenceOrder(0, "c1", "alpha", "beta", "0/1/0/1", 0, (FenceLevel("prepared", (), 1),))

    with working("prepared", (lease,), fence):
        assert sys.modules["hafw_plugin_prepared"].written == {"store", "fence"}


def test_a_store_that_hangs_for_every_group_keeps_no_vip_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "slowstore", STORE)
    until_ns = boot_ns() + 3 * 10**9
    with working("slowstore") as (agent, told):
        for group in range(1, 2 * THREADS + 1):
            url = "slowstore://here"
            agent.sendall(frame(LeaseOrder(group, url, "c1", group, 0, 20.0, until_ns, ())))
        vip = Vip("c1", 1, 7, "10.1.1.111", "eth0", until_ns)

        agent.sendall(frame(Order(VIP_NUMBER, "slowstore", "hafw_vip_attach", vip)))

        assert next(told).number == VIP_NUMBER


def test_a_machine_is_switched_off_by_one_order_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent gives an order up at its deadline; the device may still be at it."""
    install(tmp_path, monkeypatch, "slowfence", FENCE)
    until_ns = boot_ns() + 10**10
    levels = (FenceLevel("slowfence", (), 10**9),)
    with working("slowfence") as (agent, told):
        for number in (1, 2):
            order = FenceOrder(number, "c1", "alpha", "beta", f"0/1/2/{number}", until_ns, levels)
            agent.sendall(frame(order))
        ended = {next(told).number, next(told).number}

    written = sys.modules["hafw_plugin_slowfence"].written
    assert (ended, written) == ({1, 2}, ["begun", "ended"] * 2)


def test_disks_that_are_slow_keep_neither_a_vip_nor_a_lease_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "slowdisks", DISKS)
    until_ns = boot_ns() + 10**10
    with working("slowdisks") as (agent, told):
        for group in range(1, 2 * THREADS + 1):
            agent.sendall(frame(disk(group, "slowdisks", until_ns, takes="the night")))
        vip = Vip("c1", 1, 7, "10.1.1.111", "eth0", until_ns)
        url = "slowdisks://here"

        agent.sendall(frame(Order(VIP_NUMBER, "slowdisks", "hafw_vip_attach", vip)))
        agent.sendall(frame(LeaseOrder(VIP_NUMBER + 1, url, "c1", 1, 0, 20.0, until_ns, ())))

        assert {next(told).number, next(told).number} == {VIP_NUMBER, VIP_NUMBER + 1}
        sys.modules["hafw_plugin_slowdisks"].morning.set()


def test_a_disk_is_moved_by_one_order_at_a_time_and_two_disks_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "twodisks", DISKS)
    until_ns = boot_ns() + 10**10
    with working("twodisks") as (agent, told):
        for number in (1, 2):
            agent.sendall(frame(disk(number, "twodisks", until_ns, index=1, takes="0.1")))
        one = [next(told).number, next(told).number]
        written = sys.modules["hafw_plugin_twodisks"].written
        same = list(written)
        for number, index in ((3, 1), (4, 2)):
            agent.sendall(frame(disk(number, "twodisks", until_ns, index=index, takes="another")))
        ended = {next(told).outcome, next(told).outcome}

    assert sorted(one) == [1, 2]
    assert same == ["begun", "ended"] * 2
    assert ended == {Outcome.OK}


def test_a_disk_is_not_touched_after_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "latedisk", DISKS)
    with working("latedisk") as (agent, told):
        agent.sendall(frame(disk(1, "latedisk", boot_ns() - 1)))
        reply = next(told)

    assert reply.outcome is Outcome.FAILED_NO_EFFECT
    assert "its deadline had passed" in reply.detail
    assert sys.modules["hafw_plugin_latedisk"].written == []


def test_a_provider_that_does_not_wake_up_is_called_once_and_keeps_no_order_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "sleeper", SLEEPER)
    with working("sleeper") as (agent, told):
        plugin = sys.modules["hafw_plugin_sleeper"]
        vip = Vip("c1", 1, 7, "10.1.1.111", "eth0", boot_ns() + 3 * 10**10)
        for _ in range(2 * THREADS):
            agent.sendall(frame(Rouse()))

        agent.sendall(frame(Order(VIP_NUMBER, "sleeper", "hafw_vip_attach", vip)))

        assert next(told).number == VIP_NUMBER
        assert plugin.called.wait(PATIENCE_S)
        assert plugin.woken == [()]
        plugin.morning.set()


def test_what_breaks_on_waking_breaks_no_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "sleeper", SLEEPER)
    with working("sleeper") as (agent, told):
        sys.modules["hafw_plugin_sleeper"].morning.set()
        vip = Vip("c1", 1, 7, "10.1.1.111", "eth0", boot_ns() + 3 * 10**10)

        agent.sendall(frame(Rouse()))
        agent.sendall(frame(Order(VIP_NUMBER, "sleeper", "hafw_vip_attach", vip)))

        assert next(told).outcome is Outcome.OK


def test_what_a_plugin_tells_of_a_disk_may_be_of_any_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "wordydisk", DISKS)
    with working("wordydisk") as (agent, told):
        agent.sendall(frame(disk(1, "wordydisk", boot_ns() + 10**10, chars="5000000")))
        reply = next(told)

    assert (reply.outcome, len(reply.detail)) == (Outcome.OK, DETAIL_CHARS)
