"""The on-prem provider: a VIP is a host address on an interface, announced by ARP or NDP.

One rule: it never decides who may have the address, and it never announces by itself; every
announcement is one order, checked against its deadline just before it is sent.
"""

from __future__ import annotations

import errno
import select
import threading
from contextlib import suppress
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import Denied, Misconfigured, ProviderError, UnknownOutcome
from hafw.hooks.hookspecs import Holder, VipObservation, VipReceipt, VipRequest, hookimpl
from hafw.net import bpf, frames
from hafw.net.clock import boot_ns
from hafw.net.netlink import NetlinkError
from hafw.net.packet import PacketSocket
from hafw.net.rtnetlink import Change, Rtnl
from hafw.net.sockdiag import destroy_connections

if TYPE_CHECKING:
    from hafw.net.rtmessages import IPAddress

_PROBES: Final = 3
"""Probes per round; RFC 5227 sends three as well (PROBE_NUM), much more slowly."""

_sockets: dict[tuple[str, int], PacketSocket] = {}
_sockets_lock = threading.Lock()


def _prefix_len(address: IPAddress) -> int:
    return address.max_prefixlen


def _sender(interface: str, address: IPAddress) -> PacketSocket:
    """The warm socket that announces on `interface`. Raises Misconfigured without the interface."""
    ethertype = frames.ETH_P_ARP if isinstance(address, IPv4Address) else frames.ETH_P_IPV6
    with _sockets_lock:
        found = _sockets.get((interface, ethertype))
        if found is None:
            # Protocol 0: it only sends, so nothing is queued on it.
            found = _sockets[interface, ethertype] = _open(interface, 0)
        return found


def _open(interface: str, ethertype: int, program: bytes = b"") -> PacketSocket:
    try:
        return PacketSocket(interface, ethertype, program)
    except PermissionError as problem:
        raise Denied(f"raw packets on {interface}: CAP_NET_RAW is missing") from problem
    except OSError as problem:
        raise Misconfigured(f"interface {interface}: {problem.strerror}") from problem


@hookimpl
def hafw_warm(requests: tuple[VipRequest, ...]) -> None:
    """Open the sockets that announcements need."""
    for request in requests:
        address = ip_address(request.address)
        _sender(request.interface, address)
        frames.announcements(bytes(6), address)


@hookimpl
def hafw_vip_observe(request: VipRequest) -> VipObservation:
    """Look at the interface."""
    address = ip_address(request.address)
    with Rtnl() as rtnl:
        try:
            found = any(held.ip == address for held in rtnl.addresses(request.interface))
        except (NetlinkError, TimeoutError) as problem:
            return VipObservation(holder=Holder.UNKNOWN, who=str(problem))
    return VipObservation(holder=Holder.MINE if found else Holder.FREE)


@hookimpl
def hafw_vip_attach(request: VipRequest) -> VipReceipt:
    """Add the host address, with a lifetime, and read it back."""
    address = ip_address(request.address)
    with Rtnl() as rtnl:
        try:
            made = rtnl.add_address(
                request.interface,
                address,
                _prefix_len(address),
                valid_s=request.lifetime_s,
                # Deprecated from the start: the kernel does not pick it as source by itself.
                preferred_s=0,
                replace=True,
            )
            held = any(found.ip == address for found in rtnl.addresses(request.interface))
        except NetlinkError as problem:
            raise _refused(f"attach {address} to {request.interface}", problem) from problem
        except TimeoutError as problem:
            raise UnknownOutcome(f"attach {address}: the kernel did not answer") from problem
    if not held:
        raise UnknownOutcome(f"{address} is not on {request.interface} after adding it")
    return VipReceipt(changed=made is Change.MADE)


def _refused(what: str, problem: NetlinkError) -> ProviderError:
    """What the kernel's refusal means to an operator."""
    if problem.errno == errno.ENODEV:
        return Misconfigured(f"{what}: there is no such interface on this machine")
    if problem.errno in (errno.EPERM, errno.EACCES):
        return Denied(f"{what}: CAP_NET_ADMIN is missing")
    return ProviderError(f"{what}: {problem}")


