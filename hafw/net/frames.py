"""ARP, IPv6 neighbour discovery and ICMP echo packets: built and read as bytes.

Rule: pure; packets begin at the network layer, the kernel adds and strips the Ethernet header.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

# linux/if_ether.h
ETH_P_IP: Final = 0x0800
ETH_P_ARP: Final = 0x0806
ETH_P_IPV6: Final = 0x86DD

MAC_SIZE: Final = 6
NO_MAC: Final = bytes(MAC_SIZE)
BROADCAST_MAC: Final = b"\xff" * MAC_SIZE
_NO_IP: Final = IPv4Address(0)
_NO_IP6: Final = IPv6Address(0)
_ALL_NODES: Final = IPv6Address("ff02::1")  # RFC 4291 §2.7.1
_SOLICITED_NODE: Final = int(IPv6Address("ff02::1:ff00:0"))  # RFC 4291 §2.7.1, low 24 bits free

# RFC 826: hardware type Ethernet, protocol IPv4, their address lengths
_ARP: Final = struct.Struct("!HHBBH6s4s6s4s")
_ARP_PREFIX: Final = (1, ETH_P_IP, 6, 4)

# RFC 791, RFC 8200
_IPV4: Final = struct.Struct("!BBHHHBBH4s4s")
_IPV4_PLAIN: Final = 0x45  # version 4, header of five words
_IPV4_DONT_FRAGMENT: Final = 0x4000
_IPV4_FRAGMENT: Final = 0x3FFF  # more-fragments flag and offset: set in any part of a datagram
_IPV6: Final = struct.Struct("!IHBB16s16s")
_IPV6_VERSION: Final = 6
_PSEUDO6: Final = struct.Struct("!16s16sIxxxB")  # RFC 8200 §8.1
_PROTOCOL_ICMP: Final = 1
_PROTOCOL_ICMPV6: Final = 58
_HOPS: Final = 64
_NDP_HOPS: Final = 255  # RFC 4861: proves that no router forwarded it

# RFC 792, RFC 4443: type, code, checksum, identifier, sequence number
_ECHO: Final = struct.Struct("!BBHHH")
_ECHO_REQUEST: Final = 8
_ECHO_REPLY: Final = 0
_ECHO6_REQUEST: Final = 128
_ECHO6_REPLY: Final = 129

# RFC 4861 §4.3, §4.4: type, code, checksum, flags, target; then options
_NDP: Final = struct.Struct("!BBHI16s")
_SOLICITATION: Final = 135
_ADVERTISEMENT: Final = 136
_OVERRIDE: Final = 0x20000000
_SOURCE_MAC_OPTION: Final = 1
_TARGET_MAC_OPTION: Final = 2


@dataclass(frozen=True, slots=True)
class LinkPacket:
    """A packet and what its Ethernet header must say."""

    ethertype: int
    destination: bytes
    payload: bytes


class ArpOperation(enum.Enum):
    """What an ARP packet is; values from RFC 826."""

    REQUEST = 1
    REPLY = 2


@dataclass(frozen=True, slots=True)
class Arp:
    """An ARP packet. A probe (RFC 5227) has the sender address 0.0.0.0."""

    operation: ArpOperation
    sender_mac: bytes
    sender_ip: IPv4Address
    target_mac: bytes
    target_ip: IPv4Address


class DiscoveryKind(enum.Enum):
    """What a neighbour discovery packet is; values from RFC 4861."""

    SOLICITATION = _SOLICITATION
    ADVERTISEMENT = _ADVERTISEMENT


@dataclass(frozen=True, slots=True)
class Discovery:
    """A neighbour solicitation or advertisement about ``target``.

    ``mac`` is the link-layer option (of the source in a solicitation, of the target in an
    advertisement), None without one. A probe has the source address ``::``.
    """

    kind: DiscoveryKind
    source: IPv6Address
    target: IPv6Address
    mac: bytes | None


@dataclass(frozen=True, slots=True)
class EchoReply:
    """An ICMP or ICMPv6 echo reply, checksums verified."""

    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    identifier: int
    sequence: int
    payload: bytes


def mac_text(mac: bytes) -> str:
    """Return ``mac`` as people write it."""
    return mac.hex(":")


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071) to store where ``data`` now has zero.

    The ones' complement sum of 16-bit words is the number they form, modulo 65535.
    """
    return 0xFFFF - int.from_bytes(data + bytes(len(data) % 2), "big") % 0xFFFF


def verified(data: bytes) -> bool:
    """Return whether ``data``, with its checksum in place, adds up."""
    return int.from_bytes(data + bytes(len(data) % 2), "big") % 0xFFFF == 0


# -- is the address free? whose is it now? ----------------------------------------------------


