"""A port for health checks opens and shuts with the gate of its address, by the kernel alone."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from hafw.net.gate import Position
from hafw.net.responder import Responder
from tests.net.gated import hold, new_gate
from tests.net.hosts import MS, VIP, VIP6, give, ip4, ip6, isolated, lan

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafw.net.gate import Gate
    from hafw.net.rtmessages import IPAddress

PORT, OTHER = 7450, 7451
PATIENCE_S = 10.0
UNANSWERED_S = 0.3
"""After this long a check counts as unanswered; who expects an answer asks until there is one."""


class Checked:
    """Host 100, whose port follows the gate of a VIP that it has, and a load balancer, host 50."""

    def __init__(self, vip: IPAddress = VIP) -> None:
        self.host, self.balancer = lan(100, 50)
        give(self.host, vip)
        self.gate = new_gate(self.host)
        self.gate.install([VIP, VIP6], {PORT: vip})
        self._own = ip4(100) if vip.version == 4 else ip6(100)
        self.answer()

    def answer(self, port: int = PORT) -> None:
        with self.host.entered():
            Responder("0.0.0.0" if self._own.version == 4 else "::", port)

    def connected(self, port: int = PORT, within_s: float = PATIENCE_S) -> socket.socket:
        with self.balancer.entered():
            return socket.create_connection((str(self._own), port), within_s)

    def healthy(self, port: int = PORT) -> bool:
        """Does a check at the host's own address get an answer?"""
        try:
            self.connected(port, UNANSWERED_S).close()
        except TimeoutError:
            return False
        return True


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["IPv4", "IPv6"])
@isolated
def test_checks_are_answered_while_the_gate_of_their_address_is_open(vip: IPAddress) -> None:
    scene = Checked(vip)

    before = scene.healthy()
    hold(scene.gate, [vip], None)
    until(scene.healthy)
    scene.gate.shut([vip])
    after = scene.healthy()

    assert (before, after) == (False, False)


@isolated
def test_another_open_address_opens_no_port_that_is_not_its_own() -> None:
    scene = Checked(VIP)

    hold(scene.gate, [VIP6], None)

    assert not scene.healthy()


@isolated
def test_other_ports_never_notice() -> None:
    scene = Checked()
    scene.answer(OTHER)

    until(lambda: scene.healthy(OTHER))
    assert not scene.healthy()


@isolated
def test_a_check_that_was_let_in_gets_no_answer_once_the_gate_is_shut() -> None:
    scene = Checked()
    hold(scene.gate, [VIP], None)
    with scene.connected() as check:
        scene.gate.shut([VIP])
        check.settimeout(UNANSWERED_S)

        check.sendall(b"GET / HTTP/1.1\r\n\r\n")

        with pytest.raises(TimeoutError):
            check.recv(100)


@isolated
def test_a_renewal_keeps_open_a_port_that_the_gate_was_not_installed_with_at_first() -> None:
    scene = Checked()
    scene.gate.install([VIP])
    hold(scene.gate, [VIP], 60_000 * MS)
    scene.gate.renew([VIP], 60_000 * MS)
    scene.gate.install([VIP], {PORT: VIP})
    hold(scene.gate, [VIP], 2_000 * MS)
    over_s = time.monotonic() + 2.2

    scene.gate.renew([VIP], 60_000 * MS)

    until(lambda: time.monotonic() > over_s)
    until(scene.healthy)


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
@isolated
def test_the_port_shuts_though_whoever_held_the_gate_is_frozen_or_dead(number: int) -> None:
    scene = Checked()
    holder = holding(scene.gate)
    until(scene.healthy)

    os.kill(holder, number)

    until(lambda: not scene.healthy())
    with suppress(ProcessLookupError):
        os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)


def holding(gate: Gate) -> int:
    """Another process, which holds the VIP for half a second at a time, as an agent does."""
    child = os.fork()
    if child:
        return child
    hold(gate, [VIP], 500 * MS)
    while gate.renew([VIP], 500 * MS) is Position.OPEN:
        time.sleep(0.05)
    os._exit(1)


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s
