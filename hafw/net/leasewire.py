"""The witness's datagram: a question about one lease, or the answer, in 193 authenticated bytes.

One rule: every datagram has the same size, so that an answer is never longer than its question, and
nothing but the key's number is believed before the HMAC is verified.

Layout, network byte order: magic, version, kind, key, cluster, ask (random, echoed in the answer),
group, milliseconds, version of the lease, the lease, HMAC-SHA256 over everything before it.
"""

from __future__ import annotations

import hmac
import struct
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hafw.core.wire import Key

MAGIC: Final = b"hafl"
VERSION: Final = 1
ID_LEN: Final = 16
"""Length of a cluster's id, an ask, a nonce and a version."""
MAX_HOLDER: Final = 64
"""Longest name of a node in UTF-8: that of a host in Linux (HOST_NAME_MAX)."""

_LEASE: Final = "QQ16sIB64s"  # epoch, incarnation, nonce, ttl in ms, length of the holder, holder
_BODY: Final = struct.Struct(f"!4sBBB16s16sBI16s{_LEASE}")
_MAC_LEN: Final = 32
DATAGRAM_LEN: Final = _BODY.size + _MAC_LEN
_NOTHING: Final = (0, 0, bytes(ID_LEN), 0, 0, b"")
_NO_KEY: Final = 0
"""Stands where the key's number is in a refusal, which whoever has no key must be able to read."""


class Kind(IntEnum):
    """What a datagram is: a question (below 16), or an answer."""

    READ = 1
    SWAP = 2
    DONE = 16
    """The lease as it is now; after a swap: as the swap left it."""
    CHANGED = 17
    """The swap expected another version; the lease as it is now."""
    QUIET = 18
    """No answer for so many milliseconds, as grants may have been forgotten."""
    TTL_TOO_LONG = 19
    """This witness serves leases of so many milliseconds at most."""
    REFUSED = 20
    """No such cluster here, or not its key. Not authenticated."""


class Lease(NamedTuple):
    """What a lease says; a nonce is never zero."""

    epoch: int
    incarnation: int
    nonce: bytes
    holder: str
    ttl_ms: int


class Message(NamedTuple):
    """A question or an answer.

    `ms`: the lease's TTL in a question, a duration in some answers. `version`: the expected one in
    a swap, the present one in an answer. `lease`: the new one in a swap, the present one in an
    answer; None where nobody ever wrote one.
    """

    kind: Kind
    cluster: bytes
    ask: bytes
    group: int
    ms: int = 0
    version: bytes = bytes(ID_LEN)
    lease: Lease | None = None


class RejectedError(Exception):
    """The datagram is not what it should be; the message says why, in words fit to be counted."""


def encode(message: Message, key: Key) -> bytes:
    """The datagram that carries `message`, signed. Raises ValueError for what does not fit."""
    return _sign(message, key.id, key.secret)


def encode_refusal(question: bytes) -> bytes:
    """The refusal of a question that `cluster_of` accepts."""
    _, _, _, _, cluster, ask, group, *_ = _BODY.unpack_from(question)
    return _sign(Message(Kind.REFUSED, cluster, ask, group), _NO_KEY, b"")


def cluster_of(data: bytes) -> bytes:
    """The cluster that a datagram claims to be of. Raises RejectedError for none of ours."""
    if len(data) != DATAGRAM_LEN:
        raise RejectedError("wrong size")
    magic, version, _, _, cluster, *_ = _BODY.unpack_from(data)
    if magic != MAGIC:
        raise RejectedError("not hafw")
    if version != VERSION:
        raise RejectedError("other version")
    return bytes(cluster)


def key_of(data: bytes) -> int:
    """The number of the key that a datagram which `decode` accepts is signed with."""
    return int(_BODY.unpack_from(data)[3])


def decode(data: bytes, keys: Mapping[int, bytes]) -> Message:
    """What `data` says, verified with one of `keys`. Raises RejectedError."""
    cluster_of(data)
    _, _, number, key_id, cluster, ask, group, ms, version, *lease = _BODY.unpack_from(data)
    secret = b"" if key_id == _NO_KEY else keys.get(key_id)
    if secret is None:
        raise RejectedError("unknown key")
    if not hmac.compare_digest(hmac.digest(secret, data[:-_MAC_LEN], "sha256"), data[-_MAC_LEN:]):
        raise RejectedError("wrong mac")
    try:
        kind = Kind(number)
        found = _lease(*lease)
    except ValueError:
        raise RejectedError("malformed") from None
    if (kind is Kind.REFUSED) != (key_id == _NO_KEY):
        raise RejectedError("not authenticated")
    return Message(kind, cluster, ask, group, ms, version, found)


def _sign(message: Message, key_id: int, secret: bytes) -> bytes:
    kind, cluster, ask, group, ms, version, lease = message
    head = (MAGIC, VERSION, kind, key_id, cluster, ask, group, ms, version)
    try:
        body = _BODY.pack(*head, *(_NOTHING if lease is None else _packed(lease)))
    except struct.error as problem:
        raise ValueError(f"does not fit a datagram: {problem}") from problem
    return body + hmac.digest(secret, body, "sha256")


def _packed(lease: Lease) -> tuple[int, int, bytes, int, int, bytes]:
    holder = lease.holder.encode()
    if len(holder) > MAX_HOLDER or len(lease.nonce) != ID_LEN or not any(lease.nonce):
        raise ValueError(f"a holder has at most {MAX_HOLDER} bytes, a nonce {ID_LEN}, not all zero")
    return lease.epoch, lease.incarnation, lease.nonce, lease.ttl_ms, len(holder), holder


def _lease(  # noqa: PLR0913, PLR0917 - the fields of the layout
    epoch: int, incarnation: int, nonce: bytes, ttl_ms: int, size: int, holder: bytes
) -> Lease | None:
    """The lease in its fields. Raises ValueError (UnicodeDecodeError is one)."""
    if not any(nonce):
        return None
    if size > MAX_HOLDER:
        raise ValueError("too long")
    return Lease(epoch, incarnation, nonce, holder[:size].decode(), ttl_ms)