def probe(mac: bytes, ip: IPv4Address | IPv6Address) -> LinkPacket:
    """Return the question "does anybody have ``ip``?", which changes nobody's cache.

    IPv4: the probe of RFC 5227 §2.1.1. IPv6: the solicitation of RFC 4862 §5.4.2. ``mac`` is the
    asking interface's.
    """
    if isinstance(ip, IPv4Address):
        return _arp(ArpOperation.REQUEST, mac, _NO_IP, NO_MAC, ip)
    group = IPv6Address(_SOLICITED_NODE | int(ip) & 0xFFFFFF)
    packet = _discovery(_SOLICITATION, 0, _NO_IP6, group, ip, b"")
    return LinkPacket(ETH_P_IPV6, _multicast_mac(group), packet)


def announcements(mac: bytes, ip: IPv4Address | IPv6Address) -> tuple[LinkPacket, ...]:
    """Return the packets that tell everybody on the link that ``ip`` is now at ``mac``.

    IPv4: request form (RFC 5227 §3) and reply form, as some devices heed only one of them; Linux
    heeds a reply only if its target is the sender too. IPv6: unsolicited advertisement with the
    override flag (RFC 4861 §7.2.6).
    """
    if isinstance(ip, IPv4Address):
        return (
            _arp(ArpOperation.REQUEST, mac, ip, NO_MAC, ip),
            _arp(ArpOperation.REPLY, mac, ip, mac, ip),
        )
    option = bytes((_TARGET_MAC_OPTION, 1)) + mac
    packet = _discovery(_ADVERTISEMENT, _OVERRIDE, ip, _ALL_NODES, ip, option)
    return (LinkPacket(ETH_P_IPV6, _multicast_mac(_ALL_NODES), packet),)


def parse_arp(packet: bytes) -> Arp | None:
    """Return the ARP request or reply for IPv4 on Ethernet in ``packet``, None if it is not one."""
    if len(packet) < _ARP.size:
        return None
    *prefix, operation, sender_mac, sender, target_mac, target = _ARP.unpack_from(packet)
    known = {kind.value for kind in ArpOperation}
    if tuple(prefix) != _ARP_PREFIX or operation not in known:
        return None
    return Arp(
        ArpOperation(operation), sender_mac, IPv4Address(sender), target_mac, IPv4Address(target)
    )


def parse_discovery(packet: bytes) -> Discovery | None:
    """Return the neighbour solicitation or advertisement in an IPv6 packet, None if it has none.

    Anything that RFC 4861 §7.1 says to discard is None too: forwarded, damaged or odd packets.
    """
    found = _icmpv6(packet)
    if found is None:
        return None
    source, _destination, hops, body = found
    if hops != _NDP_HOPS or len(body) < _NDP.size:
        return None
    kind, code, _sum, _flags, target = _NDP.unpack_from(body)
    if kind not in (_SOLICITATION, _ADVERTISEMENT) or code != 0:
        return None
    wanted = _SOURCE_MAC_OPTION if kind == _SOLICITATION else _TARGET_MAC_OPTION
    mac = _discovery_option(body[_NDP.size :], wanted)
    return Discovery(DiscoveryKind(kind), source, IPv6Address(target), mac)


# -- echo, also in the name of the peer --------------------------------------------------------


def echo_request(
    source: IPv4Address | IPv6Address,
    destination: IPv4Address | IPv6Address,
    identifier: int,
    sequence: int,
    payload: bytes,
) -> bytes:
    """Return an IP packet with an echo request whose answer goes to ``source``.

    ``source`` need not be an own address: with the peer's, the answer carries ``payload`` to the
    peer. ``identifier`` and ``sequence`` have 16 bits. Raises ValueError for mixed IP versions.
    """
    if isinstance(source, IPv4Address) and isinstance(destination, IPv4Address):
        body = _ECHO.pack(_ECHO_REQUEST, 0, 0, identifier, sequence) + payload
        return _ipv4(source, destination, _with_checksum(body, b""))
    if isinstance(source, IPv6Address) and isinstance(destination, IPv6Address):
        body = _ECHO.pack(_ECHO6_REQUEST, 0, 0, identifier, sequence) + payload
        return _ipv6(source, destination, _HOPS, body)
    raise ValueError(f"echo from {source} to {destination}: two IP versions")


