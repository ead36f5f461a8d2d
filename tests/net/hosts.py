"""Hosts on one switch, made of namespaces, inside one short-lived process.

Rule: works as root and as an ordinary user, and nothing outlives the test.
"""

from __future__ import annotations

import ctypes
import functools
import os
import select
import signal
import time
import traceback
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING, Final, ParamSpec

import pytest

from hafw.net import bpf, frames
from hafw.net.packet import PacketSocket
from hafw.net.rtmessages import AddressAdded, OperState, parse_event
from hafw.net.rtnetlink import Rtnl, event_socket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed import HasFileno

    from hafw.net.rtmessages import IPAddress

P = ParamSpec("P")

_CLONE_NEWUSER: Final = 0x10000000  # linux/sched.h
_CLONE_NEWNET: Final = 0x40000000
_TEST_DEADLINE_S: Final = 30
_FORBIDDEN: Final = b"forbidden"
_libc = ctypes.CDLL(None, use_errno=True)

MS: Final = 1_000_000
INTERFACE: Final = "eth0"


def ip4(number: int) -> IPv4Address:
    return IPv4Address(f"10.1.1.{number}")


def ip6(number: int) -> IPv6Address:
    return IPv6Address(f"fd00:1::{number}")


VIP: Final = ip4(111)
VIP6: Final = ip6(111)


def isolated(test: Callable[P, None]) -> Callable[P, None]:
    """Run ``test`` in a child process with an own user and network namespace.

    Whatever the test started and left running ends with it.
    """

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            report = b""
            try:
                os.setpgid(0, 0)
                _enter_namespaces()
                test(*args, **kwargs)
            except PermissionError as problem:
                report = _FORBIDDEN if problem.filename == "unshare" else _trace()
            except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
                report = _trace()
            finally:
                os.write(writer, report[-60_000:])
                os._exit(0)
        os.close(writer)
        try:
            report = _read_all(reader)
        finally:
            os.close(reader)
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
        if report == _FORBIDDEN:
            pytest.skip("this machine forbids user namespaces; run as root to run this test")
        if report:
            pytest.fail(report.decode(), pytrace=False)

    return run


def _trace() -> bytes:
    return traceback.format_exc().encode()


def _read_all(reader: int) -> bytes:
    deadline = time.monotonic() + _TEST_DEADLINE_S
    found = b""
    while True:
        ready, _, _ = select.select([reader], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return b"the test did not end within its deadline"
        part = os.read(reader, 65536)
        if not part:
            return found
        found += part


def _unshare(what: int) -> None:
    if _libc.unshare(what) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "unshare")


def _enter_namespaces() -> None:
    uid, gid = os.geteuid(), os.getegid()
    _unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


class Host:
    """One network namespace; ``entered`` makes sockets belong to it."""

    def __init__(self) -> None:
        self.netns = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    @contextmanager
    def entered(self) -> Iterator[None]:
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        _setns(self.netns)
        try:
            yield
        finally:
            _setns(before)
            os.close(before)

    def rtnl(self) -> Rtnl:
        with self.entered():
            return Rtnl()

    def mac(self) -> bytes:
        with self.rtnl() as rtnl:
            return rtnl.link(INTERFACE).mac

    def packets(self, ethertype: int, program: bytes = b"") -> PacketSocket:
        with self.entered():
            return PacketSocket(INTERFACE, ethertype, program)


def _setns(netns: int) -> None:
    if _libc.setns(netns, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "setns")


def lan(*numbers: int) -> tuple[Host, ...]:
    """Return hosts 10.1.1.NUMBER and fd00:1::NUMBER on one switch, their interface ``eth0`` up."""
    switch = Host()
    with switch.rtnl() as rtnl:
        rtnl.add_bridge("switch")
        rtnl.set_link("switch", up=True)
        hosts = tuple(_plug_in(rtnl, number) for number in numbers)
    for number, host in zip(numbers, hosts, strict=True):
        await_operstate(host, INTERFACE, OperState.UP)
        # A bridge forwards to and from a port only once that is up too.
        await_operstate(switch, f"port{number}", OperState.UP)
    return hosts


def _plug_in(switch: Rtnl, number: int) -> Host:
    host = _new_host()
    port = f"port{number}"
    switch.add_veth(port, "far")
    switch.move_to_netns("far", host.netns)
    switch.set_link(port, bridge="switch", up=True)
    with host.rtnl() as rtnl:
        rtnl.set_link("lo", up=True)
        rtnl.set_link("far", new_name=INTERFACE)
        rtnl.set_link(INTERFACE, up=True)
        rtnl.add_address(INTERFACE, ip4(number), 24)
        rtnl.add_address(INTERFACE, ip6(number), 64)
    return host


