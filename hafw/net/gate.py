"""The address gate: the kernel lets nobody reach a guarded address unless told so in time.

Rule: shut is the resting state. A guarded address that is not held answers no ARP, no neighbour
solicitation and no packet, and nothing leaves from it; holding it ends by itself at the timeout,
with or without this process.

Timeouts are relative and run on the kernel's tick: they end up to one tick late (1 to 10 ms, by
CONFIG_HZ), and stand still while the machine is suspended. So a process that was frozen between
computing a timeout and the system call asks too late. Two rules keep that from reopening a gate: a
renewal fails for an address that is shut already, and an opening needs to be primed shortly before,
which ends by itself as well. What AF_PACKET sends passes the gate.

A TCP port at which a load balancer asks the host's own addresses for the health of a guarded one is
opened, renewed and shut with that one, in the same transactions and until the same instant.
"""

from __future__ import annotations

import enum
import errno
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final, Self

from hafw.net import nft
from hafw.net.bpf import netlink_from_others
from hafw.net.netlink import NETLINK_NETFILTER, NetlinkError, NetlinkSocket

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hafw.net.rtmessages import IPAddress

_FIRST: Final = -300  # priority "raw": before connection tracking and everybody's filters
_IP: Final = bytes((2,))  # NFPROTO_IPV4
_IP6: Final = bytes((10,))  # NFPROTO_IPV6
_TCP: Final = bytes((6,))
_ICMPV6: Final = bytes((58,))
_ADVERTISEMENT: Final = bytes((136,))

_NS_PER_MS: Final = 1_000_000
_RENEWAL_TEMPLATES: Final = 64  # sets of addresses whose renewal is kept prebuilt
_TEMPLATE_MS: Final = 0xA5F00D5AC3BADC3C  # stands where the timeout will be; no such timeout exists
_OWNED: Final = nft.TableFlag.OWNER | nft.TableFlag.PERSIST
_NOT_SUPPORTED: Final = (errno.EOPNOTSUPP, errno.EINVAL)  # Linux 5.12 and later, before that


class Guarding(enum.Enum):
    """Who can take the gate away."""

    OWNED = "nobody else, while this process lives (Linux 6.9 and later)"
    SHARED = "anybody who flushes the nftables ruleset"


class Tampering(enum.Enum):
    """What others did to the gate since the last look."""

    NONE = "nothing"
    CHANGED = "somebody else changed or removed the gate"
    UNKNOWN = "the kernel dropped notifications"


class Position(enum.Enum):
    """How a call left the gate for its addresses."""

    OPEN = "open"
    SHUT = "shut"


class GateShut(NetlinkError):
    """The address is shut already, or its priming has ended: nothing was changed."""


