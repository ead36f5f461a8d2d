"""The judge of ownership: writes down when each machine serves a VIP, as the kernels announce it.

Rule: one process hears all machines, so that no two of them are ever judged by different ears;
what waits in the sockets at one moment is given one time stamp.

Runs as a program beside the bridges: ``python -m hafw_sim.lab.monitor VIP...``, started before
any VIP is on a machine. Its output is a sequence of `RECORD`, the first one with a machine 0, once
it listens. The stamps are later than the events by what it takes to wake this process, usually
well below a millisecond; that of a timeout is computed.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final, Never

from hafw.net import rtmessages as rt
from hafw.net.netlink import (
    NETLINK_NETFILTER,
    NETLINK_ROUTE,
    Message,
    as_text,
    attributes,
    messages,
)
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.serving import Change, Ledger, Machine
from hafw_sim.lab.topology import IDS_PER_MACHINE

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORD: Final = struct.Struct("<BBB5xQ")
"""Machine, VIP (its place in the arguments), whether it now serves it, since when."""

# linux/netlink.h
_SOL_NETLINK: Final = 270
_NETLINK_ADD_MEMBERSHIP: Final = 1
_NETLINK_LISTEN_ALL_NSID: Final = 8
_ID: Final = struct.Struct("=i")

# linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h
_NFNLGRP_NFTABLES: Final = 7
_NFPROTO_INET: Final = 1
_HEADER: Final = struct.Struct(">BBH")  # struct nfgenmsg: family, version, resource id
_NEWTABLE, _DELTABLE, _NEWSETELEM, _DELSETELEM, _NEWGEN = 0, 2, 12, 14, 15
_TABLE: Final = 1  # the table's name, in messages about tables and about elements
_SET, _ELEMENTS = 2, 3
_KEY, _EXPIRATION, _VALUE = 1, 5, 1

_BUFFER_BYTES: Final = 8 * 1024 * 1024
_RECEIVE_BYTES: Final = 1 << 16


class Monitor:
    """The machines as announced, and the ledger of their changes."""

    def __init__(self, addresses: list[IPv4Address | IPv6Address]) -> None:
        """Begin with no machine known."""
        self._ledger = Ledger(addresses)
        self._machines: dict[int, Machine] = {}  # by the id of their network namespace
        self._unfinished: set[int] = set()  # in the middle of an nftables transaction
        self._touched: set[int] = set()

    def next_end_ns(self) -> int | None:
        """Return when something ends by itself, if anything does."""
        return self._ledger.next_end_ns()

    def changes(self, at_ns: int) -> Iterator[Change]:
        """Yield what has changed up to now: by timeouts, then by what was noted."""
        yield from self._ledger.expire(at_ns)
        settled = self._touched - self._unfinished
        for namespace in sorted(settled):
            machine = self._machines[namespace]
            yield from self._ledger.update(namespace // IDS_PER_MACHINE, machine, at_ns)
        self._touched -= settled

    def note_route(self, namespace: int, message: Message) -> None:
        """Note a message of NETLINK_ROUTE from the network namespace with this id."""
        machine = self._touch(namespace)
        match rt.parse_event(message):
            case rt.AddressAdded(address):
                machine.address_added(address.ip, address.index)
            case rt.AddressRemoved(address):
                machine.address_removed(address.ip, address.index)

    def note_netfilter(self, namespace: int, message: Message, at_ns: int) -> None:
        """Note a message of NETLINK_NETFILTER from the network namespace with this id."""
        machine = self._touch(namespace)
        kind = message.type & 0xFF  # the high byte is the subsystem, of which there is one here
        if kind == _NEWGEN:
            self._unfinished.discard(namespace)
            return
        self._unfinished.add(namespace)
        family, _version, _resource = _HEADER.unpack_from(message.payload)
        if family != _NFPROTO_INET:
            return
        found = dict(attributes(message.payload[_HEADER.size :]))
        table = as_text(found.get(_TABLE, b""))
        if kind == _NEWTABLE:
            machine.table_added(table)
        elif kind == _DELTABLE:
            machine.table_removed(table)
        elif kind in (_NEWSETELEM, _DELSETELEM):
            for address, left_ms in _elements(found.get(_ELEMENTS, b"")):
                name = as_text(found[_SET])
                if kind == _NEWSETELEM:
                    end_ns = None if left_ms is None else at_ns + left_ms * 1_000_000
                    machine.element_added(table, name, address, end_ns)
                else:
                    machine.element_removed(table, name, address)

    def _touch(self, namespace: int) -> Machine:
        self._touched.add(namespace)
        return self._machines.setdefault(namespace, Machine())


def _elements(data: bytes) -> Iterator[tuple[IPv4Address | IPv6Address, int | None]]:
    """Yield the addresses in a list of set elements, each with what is left of its timeout, ms."""
    for _, element in attributes(data):
        found = dict(attributes(element))
        key = dict(attributes(found.get(_KEY, b""))).get(_VALUE, b"")
        if len(key) in (4, 16):
            left = found.get(_EXPIRATION)
            yield rt.ip_from_bytes(key), None if left is None else int.from_bytes(left, "big")


def _listen(protocol: int, groups: tuple[int, ...]) -> socket.socket:
    """Return a socket that hears these groups from every network namespace that has an id here."""
    kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK
    everywhere = socket.socket(socket.AF_NETLINK, kind, protocol)
    everywhere.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    everywhere.setsockopt(_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID, 1)
    everywhere.bind((0, 0))
    for group in groups:
        everywhere.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
    return everywhere


def _heard(everywhere: socket.socket) -> Iterator[tuple[int, Message]]:
    """Yield what waits in a socket, with the id of the network namespace it comes from.

    Raises OSError ENOBUFS if it was too much: better no verdict than a wrong one.
    """
    while True:
        try:
            data, extra, _flags, _ = everywhere.recvmsg(_RECEIVE_BYTES, socket.CMSG_SPACE(_ID.size))
        except BlockingIOError:
            return
        for level, kind, value in extra:  # the lab's own namespace has no id: not a machine
            if (level, kind) == (_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID):
                (namespace,) = _ID.unpack(value)
                for message in messages(data):
                    yield namespace, message


def main(arguments: list[str]) -> Never:
    """Write down every change until killed."""
    addresses = [ip_address(vip) for vip in arguments]
    monitor = Monitor(addresses)
    routes = _listen(NETLINK_ROUTE, (rt.RTNLGRP_IPV4_IFADDR, rt.RTNLGRP_IPV6_IFADDR))
    gates = _listen(NETLINK_NETFILTER, (_NFNLGRP_NFTABLES,))
    os.write(1, RECORD.pack(0, 0, 0, now_ns()))
    waiting = select.poll()
    waiting.register(routes, select.POLLIN)
    waiting.register(gates, select.POLLIN)
    while True:
        end_ns = monitor.next_end_ns()
        waiting.poll(None if end_ns is None else max(0, end_ns - now_ns()) / 1e6)
        at_ns = now_ns()
        for namespace, message in _heard(routes):
            monitor.note_route(namespace, message)
        for namespace, message in _heard(gates):
            monitor.note_netfilter(namespace, message, at_ns)
        for change in monitor.changes(at_ns):
            vip = addresses.index(change.address)
            os.write(1, RECORD.pack(change.machine, vip, change.serves, change.at_ns))


if __name__ == "__main__":
    main(sys.argv[1:])
