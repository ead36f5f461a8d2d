"""The lease store `witness://host[:port]`: asks `hafw witness` by UDP.

One rule: only an answer that is signed with the cluster's key and repeats our question's random
number counts; until it comes the question is repeated, unchanged, to the end of its deadline.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from uuid import UUID

from hafw.hooks.errors import Conflict, Denied, Misconfigured, Retryable, UnknownOutcome
from hafw.hooks.hookspecs import LeaseReading, LeaseRequest, LeaseSwap, LeaseValue, hookimpl
from hafw.net import leasewire
from hafw.net.clock import boot_ns
from hafw.net.leasewire import DATAGRAM_LEN, ID_LEN, Kind, Lease, Message, RejectedError
from hafw.stores.address import Address, parse, remaining_s

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE: Final = "witness://10.2.0.5:7411"
DEFAULT_PORT: Final = 7411
_FIRST_REPEAT_NS: Final = 50_000_000
"""Several round trips of any network that a pair is likely to be in."""
_LAST_REPEAT_NS: Final = 400_000_000
_REMEDY: Final = "is `hafw witness` running there, and UDP let through?"


@hookimpl
def hafw_lease_warm(request: LeaseRequest) -> None:
    """Refuse what cannot work; there is nothing to connect."""
    _address(request)
    _question(request, Kind.READ)


@hookimpl
def hafw_lease_read(request: LeaseRequest) -> LeaseReading:
    """Ask what stands there."""
    answer = _ask(request, _question(request, Kind.READ))
    if answer is None:
        raise Retryable(f"{request.url} did not answer; {_REMEDY}", 0.0)
    return _reading(answer)


@hookimpl
def hafw_lease_swap(request: LeaseSwap) -> LeaseReading:
    """Ask for a swap; the witness knows a repeated one by its nonce."""
    new = request.new
    try:
        version = bytes.fromhex(request.expected.version)
        nonce = bytes.fromhex(new.nonce)
    except ValueError:
        raise Misconfigured(f"{request.url}: a nonce or version is not hexadecimal") from None
    lease = Lease(new.epoch, new.incarnation, nonce, new.holder, new.ttl_ms)
    answer = _ask(request, _question(request, Kind.SWAP, version, lease))
    if answer is None:
        raise UnknownOutcome(f"{request.url} did not answer a swap; {_REMEDY}")
    if answer.kind is Kind.CHANGED:
        holder = answer.lease.holder if answer.lease else ""
        raise Conflict(
            f"{request.url}: the lease of group {request.group} had changed; "
            f"it is now {'held by ' + holder if holder else 'released'}"
        )
    return _reading(answer)


def _reading(answer: Message) -> LeaseReading:
    lease = answer.lease
    return LeaseReading(
        value=None
        if lease is None
        else LeaseValue(
            epoch=lease.epoch,
            holder=lease.holder,
            incarnation=lease.incarnation,
            nonce=lease.nonce.hex(),
            ttl_ms=lease.ttl_ms,
        ),
        version=answer.version.hex(),
    )


def _address(request: LeaseRequest) -> Address:
    address = parse(request.url, EXAMPLE)
    if not address.host or address.path:
        raise Misconfigured(f'"{request.url}" names no witness; write it as in {EXAMPLE}')
    return address


def _question(
    request: LeaseRequest,
    kind: Kind,
    version: bytes = bytes(ID_LEN),
    lease: Lease | None = None,
) -> tuple[Message, bytes]:
    """The question and its datagram, signed with the cluster's first key."""
    if not request.keys:
        raise Misconfigured(f"{request.url}: a witness needs the cluster's key, and there is none")
    try:
        cluster = UUID(request.cluster_id).bytes
        ms = round(request.ttl_s * 1_000)
        message = Message(kind, cluster, os.urandom(ID_LEN), request.group, ms, version, lease)
        return message, leasewire.encode(message, request.keys[0])
    except ValueError as problem:
        raise Misconfigured(f"{request.url}: {problem}") from None


def _ask(request: LeaseRequest, question: tuple[Message, bytes]) -> Message | None:
    """The authentic answer; None if there was none in time. Raises for one that is a refusal."""
    address = _address(request)
    remaining_s(request)
    refused = False
    for data in _answers(request, address, question[1]):
        try:
            answer = leasewire.decode(data, dict(request.keys))
        except RejectedError:
            continue
        asked = question[0]
        if (answer.cluster, answer.ask, answer.group) != (asked.cluster, asked.ask, asked.group):
            continue
        match answer.kind:
            case Kind.DONE | Kind.CHANGED:
                return answer
            case Kind.REFUSED:
                refused = True  # anybody on the way could have said so: a true answer may follow
            case Kind.QUIET:
                after_s = answer.ms / 1_000
                raise Retryable(
                    f"{request.url} may have forgotten leases and grants none for {after_s:g} s",
                    after_s,
                )
            case Kind.TTL_TOO_LONG:
                raise Misconfigured(
                    f"{request.url} serves leases of at most {answer.ms / 1_000:g} s; shorten "
                    f"lease_ttl ({request.ttl_s:g} s), or raise --max-ttl of `hafw witness`"
                )
            case _:
                continue
    if refused:
        raise Denied(
            f"{request.url} has no key of cluster {request.cluster_id}, or another one; copy the "
            f"cluster's key file there as {request.cluster_id}.key"
        )
    return None


def _answers(request: LeaseRequest, address: Address, datagram: bytes) -> Iterator[bytes]:
    """Send until the deadline, with growing pauses, and yield whatever comes back meanwhile."""
    port = address.port or DEFAULT_PORT
    try:
        found = socket.getaddrinfo(address.host, port, type=socket.SOCK_DGRAM)
    except OSError as problem:
        raise Retryable(f"{request.url}: {address.host}: {problem.strerror}", 0.0) from None
    family, kind, _, _, where = found[0]
    pause_ns = _FIRST_REPEAT_NS
    with socket.socket(family, kind) as out:
        out.connect(where)
        while boot_ns() < request.deadline_ns:
            until_ns = min(boot_ns() + pause_ns, request.deadline_ns)
            pause_ns = min(2 * pause_ns, _LAST_REPEAT_NS)
            with suppress(OSError):  # an ICMP error proves nothing; nor does it below
                out.send(datagram)
            while (left_ns := until_ns - boot_ns()) > 0:
                out.settimeout(left_ns / 1e9)
                with suppress(OSError):
                    yield out.recv(DATAGRAM_LEN + 1)