@hookimpl
def hafw_vip_detach(request: VipRequest) -> VipReceipt:
    """Remove the host address, read back, close the connections that ended there."""
    address = ip_address(request.address)
    with Rtnl() as rtnl:
        try:
            made = rtnl.delete_address(request.interface, address, _prefix_len(address))
            still = any(found.ip == address for found in rtnl.addresses(request.interface))
        except NetlinkError as problem:
            if problem.errno == errno.ENODEV:  # with its interface the address is gone
                return VipReceipt(changed=False)
            raise _refused(f"detach {address} from {request.interface}", problem) from problem
        except TimeoutError as problem:
            raise UnknownOutcome(f"detach {address}: the kernel did not answer") from problem
    if still:
        raise UnknownOutcome(f"{address} is still on {request.interface} after removing it")
    with suppress(NetlinkError, TimeoutError):  # the address is off, whatever becomes of these
        destroy_connections(address)
    return VipReceipt(changed=made is Change.MADE)


@hookimpl
def hafw_vip_announce(request: VipRequest) -> VipReceipt:
    """Send one announcement in each form, unless its time is over."""
    address = ip_address(request.address)
    sender = _sender(request.interface, address)
    packets = frames.announcements(sender.mac, address)
    for packet in packets:
        if boot_ns() >= request.deadline_ns:
            raise ProviderError(f"announcement of {address} came too late and was not sent")
        try:
            sender.send(packet)
        except OSError as problem:
            _forget(request.interface)
            raise ProviderError(f"announce {address}: {problem.strerror}") from problem
    return VipReceipt(changed=True)


def _forget(interface: str) -> None:
    """The interface changed under its sockets: open new ones at the next use."""
    with _sockets_lock:
        for key in [key for key in _sockets if key[0] == interface]:
            _sockets.pop(key).close()


@hookimpl
def hafw_vip_probe(request: VipRequest) -> VipObservation:
    """Ask for the address a few times until the deadline; the first answer ends it."""
    address = ip_address(request.address)
    is_v4 = isinstance(address, IPv4Address)
    ethertype = frames.ETH_P_ARP if is_v4 else frames.ETH_P_IPV6
    program = bpf.arp_about([address]) if isinstance(address, IPv4Address) else bpf.discovery()
    began_ns = boot_ns()
    gap_ns = max((request.deadline_ns - began_ns) // (_PROBES + 1), 1)
    with _open(request.interface, ethertype, program) as link:
        question = frames.probe(link.mac, address)
        for number in range(_PROBES):
            last = number == _PROBES - 1
            until_ns = request.deadline_ns if last else began_ns + gap_ns * (number + 1)
            try:
                link.send(question)
                who = _answer(link, address, until_ns)
            except OSError as problem:
                why = f"cannot probe {request.interface}: {problem.strerror}"
                return VipObservation(holder=Holder.UNKNOWN, who=why)
            if who is not None:
                return VipObservation(holder=Holder.PEER, who=who)
    return VipObservation(holder=Holder.FREE)


def _answer(link: PacketSocket, address: IPAddress, until_ns: int) -> str | None:
    """The MAC of whoever claims `address` by `until_ns`. Raises OSError if nobody can be heard."""
    while (left_ns := until_ns - boot_ns()) > 0:
        ready, _, _ = select.select([link], [], [], left_ns / 1e9)
        if not ready:
            return None
        while (received := link.receive()) is not None:
            mac = _claimant(received[0], received[1], address)
            if mac is not None and mac != link.mac:
                return frames.mac_text(mac)
    return None


def _claimant(packet: bytes, source: bytes, address: IPAddress) -> bytes | None:
    if isinstance(address, IPv4Address):
        arp = frames.parse_arp(packet)
        return arp.sender_mac if arp is not None and arp.sender_ip == address else None
    found = frames.parse_discovery(packet)
    if found is None or found.kind is not frames.DiscoveryKind.ADVERTISEMENT:
        return None
    return (found.mac or source) if found.target == address else None


@hookimpl
def hafw_vip_plan(request: VipRequest) -> tuple[str, ...]:
    """What an attach does here."""
    return (
        f"add {request.address} to {request.interface} (netlink RTM_NEWADDR), behind the gate",
        "open the gate (nftables)",
        f"announce {request.address} on {request.interface}",
    )