def parse_echo_reply(packet: bytes) -> EchoReply | None:
    """Return the echo reply in an IP packet, None if it has none or a checksum is wrong."""
    if packet and packet[0] >> 4 == _IPV6_VERSION:
        return _parse_echo_reply6(packet)
    if len(packet) < _IPV4.size:
        return None
    first, _tos, total, _id, fragment, _ttl, protocol, _sum, source, destination = (
        _IPV4.unpack_from(packet)
    )
    start = (first & 0xF) * 4
    if first >> 4 != 4 or protocol != _PROTOCOL_ICMP or fragment & _IPV4_FRAGMENT:  # noqa: PLR2004
        return None
    body = packet[start:total]  # Ethernet pads short packets
    if start < _IPV4.size or total > len(packet) or not verified(packet[:start]):
        return None
    if len(body) < _ECHO.size or not verified(body):
        return None
    kind, code, _sum, identifier, sequence = _ECHO.unpack_from(body)
    if (kind, code) != (_ECHO_REPLY, 0):
        return None
    payload = body[_ECHO.size :]
    return EchoReply(IPv4Address(source), IPv4Address(destination), identifier, sequence, payload)


# -- building blocks ---------------------------------------------------------------------------


def _parse_echo_reply6(packet: bytes) -> EchoReply | None:
    found = _icmpv6(packet)
    if found is None:
        return None
    source, destination, _hops, body = found
    if len(body) < _ECHO.size:
        return None
    kind, code, _sum, identifier, sequence = _ECHO.unpack_from(body)
    if (kind, code) != (_ECHO6_REPLY, 0):
        return None
    return EchoReply(source, destination, identifier, sequence, body[_ECHO.size :])


def _arp(
    operation: ArpOperation,
    sender_mac: bytes,
    sender: IPv4Address,
    target_mac: bytes,
    target: IPv4Address,
) -> LinkPacket:
    hosts = (sender_mac, sender.packed, target_mac, target.packed)
    payload = _ARP.pack(*_ARP_PREFIX, operation.value, *hosts)
    return LinkPacket(ETH_P_ARP, BROADCAST_MAC, payload)


def _discovery(  # noqa: PLR0913, PLR0917 - the fields of the packet, in its order
    kind: int,
    flags: int,
    source: IPv6Address,
    destination: IPv6Address,
    target: IPv6Address,
    option: bytes,
) -> bytes:
    body = _NDP.pack(kind, 0, 0, flags, target.packed) + option
    return _ipv6(source, destination, _NDP_HOPS, body)


def _discovery_option(options: bytes, wanted: int) -> bytes | None:
    """Return the hardware address in the option ``wanted`` (RFC 4861 §4.6.1), if it is there."""
    offset = 0
    while offset + 2 + MAC_SIZE <= len(options):
        kind, size = options[offset], options[offset + 1] * 8
        if kind == wanted:
            return options[offset + 2 : offset + 2 + MAC_SIZE]
        if size == 0:
            return None
        offset += size
    return None


def _multicast_mac(group: IPv6Address) -> bytes:
    """Return the Ethernet group of an IPv6 group (RFC 2464 §7)."""
    return b"\x33\x33" + group.packed[-4:]


def _with_checksum(body: bytes, pseudo_header: bytes) -> bytes:
    """Return an ICMP message, checksum field zero until now, with its checksum."""
    return body[:2] + checksum(pseudo_header + body).to_bytes(2, "big") + body[4:]


def _ipv4(source: IPv4Address, destination: IPv4Address, body: bytes) -> bytes:
    start = (_IPV4_PLAIN, 0, _IPV4.size + len(body), 0, _IPV4_DONT_FRAGMENT, _HOPS, _PROTOCOL_ICMP)
    hosts = (source.packed, destination.packed)
    return _IPV4.pack(*start, checksum(_IPV4.pack(*start, 0, *hosts)), *hosts) + body


def _ipv6(source: IPv6Address, destination: IPv6Address, hops: int, body: bytes) -> bytes:
    hosts = (source.packed, destination.packed)
    pseudo_header = _PSEUDO6.pack(*hosts, len(body), _PROTOCOL_ICMPV6)
    header = _IPV6.pack(_IPV6_VERSION << 28, len(body), _PROTOCOL_ICMPV6, hops, *hosts)
    return header + _with_checksum(body, pseudo_header)


def _icmpv6(packet: bytes) -> tuple[IPv6Address, IPv6Address, int, bytes] | None:
    """Return source, destination, hop limit and verified ICMPv6 message of a packet, if it is so.

    Extension headers are not followed: none of the packets that concern us carries any.
    """
    if len(packet) < _IPV6.size:
        return None
    first, length, protocol, hops, source, destination = _IPV6.unpack_from(packet)
    body = packet[_IPV6.size : _IPV6.size + length]
    if first >> 28 != _IPV6_VERSION or protocol != _PROTOCOL_ICMPV6 or len(body) < length:
        return None
    if not verified(_PSEUDO6.pack(source, destination, length, protocol) + body):
        return None
    return IPv6Address(source), IPv6Address(destination), hops, body
