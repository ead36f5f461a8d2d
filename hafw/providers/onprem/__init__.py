"""The on-prem provider: a VIP is a host address on an interface, announced by ARP or NDP.

One rule: it never decides who may have the address, and it never announces by itself; every
announcement is one order, checked against its deadline just before it is sent.
"""

from __future__ import annotations

import select
import threading
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING, Final

from hafw import hostaddress
from hafw.hooks.errors import Denied, Misconfigured, ProviderError
from hafw.hooks.hookspecs import Holder, VipObservation, VipReceipt, VipRequest, hookimpl
from hafw.net import bpf, frames
from hafw.net.clock import boot_ns
from hafw.net.packet import PacketSocket

if TYPE_CHECKING:
    from hafw.net.rtmessages import IPAddress

_PROBES: Final = 3
"""Probes per round; RFC 5227 sends three as well (PROBE_NUM), much more slowly."""

_sockets: dict[tuple[str, int], PacketSocket] = {}
_sockets_lock = threading.Lock()


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
def hafw_vip_rouse(requests: tuple[VipRequest, ...]) -> None:
    """Go the way of an attach, an announcement and a detach, but for what they do."""
    hafw_warm(requests)
    for request in requests:
        hostaddress.rouse(request)


@hookimpl
def hafw_vip_observe(request: VipRequest) -> VipObservation:
    """Look at the interface."""
    return hostaddress.observe(request)


@hookimpl
def hafw_vip_attach(request: VipRequest) -> VipReceipt:
    """Add the host address, with a lifetime, and read it back."""
    return hostaddress.attach(request)


@hookimpl
def hafw_vip_detach(request: VipRequest) -> VipReceipt:
    """Remove the host address, read back, close the connections that ended there."""
    return hostaddress.detach(request)


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
