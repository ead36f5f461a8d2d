"""Netlink messages as bytes, and one small socket that carries them to the kernel.

Rule: every request ends in an answer, a `NetlinkError` or a deadline; nothing waits for ever.

Netlink integers are in host byte order (``struct`` prefix ``=``) unless a family says otherwise.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from hafw.net.bpf import attach

if TYPE_CHECKING:
    from collections.abc import Iterator

# linux/netlink.h
NETLINK_ROUTE: Final = 0
NETLINK_SOCK_DIAG: Final = 4
NETLINK_NETFILTER: Final = 12

NLM_F_REQUEST: Final = 0x01
NLM_F_ACK: Final = 0x04
NLM_F_DUMP_INTR: Final = 0x10
NLM_F_DUMP: Final = 0x300
NLM_F_REPLACE: Final = 0x100
NLM_F_EXCL: Final = 0x200
NLM_F_CREATE: Final = 0x400
NLM_F_APPEND: Final = 0x800
NLM_F_ACK_TLVS: Final = 0x200  # on an answer: extended acknowledgement attributes follow

NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
NLMSG_MIN_TYPE: Final = 16  # smaller types are control messages

NLA_F_NESTED: Final = 0x8000
NLA_TYPE_MASK: Final = 0x3FFF

_SOL_NETLINK: Final = 270
_NETLINK_ADD_MEMBERSHIP: Final = 1
_NETLINK_CAP_ACK: Final = 10
_NETLINK_EXT_ACK: Final = 11
_NETLINK_GET_STRICT_CHK: Final = 12
_NLMSGERR_ATTR_MSG: Final = 1

_HEADER: Final = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_ATTRIBUTE: Final = struct.Struct("=HH")  # struct nlattr: length, type
_LENGTH: Final = struct.Struct("=I")
_SEQUENCE: Final = struct.Struct("=I")
_SEQUENCE_OFFSET: Final = 8
_SEQUENCE_MAX: Final = 0xFFFFFFFF
_ERROR: Final = struct.Struct("=i")  # struct nlmsgerr.error
_CAPPED_ERROR_SIZE: Final = _ERROR.size + _HEADER.size  # NETLINK_CAP_ACK: header echoed, no payload

_RECEIVE_SIZE: Final = 65536  # larger than any part of a dump (the kernel stops at 32 KiB)
_DUMP_ATTEMPTS: Final = 5  # a dump disturbed by a concurrent change is taken again
_DRAIN_LIMIT: Final = 64  # datagrams per drain, so that a storm cannot hold the caller
REQUEST_TIMEOUT_NS: Final = 2_000_000_000  # the kernel answers in microseconds; this is for bugs


class NetlinkError(OSError):
    """The kernel refused a request.

    ``errno`` is the kernel's, ``what`` names the request in words, ``message`` is the kernel's own
    explanation (extended acknowledgement), empty where it gave none.
    """

    def __init__(self, number: int, what: str, message: str = "") -> None:
        """Describe the refusal of ``what`` with errno ``number`` and the kernel's ``message``."""
        explanation = f" ({message})" if message else ""
        super().__init__(number, f"{what}: {os.strerror(number)}{explanation}")
        self.what = what
        self.message = message


@dataclass(frozen=True, slots=True)
class Message:
    """One netlink message as received: header fields and what follows them."""

    type: int
    flags: int
    sequence: int
    port: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Notices:
    """What a subscribed socket had to tell.

    ``overrun`` says that the kernel dropped notifications before these (ENOBUFS): whoever keeps
    state built from them must read it anew.
    """

    messages: tuple[Message, ...]
    overrun: bool


def message(kind: int, flags: int, payload: bytes, sequence: int) -> bytes:
    """Return one framed message; the port stays 0, the kernel fills it in."""
    length = _HEADER.size + len(payload)
    return _HEADER.pack(length, kind, flags, sequence, 0) + payload + bytes(-length % 4)


def attribute(kind: int, value: bytes) -> bytes:
    """Return one attribute, padded to four bytes."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def nested(kind: int, *children: bytes) -> bytes:
    """Return an attribute that holds other attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(children))


def text(value: str) -> bytes:
    """Return the value of a string attribute: UTF-8, zero-terminated."""
    return value.encode() + b"\0"


def as_text(value: bytes) -> str:
    """Return the string held by a string attribute."""
    return value.rstrip(b"\0").decode(errors="replace")


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (type, value) of each attribute in ``data``; a truncated tail ends the sequence."""
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size or offset + length > len(data):
            return
        yield kind & NLA_TYPE_MASK, data[offset + _ATTRIBUTE.size : offset + length]
        offset += length + -length % 4


def messages(data: bytes) -> Iterator[Message]:
    """Yield the messages in one received datagram; a truncated tail ends the sequence."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, flags, sequence, port = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size or offset + length > len(data):
            return
        yield Message(kind, flags, sequence, port, data[offset + _HEADER.size : offset + length])
        offset += length + -length % 4


