"""ARP, neighbour discovery and echo packets as bytes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafw.net import frames
from hafw.net.frames import Arp, ArpOperation, Discovery, DiscoveryKind, EchoReply

MAC = bytes.fromhex("0200000000aa")
IP = IPv4Address("10.1.1.111")
IP6 = IPv6Address("fd00:1::111")
PEER = IPv4Address("10.1.1.101")
GATEWAY = IPv4Address("10.1.1.1")


def as_reply(request: bytes) -> bytes:
    """Return what a gateway makes of an echo request: type changed, addresses exchanged."""
    if request[0] >> 4 == 4:
        source, destination = request[12:16], request[16:20]
        header, body = request[:12] + destination + source, request[20:]
        body = b"\0" + body[1:2] + frames.checksum(b"\0\0\0\0" + body[4:]).to_bytes(2) + body[4:]
        return header + body
    source, destination = request[8:24], request[24:40]
    pseudo_header = destination + source + len(request[40:]).to_bytes(4) + (58).to_bytes(4)
    body = b"\x81\0\0\0" + request[44:]
    body = body[:2] + frames.checksum(pseudo_header + body).to_bytes(2) + body[4:]
    return request[:8] + destination + source + body


def test_the_checksum_is_that_of_rfc_1071() -> None:
    assert frames.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D


def test_a_checksum_over_an_odd_number_of_bytes_pads_with_zero() -> None:
    assert frames.checksum(b"\x12\x34\x56") == frames.checksum(b"\x12\x34\x56\x00")


def test_a_known_ipv4_header_adds_up() -> None:
    header = bytes.fromhex("45000073000040004011b861c0a80001c0a800c7")

    assert frames.verified(header)
    assert not frames.verified(header[:-1] + b"\xc8")


def test_an_arp_probe_reveals_no_sender_address() -> None:
    packet = frames.probe(MAC, IP)

    assert packet.ethertype == 0x0806
    assert packet.destination == b"\xff" * 6
    assert packet.payload == bytes.fromhex(
        "00010800060400010200000000aa000000000000000000000a01016f"
    )


def test_an_ipv4_announcement_comes_in_both_forms() -> None:
    request, reply = frames.announcements(MAC, IP)

    assert frames.parse_arp(request.payload) == Arp(ArpOperation.REQUEST, MAC, IP, bytes(6), IP)
    assert frames.parse_arp(reply.payload) == Arp(ArpOperation.REPLY, MAC, IP, MAC, IP)
    assert request.destination == reply.destination == frames.BROADCAST_MAC


def test_an_ipv6_probe_asks_the_solicited_node_group() -> None:
    packet = frames.probe(MAC, IPv6Address("fd00:1::ab12:3456"))

    assert packet.destination == bytes.fromhex("3333ff123456")
    assert packet.payload[24:40] == IPv6Address("ff02::1:ff12:3456").packed
    assert frames.parse_discovery(packet.payload) == Discovery(
        DiscoveryKind.SOLICITATION,
        IPv6Address("::"),
        IPv6Address("fd00:1::ab12:3456"),
        None,
    )


def test_an_ipv6_announcement_overrides() -> None:
    (packet,) = frames.announcements(MAC, IP6)

    assert packet.destination == bytes.fromhex("333300000001")
    assert packet.payload[44] == 0x20
    assert frames.parse_discovery(packet.payload) == Discovery(
        DiscoveryKind.ADVERTISEMENT, IP6, IP6, MAC
    )


def test_a_forwarded_discovery_packet_is_refused() -> None:
    (packet,) = frames.announcements(MAC, IP6)
    forwarded = packet.payload[:7] + b"\xfe" + packet.payload[8:]

    assert frames.parse_discovery(forwarded) is None


def test_a_damaged_discovery_packet_is_refused() -> None:
    (packet,) = frames.announcements(MAC, IP6)
    damaged = packet.payload[:-1] + b"\xab"

    assert frames.parse_discovery(damaged) is None


def test_arp_padding_is_ignored() -> None:
    packet = frames.probe(MAC, IP).payload

    assert frames.parse_arp(packet + bytes(18)) == frames.parse_arp(packet)


def test_arp_about_other_protocols_is_refused() -> None:
    packet = frames.probe(MAC, IP).payload

    assert frames.parse_arp(b"\x00\x06" + packet[2:]) is None
    assert frames.parse_arp(packet[:6] + b"\x00\x03" + packet[8:]) is None


@pytest.mark.parametrize(
    ("peer", "gateway"),
    [(PEER, GATEWAY), (IPv6Address("fd00:1::101"), IPv6Address("fd00:1::1"))],
    ids=["IPv4", "IPv6"],
)
def test_a_reflected_echo_carries_its_payload_to_the_source(
    peer: IPv4Address | IPv6Address, gateway: IPv4Address | IPv6Address
) -> None:
    request = frames.echo_request(peer, gateway, 0xBEEF, 65535, b"heartbeat")

    reply = frames.parse_echo_reply(as_reply(request))

    assert reply == EchoReply(gateway, peer, 0xBEEF, 65535, b"heartbeat")


def test_an_echo_request_is_no_reply() -> None:
    assert frames.parse_echo_reply(frames.echo_request(PEER, GATEWAY, 1, 2, b"")) is None


def test_ethernet_padding_is_no_payload() -> None:
    reply = as_reply(frames.echo_request(PEER, GATEWAY, 1, 2, b"x"))

    parsed = frames.parse_echo_reply(reply + bytes(17))

    assert parsed is not None
    assert parsed.payload == b"x"


def test_a_fragment_is_no_reply() -> None:
    reply = bytearray(as_reply(frames.echo_request(PEER, GATEWAY, 1, 2, b"x")))
    reply[6:8] = b"\x20\x00"
    reply[10:12] = bytes(2)
    reply[10:12] = frames.checksum(bytes(reply[:20])).to_bytes(2)

    assert frames.verified(bytes(reply[:20]))
    assert frames.parse_echo_reply(bytes(reply)) is None


def test_an_echo_between_two_ip_versions_is_refused() -> None:
    with pytest.raises(ValueError, match="two IP versions"):
        frames.echo_request(PEER, IPv6Address("fd00::1"), 1, 2, b"")


@given(st.binary(max_size=80))
def test_no_bytes_confuse_the_parsers(data: bytes) -> None:
    frames.parse_arp(data)
    frames.parse_discovery(data)
    frames.parse_echo_reply(data)


@given(st.binary(max_size=64), st.integers(0, 511))
def test_one_wrong_bit_never_passes_for_the_same_payload(payload: bytes, bit: int) -> None:
    reply = bytearray(as_reply(frames.echo_request(PEER, GATEWAY, 1, 2, payload)))
    bit %= len(reply) * 8
    reply[bit // 8] ^= 1 << bit % 8

    parsed = frames.parse_echo_reply(bytes(reply))

    assert parsed is None


@given(st.binary(max_size=48), st.integers(0, 255))
def test_truncated_or_odd_discovery_options_end_the_search(options: bytes, first: int) -> None:
    frames._discovery_option(bytes([first]) + options, 1)