class Gate:
    """The gate of one agent in its network namespace.

    Tables called ``name`` in the families inet and arp are its own. They outlive the process: a
    killed holder's addresses shut at their timeout and stay shut. Needs CAP_NET_ADMIN. Methods
    raise `NetlinkError` (ENOENT where the gate is not installed or was removed) and TimeoutError.
    """

    def __init__(self, name: str) -> None:
        """Open the socket; nothing is installed yet."""
        self._socket = NetlinkSocket(NETLINK_NETFILTER)
        self._inet = nft.Table(nft.Family.INET, name)
        self._arp = nft.Table(nft.Family.ARP, name)
        self._guarded: tuple[IPAddress, ...] = ()
        self._checks: dict[int, IPAddress] = {}
        self._renewals: dict[tuple[IPAddress, ...], list[bytes]] = {}

    def __enter__(self) -> Self:
        """Return the gate itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the socket; what is installed stays."""
        self.close()

    def close(self) -> None:
        """Close the sockets; what is installed stays, without owner."""
        self._socket.close()

    def install(
        self, addresses: Iterable[IPAddress], checks: Mapping[int, IPAddress] | None = None
    ) -> Guarding:
        """Guard exactly ``addresses``, all shut, replacing an earlier gate in one step.

        ``checks``: TCP ports of this host, whatever its address, each shut while the gate of an
        address is. Raises `NetlinkError` EPERM if another living process owns a gate of that name.
        """
        guarded = tuple(addresses)
        self._checks = dict(checks or {})
        self._renewals.clear()
        none = nft.TableFlag.NONE
        accepted = self._first_accepted(
            "install gate",
            # In place of none, of an own one or of one whose owner died;
            (*self._clear(_OWNED), *self._build(guarded, _OWNED)),
            # in place of one that never had an owner;
            (*self._clear(none), *self._build(guarded, _OWNED)),
            # by a kernel that knows no owners.
            (*self._clear(none), *self._build(guarded, none)),
        )
        self._guarded = guarded
        return (Guarding.OWNED, Guarding.OWNED, Guarding.SHARED)[accepted]

    def guard(self, addresses: Iterable[IPAddress]) -> None:
        """Guard exactly ``addresses`` from now on; those held stay held while guarded."""
        guarded = tuple(addresses)
        dropped = [address for address in self._guarded if address not in guarded]
        empty = [nft.empty_set(table, name) for table, name in self._guarded_sets()]
        commands = (*empty, *self._add_guarded(guarded), *self._take_out(dropped))
        self._transact(commands, "change the guarded addresses")
        self._guarded = guarded

    def renew(self, addresses: Sequence[IPAddress], timeout_ns: int) -> Position:
        """Keep ``addresses``, which are open, open until ``timeout_ns`` from now.

        The timeout is rounded down to milliseconds; less than one shuts the gate. Raises `GateShut`
        if one of them is shut: whoever comes too late does not open it again.
        """
        timeout_ms = timeout_ns // _NS_PER_MS
        if timeout_ms < 1:
            return self.shut(addresses)
        pieces = self._renewal(tuple(addresses))
        self._strictly(nft.timeout_value(timeout_ms).join(pieces))
        return Position.OPEN

    def prime(self, addresses: Sequence[IPAddress], timeout_ns: int) -> None:
        """Let ``addresses`` be opened, once, until ``timeout_ns`` from now (at least 1 ms).

        Between this and `open` the caller looks at the clock again: whether its right still lasts.
        """
        timeout_ms = max(timeout_ns // _NS_PER_MS, 1)
        commands: list[bytes] = []
        for table, name, keys in self._primed_sets(addresses):
            commands += [
                nft.add_elements(table, name, keys),
                nft.delete_elements(table, name, keys),
                nft.add_elements(table, name, keys, timeout_ms),
            ]
        self._move(nft.transaction(commands))

    def open(self, addresses: Sequence[IPAddress], timeout_ns: int | None) -> Position:
        """Open the gate for primed ``addresses`` until ``timeout_ns`` from now, None = until shut.

        The timeout is rounded down to milliseconds; less than one shuts the gate. Raises `GateShut`
        if they are not primed any more.
        """
        timeout_ms = None if timeout_ns is None else timeout_ns // _NS_PER_MS
        if timeout_ms is not None and timeout_ms < 1:
            return self.shut(addresses)
        primed = [nft.delete_elements(*each) for each in self._primed_sets(addresses)]
        commands = (*primed, *self._take_out(addresses), *self._let_in(addresses, timeout_ms))
        self._strictly(nft.transaction(commands))
        return Position.OPEN

    def shut(self, addresses: Sequence[IPAddress]) -> Position:
        """Shut the gate for ``addresses`` at once; those shut already stay so."""
        self._move(nft.transaction(self._take_out(addresses)))
        return Position.SHUT

    def remove(self) -> None:
        """Remove the gate, if there is one: every address answers that the host has."""
        none = nft.TableFlag.NONE
        self._first_accepted("remove gate", tuple(self._clear(_OWNED)), tuple(self._clear(none)))

    def watch(self) -> GateWatch:
        """Return a watch that tells what others do to this gate from now on."""
        return GateWatch(self._inet.name, self._socket.port)

    # -- transactions --------------------------------------------------------------------------

    def _transact(self, commands: Iterable[bytes], what: str) -> None:
        try:
            self._socket.transact(nft.transaction(commands), f"{what} {self._inet.name}")
        except NetlinkError as problem:
            if problem.errno == errno.EPERM:
                why = "no CAP_NET_ADMIN, or another living process owns this gate"
                raise NetlinkError(errno.EPERM, problem.what, why) from problem
            raise

    def _first_accepted(self, what: str, *attempts: Iterable[bytes]) -> int:
        """Carry out the first of ``attempts`` that the kernel supports; return which it was."""
        for number, commands in enumerate(attempts[:-1]):
            try:
                self._transact(commands, what)
            except NetlinkError as problem:
                if problem.errno not in _NOT_SUPPORTED:
                    raise
            else:
                return number
        self._transact(attempts[-1], what)
        return len(attempts) - 1

    def _move(self, batch: bytes) -> None:
        """Carry out a `_take_out`, once more if an element ran out in the middle of it.

        Before Linux 6.9 the kernel looks at the clock anew for each message, so an element can
        still be there at the add and be gone at the delete.
        """
        if not batch:
            return
        what = f"move gate {self._inet.name}"
        try:
            self._socket.transact(batch, what)
        except NetlinkError as problem:
            if problem.errno != errno.ENOENT:
                raise
            self._socket.transact(batch, what)

    def _strictly(self, batch: bytes) -> None:
        """Carry out what must fail if an element is not there. Raises `GateShut`."""
        if not batch:
            return
        try:
            self._socket.transact(batch, f"hold gate {self._inet.name}")
        except NetlinkError as problem:
            if problem.errno != errno.ENOENT:
                raise
            raise GateShut(errno.ENOENT, problem.what, "it is shut already") from problem

    def _renewal(self, addresses: tuple[IPAddress, ...]) -> list[bytes]:
        """Return the transaction that renews ``addresses``, cut where the timeout belongs."""
        pieces = self._renewals.get(addresses)
        if pieces is None:
            taken = [nft.delete_elements(*each) for each in self._open_sets(addresses)]
            batch = nft.transaction((*taken, *self._let_in(addresses, _TEMPLATE_MS)))
            pieces = batch.split(nft.timeout_value(_TEMPLATE_MS))
            if len(self._renewals) >= _RENEWAL_TEMPLATES:
                self._renewals.clear()
            self._renewals[addresses] = pieces
        return pieces

    def _take_out(self, addresses: Iterable[IPAddress]) -> Iterable[bytes]:
        """Delete from the open sets what may or may not be there, without ever failing.

        The kernel refuses to delete what is not there, and an element that ran out is not there.
        So each is added first, which does nothing to one that is there and replaces one that ran
        out, and then deleted. Nobody sees the addition: a transaction takes effect at its end.
        """
        for table, name, keys in self._open_sets(addresses):
            yield nft.add_elements(table, name, keys)
            yield nft.delete_elements(table, name, keys)

    def _let_in(self, addresses: Iterable[IPAddress], timeout_ms: int | None) -> Iterable[bytes]:
        for table, name, keys in self._open_sets(addresses):
            yield nft.add_elements(table, name, keys, timeout_ms)

    def _open_sets(
        self, addresses: Iterable[IPAddress]
    ) -> Iterable[tuple[nft.Table, str, list[bytes]]]:
        """Yield the sets that hold ``addresses`` and their ports while open, and the keys there."""
        addresses = tuple(addresses)
        keys4, keys6 = _keys(addresses)
        if keys4:
            yield self._inet, "open4", keys4
            yield self._arp, "open4", keys4
        if keys6:
            yield self._inet, "open6", keys6
        ports = [_port(port) for port, address in self._checks.items() if address in addresses]
        if ports:
            yield self._inet, "open_ports", ports

    def _primed_sets(
        self, addresses: Iterable[IPAddress]
    ) -> Iterable[tuple[nft.Table, str, list[bytes]]]:
        """Yield the sets that say which ``addresses`` may be opened now, and the keys there."""
        keys4, keys6 = _keys(addresses)
        if keys4:
            yield self._inet, "primed4", keys4
        if keys6:
            yield self._inet, "primed6", keys6

    def _guarded_sets(self) -> Iterable[tuple[nft.Table, str]]:
        yield self._inet, "vips4"
        yield self._arp, "vips4"
        yield self._inet, "vips6"

    def _add_guarded(self, addresses: Iterable[IPAddress]) -> Iterable[bytes]:
        keys4, keys6 = _keys(addresses)
        for table, name in self._guarded_sets():
            keys = keys4 if name == "vips4" else keys6
            if keys:
                yield nft.add_elements(table, name, keys)

    # -- rules ---------------------------------------------------------------------------------

    def _clear(self, flags: nft.TableFlag) -> Iterable[bytes]:
        """Delete both tables, there or not, if there with ``flags``."""
        for table in (self._inet, self._arp):
            yield nft.add_table(table, flags)
            yield nft.delete_table(table)

    def _build(self, guarded: Iterable[IPAddress], flags: nft.TableFlag) -> Iterable[bytes]:
        """Create tables, sets and rules, all guarded addresses and ports shut."""
        inet, arp = self._inet, self._arp
        yield nft.add_table(inet, flags)
        yield nft.add_table(arp, flags)
        sets = ((inet, "4", 4), (inet, "6", 16), (arp, "4", 4))
        for number, (table, suffix, size) in enumerate(sets):
            yield nft.add_set(table, f"vips{suffix}", size, 2 * number + 1, timeouts=False)
            yield nft.add_set(table, f"open{suffix}", size, 2 * number + 2, timeouts=True)
        for number, (suffix, size) in enumerate((("4", 4), ("6", 16)), start=2 * len(sets) + 1):
            yield nft.add_set(inet, f"primed{suffix}", size, number, timeouts=True)
        yield nft.add_set(inet, "ports", 2, 2 * len(sets) + 3, timeouts=False)
        yield nft.add_set(inet, "open_ports", 2, 2 * len(sets) + 4, timeouts=True)
        if self._checks:
            yield nft.add_elements(inet, "ports", [_port(port) for port in self._checks])
        yield from self._add_guarded(guarded)
        yield nft.add_chain(inet, "in", nft.Hook.PREROUTING, _FIRST)
        yield nft.add_rule(inet, "in", *_is(nft.Meta.NFPROTO, _IP), *_shut(16, "4"))
        yield nft.add_rule(inet, "in", *_is(nft.Meta.NFPROTO, _IP6), *_shut(24, "6"))
        yield nft.add_chain(inet, "out", nft.Hook.OUTPUT, _FIRST)
        yield nft.add_rule(inet, "out", *_is(nft.Meta.NFPROTO, _IP), *_shut(12, "4"))
        yield nft.add_rule(inet, "out", *_is(nft.Meta.NFPROTO, _IP6), *_shut(8, "6"))
        # The advertisement of an address may come from another address of this host.
        yield nft.add_rule(inet, "out", *_advertises(), *_shut(8, "6", nft.Base.TRANSPORT))
        # Where only what is for this host itself passes: what it forwards may go to any port.
        yield nft.add_chain(inet, "checks", nft.Hook.INPUT, _FIRST)
        yield nft.add_rule(inet, "checks", *_is(nft.Meta.L4PROTO, _TCP), *_shut_port())
        yield nft.add_chain(arp, "out", nft.Hook.ARP_OUTPUT, _FIRST)
        yield nft.add_rule(arp, "out", *_shut(14, "4"))


class GateWatch:
    """Tells when somebody else touches a gate. A second socket, so that it can wake an event loop.

    The own changes are filtered out by the kernel.
    """

    def __init__(self, name: str, own_port: int) -> None:
        """Subscribe to nftables changes not made by the netlink socket ``own_port``."""
        self._name = name
        self._socket = NetlinkSocket(NETLINK_NETFILTER, (nft.NFNLGRP_NFTABLES,))
        self._socket.attach_filter(netlink_from_others(own_port))

    def __enter__(self) -> Self:
        """Return the watch itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the socket."""
        self.close()

    def close(self) -> None:
        """Close the socket; a second close does nothing."""
        self._socket.close()

    def fileno(self) -> int:
        """Return the descriptor, readable when there is something to `look` at."""
        return self._socket.fileno()

    def look(self) -> Tampering:
        """Return what others did since the last look; never block."""
        notices = self._socket.drain()
        if any(nft.changed_table(message) == self._name for message in notices.messages):
            return Tampering.CHANGED
        return Tampering.UNKNOWN if notices.overrun else Tampering.NONE


def _keys(addresses: Iterable[IPAddress]) -> tuple[list[bytes], list[bytes]]:
    """Return the IPv4 and the IPv6 addresses as set elements."""
    keys4: list[bytes] = []
    keys6: list[bytes] = []
    for address in addresses:
        (keys4 if isinstance(address, IPv4Address) else keys6).append(address.packed)
    return keys4, keys6


def _is(key: nft.Meta, value: bytes) -> tuple[bytes, bytes]:
    return nft.load_meta(key), nft.equals(value)


def _advertises() -> tuple[bytes, ...]:
    """Match a neighbour advertisement (RFC 4861 §4.4)."""
    kind = nft.load_payload(nft.Base.TRANSPORT, 0, 1), nft.equals(_ADVERTISEMENT)
    return (*_is(nft.Meta.NFPROTO, _IP6), *_is(nft.Meta.L4PROTO, _ICMPV6), *kind)


def _port(port: int) -> bytes:
    """Return a TCP port as a set element."""
    return port.to_bytes(2, "big")


def _shut_port() -> tuple[bytes, ...]:
    """Drop a TCP segment if the port that it is for is guarded and not open."""
    load = nft.load_payload(nft.Base.TRANSPORT, 2, 2)
    return load, nft.in_set("ports"), nft.not_in_set("open_ports"), nft.drop()


def _shut(offset: int, suffix: str, base: nft.Base = nft.Base.NETWORK) -> tuple[bytes, ...]:
    """Drop the packet if the address at ``offset`` is guarded and not open."""
    load = nft.load_payload(base, offset, 4 if suffix == "4" else 16)
    return load, nft.in_set(f"vips{suffix}"), nft.not_in_set(f"open{suffix}"), nft.drop()