class NetlinkSocket:
    """A netlink socket in the network namespace that the calling thread is in at construction.

    It stays in that namespace wherever the process goes later. With ``groups`` (RTNLGRP_*,
    NFNLGRP_* numbers) it also receives notifications; use separate sockets for requests and for
    notifications. Not for concurrent use by several threads.
    """

    def __init__(self, protocol: int, groups: tuple[int, ...] = ()) -> None:
        """Open and bind the socket and join ``groups``. Raises OSError if the kernel refuses."""
        self._socket = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
            protocol,
        )
        self._sequence = 0
        try:
            for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK):
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
            self._socket.bind((0, 0))
            for group in groups:
                self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
            self.port: int = self._socket.getsockname()[0]
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

    def request(self, kind: int, flags: int, payload: bytes, what: str) -> list[bytes]:
        """Send one request and return the payloads of the answers (none for a plain command).

        ``what`` says in words what is asked, for errors. Raises `NetlinkError` if the kernel
        refuses, TimeoutError if it does not answer within `REQUEST_TIMEOUT_NS`.
        """
        for _ in range(_DUMP_ATTEMPTS):
            sequence = self._next_sequence()
            wanted = flags | NLM_F_REQUEST | NLM_F_ACK
            self._socket.send(message(kind, wanted, payload, sequence))
            answers, disturbed = self._collect(sequence, what)
            if not disturbed:
                return answers
        raise NetlinkError(errno.EINTR, what, "the list kept changing while it was read")

    def transact(self, batch: bytes, what: str) -> None:
        """Send several messages in one datagram and wait for the acknowledgement.

        Only the last command in ``batch`` may ask for one (NLM_F_ACK); sequence numbers are set
        here, the same in all. Raises `NetlinkError` at the first refusal, TimeoutError if there is
        no answer within `REQUEST_TIMEOUT_NS`.
        """
        sequence = self._next_sequence()
        stamped = bytearray(batch)
        offset = 0
        while offset < len(stamped):
            _SEQUENCE.pack_into(stamped, offset + _SEQUENCE_OFFSET, sequence)
            (length,) = _LENGTH.unpack_from(stamped, offset)
            offset += length + -length % 4
        self._socket.send(stamped)
        self._collect(sequence, what)

    def attach_filter(self, program: bytes) -> None:
        """Let the kernel drop the datagrams that a classic BPF ``program`` refuses."""
        attach(self._socket, program)

    def drain(self) -> Notices:
        """Return the notifications that are waiting, at most 64 datagrams of them; never block."""
        found: list[Message] = []
        overrun = False
        for _ in range(_DRAIN_LIMIT):
            try:
                data = self._socket.recv(_RECEIVE_SIZE)
            except BlockingIOError:
                break
            except OSError as problem:
                if problem.errno != errno.ENOBUFS:
                    raise
                overrun = True
                continue
            found.extend(messages(data))
        return Notices(tuple(found), overrun)

    def _next_sequence(self) -> int:
        """Return a number that no answer still under way can have."""
        self._sequence = self._sequence % _SEQUENCE_MAX + 1
        return self._sequence

    def _collect(self, sequence: int, what: str) -> tuple[list[bytes], bool]:
        """Return the answers to ``sequence``, and whether a concurrent change disturbed them."""
        deadline_ns = time.monotonic_ns() + REQUEST_TIMEOUT_NS
        answers: list[bytes] = []
        disturbed = False
        while True:
            for answer in messages(self._receive(deadline_ns, what)):
                if answer.sequence != sequence:
                    continue
                disturbed = disturbed or bool(answer.flags & NLM_F_DUMP_INTR)
                if answer.type in (NLMSG_ERROR, NLMSG_DONE):
                    _raise_if_refused(answer, what)
                    return answers, disturbed
                if answer.type >= NLMSG_MIN_TYPE:
                    answers.append(answer.payload)

    def _receive(self, deadline_ns: int, what: str) -> bytes:
        """Return the next datagram. Raises TimeoutError after ``deadline_ns`` (monotonic)."""
        while True:
            try:
                return self._socket.recv(_RECEIVE_SIZE)
            except BlockingIOError:
                remaining_ms = (deadline_ns - time.monotonic_ns()) / 1e6
            waiting = select.poll()
            waiting.register(self._socket, select.POLLIN)
            if remaining_ms <= 0 or not waiting.poll(remaining_ms):
                problem = f"{what}: no answer from the kernel in {REQUEST_TIMEOUT_NS / 1e9:g} s"
                raise TimeoutError(problem)


def _raise_if_refused(answer: Message, what: str) -> None:
    """Raise the `NetlinkError` held by an error or end-of-dump message, if it holds one."""
    if len(answer.payload) < _ERROR.size:
        return
    (number,) = _ERROR.unpack_from(answer.payload)
    if number == 0:
        return
    explanation = ""
    if answer.flags & NLM_F_ACK_TLVS:
        start = _CAPPED_ERROR_SIZE if answer.type == NLMSG_ERROR else _ERROR.size
        found = dict(attributes(answer.payload[start:]))
        explanation = as_text(found.get(_NLMSGERR_ATTR_MSG, b""))
    raise NetlinkError(-number, what, explanation)
