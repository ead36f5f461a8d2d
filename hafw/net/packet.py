"""Sockets for packets that the ordinary ones would not send or deliver.

Rule: non-blocking and bound to one interface; no decision is taken here.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final, Self

from hafw.net.bpf import attach, echo_replies4, echo_replies6, tcp_to4, tcp_to6
from hafw.net.frames import ETH_P_IP, ETH_P_IPV6

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from hafw.net.frames import LinkPacket

_FLAGS: Final = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
_RECEIVE_SIZE: Final = 65536
_SKIP_LIMIT: Final = 64  # packets for others, passed over in one call


class PacketSocket:
    """AF_PACKET on one interface: sends and receives packets without their Ethernet header.

    Such packets pass every packet filter of this host, in both directions, the address gate
    included. Packets this host sends itself and, on a promiscuous interface, packets for other
    hosts are not received. Needs CAP_NET_RAW.
    """

    def __init__(self, interface: str, ethertype: int, program: bytes = b"") -> None:
        """Open the socket for ``ethertype``, with a BPF ``program`` or unfiltered.

        Raises OSError: ENODEV for an unknown interface, EPERM without CAP_NET_RAW.
        """
        self._interface = interface
        # Protocol 0 receives nothing until bound, so nothing unfiltered gets in between.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | _FLAGS, 0)
        try:
            if program:
                attach(self._socket, program)
            self._socket.bind((interface, ethertype))
        except OSError:
            self._socket.close()
            raise

    @classmethod
    def for_echo_replies(cls, interface: str, version: int) -> Self:
        """Open a socket that receives only echo replies, by IP ``version`` 4 or 6. Raises OSError.

        It gets them before any packet filter could take a reflected one for an invalid one.
        """
        if version == 4:  # noqa: PLR2004 - IP version
            return cls(interface, ETH_P_IP, echo_replies4())
        return cls(interface, ETH_P_IPV6, echo_replies6())

    @classmethod
    def for_tcp(cls, interface: str, version: int, port: int) -> Self:
        """Open a socket that receives only TCP segments to ``port``, by IP ``version`` 4 or 6.

        It gets them before any packet filter, the address gate included. Raises OSError.
        """
        if version == 4:  # noqa: PLR2004 - IP version
            return cls(interface, ETH_P_IP, tcp_to4(port))
        return cls(interface, ETH_P_IPV6, tcp_to6(port))

    def __enter__(self) -> Self:
        """Return the socket itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the socket."""
        self.close()

    def close(self) -> None:
        """Close the socket; a second close does nothing."""
        self._socket.close()

    def fileno(self) -> int:
        """Return the descriptor, for an event loop."""
        return self._socket.fileno()

    @property
    def mac(self) -> bytes:
        """The interface's present hardware address; a bond's changes with its active port."""
        address: bytes = self._socket.getsockname()[4]
        return address

    def send(self, packet: LinkPacket) -> None:
        """Send ``packet``. Raises OSError: ENETDOWN if the interface is down, EAGAIN if full."""
        where = (self._interface, packet.ethertype, 0, 0, packet.destination)
        self._socket.sendto(packet.payload, where)

    def receive(self) -> tuple[bytes, bytes] | None:
        """Return a waiting packet and its source MAC, None if there is none.

        Raises OSError ENETDOWN once after the interface went down.
        """
        for _ in range(_SKIP_LIMIT):
            try:
                payload, source = self._socket.recvfrom(_RECEIVE_SIZE)
            except BlockingIOError:
                return None
            _name, _ethertype, kind, _hardware, mac = source
            if kind not in (socket.PACKET_OTHERHOST, socket.PACKET_OUTGOING):
                return payload, mac
        return None


class IpSocket:
    """Sends whole IP packets, any source address in them, by the routes of one interface.

    The kernel finds the next hop's MAC. Receives nothing. Needs CAP_NET_RAW.
    """

    def __init__(self, interface: str, version: int) -> None:
        """Open the socket for IP ``version`` 4 or 6.

        Raises OSError: ENODEV for an unknown interface, EPERM without CAP_NET_RAW.
        """
        family = {4: socket.AF_INET, 6: socket.AF_INET6}[version]
        # IPPROTO_RAW: the header is ours (raw(7)); IPv6 follows suit since Linux 4.5.
        self._socket = socket.socket(family, socket.SOCK_RAW | _FLAGS, socket.IPPROTO_RAW)
        try:
            name = interface.encode() + b"\0"
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        """Return the socket itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the socket."""
        self.close()

    def close(self) -> None:
        """Close the socket; a second close does nothing."""
        self._socket.close()

    def fileno(self) -> int:
        """Return the descriptor, for an event loop."""
        return self._socket.fileno()

    def send(self, packet: bytes, destination: IPv4Address | IPv6Address) -> None:
        """Send ``packet`` towards ``destination``. Raises OSError, ENETUNREACH without a route."""
        self._socket.sendto(packet, (str(destination), 0))