def _new_host() -> Host:
    before = Host()
    try:
        _unshare(_CLONE_NEWNET)
        return Host()
    finally:
        _setns(before.netns)
        os.close(before.netns)


def await_operstate(host: Host, name: str, *wanted: OperState) -> None:
    """Wait until a link of ``host`` is in a state ``wanted``; the kernel takes its time."""
    with host.entered():
        events, rtnl = event_socket(), Rtnl()
    with events, rtnl:
        deadline_ns = time.monotonic_ns() + 5_000 * MS
        while rtnl.link(name).operstate not in wanted:
            assert await_readable(events, deadline_ns), f"{name} is not {wanted} after 5 s"
            events.drain()


def give(host: Host, ip: IPAddress, interface: str = INTERFACE) -> None:
    """Put ``ip`` on an interface of ``host`` and wait until the kernel answers for it."""
    with host.entered():
        events, rtnl = event_socket(), Rtnl()
    with events, rtnl:
        rtnl.add_address(interface, ip, ip.max_prefixlen)
        deadline_ns = time.monotonic_ns() + 5_000 * MS
        while ip not in {
            event.address.ip
            for event in map(parse_event, events.drain().messages)
            if isinstance(event, AddressAdded)
        }:
            assert await_readable(events, deadline_ns), f"{ip} is not there after 5 s"
        # An IPv6 address is told of just before its route is in, under the lock that this takes.
        rtnl.set_link(interface, up=True)


def await_readable(readable: HasFileno, deadline_ns: int) -> bool:
    """Return whether there is something to read before the monotonic clock shows the deadline."""
    remaining_s = max(0, deadline_ns - time.monotonic_ns()) / 1e9
    return bool(select.select([readable], [], [], remaining_s)[0])


def await_packet(packets: PacketSocket, timeout_ms: int = 5_000) -> tuple[bytes, bytes]:
    """Return the next packet and its source; fail after ``timeout_ms``."""
    deadline_ns = time.monotonic_ns() + timeout_ms * MS
    while (received := packets.receive()) is None:
        assert await_readable(packets, deadline_ns), f"no packet in {timeout_ms} ms"
    return received


class Asker:
    """Asks host 100 about addresses, from another host.

    It never waits for silence: after each question it asks for the host's own address, whose answer
    comes behind the one that may not come.
    """

    def __init__(self, client: Host, server: Host, source: IPAddress) -> None:
        self._v4 = source.version == 4
        self._source = source
        self._server_mac = server.mac()
        self._mac = client.mac()
        self._known = ip4(100) if self._v4 else ip6(100)
        self._ethertype = frames.ETH_P_IP if self._v4 else frames.ETH_P_IPV6
        echo = bpf.echo_replies4() if self._v4 else bpf.echo_replies6()
        self._echo = client.packets(self._ethertype, echo)
        if self._v4:
            self._claims = client.packets(frames.ETH_P_ARP, bpf.arp_about([ip4(100), VIP]))
        else:
            self._claims = client.packets(frames.ETH_P_IPV6, bpf.discovery())
        self._sequence = 0

    def ping(self, target: IPAddress) -> bool:
        """Return whether ``target`` answers an echo request sent straight to the host's MAC."""
        first = self._ping(target)
        last = self._ping(self._known)
        answered = False
        while True:
            reply = frames.parse_echo_reply(await_packet(self._echo)[0])
            assert reply is not None
            answered = answered or (reply.sequence, reply.source) == (first, target)
            if (reply.sequence, reply.source) == (last, self._known):
                return answered

    def resolve(self, target: IPAddress) -> bool:
        """Return whether somebody says that ``target`` is his."""
        while self._claims.receive() is not None:
            pass  # what the host asked or said of its own accord before
        self._claims.send(frames.probe(self._mac, target))
        self._claims.send(frames.probe(self._mac, self._known))
        found = set()
        while self._known not in found:
            found.add(self._claimed(await_packet(self._claims)[0]))
        return target in found

    def _ping(self, target: IPAddress) -> int:
        self._sequence += 1
        packet = frames.echo_request(self._source, target, 7, self._sequence, b"")
        self._echo.send(frames.LinkPacket(self._ethertype, self._server_mac, packet))
        return self._sequence

    def _claimed(self, packet: bytes) -> IPAddress | None:
        if self._v4:
            arp = frames.parse_arp(packet)
            return arp.sender_ip if arp is not None else None
        found = frames.parse_discovery(packet)
        if found is None or found.kind is frames.DiscoveryKind.SOLICITATION:
            return None
        return found.target
