"""The datagram: a beat as at most 1,200 authenticated bytes, and back.

One rule: nothing is looked at before the HMAC is verified, except what is needed to choose the key
and to count what is dropped. A datagram that is dropped changes a counter and nothing else.

Layout, network byte order: fixed header (`header_len` bytes, so that version N+1 may append to it),
`group_count` records of `group_len` bytes (likewise), HMAC-SHA256 over everything before it.
Version 2 appended to the header what the sender knows of maintenance.
"""

from __future__ import annotations

import hmac
import struct
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from hafw.core.maintenance import LONGEST_MS, Word
from hafw.core.model import Ask, Beat, GroupBeat, Phase, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

MAGIC: Final = b"hafw"
VERSION: Final = 2
OLDEST_READABLE: Final = VERSION - 1
NEWEST_READABLE: Final = VERSION + 1
"""The next version may only append, so this one can read it."""
MAX_DATAGRAM: Final = 1_200
"""Fits every path MTU of IPv6 (RFC 8200: 1,280) with its headers."""
MAC_LEN: Final = 32

_PREFIX: Final = struct.Struct("!4sBBBB16s")  # magic, version, header_len, key, path, cluster
_FIXED: Final = struct.Struct("!BBQQQQIB8sBB")  # flags, node, numbers …, hash, group_len, count
_GROUP: Final = struct.Struct("!BBQIIIBIIBBI")
_MAINTENANCE: Final = struct.Struct("!QBI")  # revision, on, for_ms
_OLDEST_LEN: Final = _PREFIX.size + _FIXED.size
HEADER_LEN: Final = _OLDEST_LEN + _MAINTENANCE.size

_LEAVING, _ACK, _ECHO = 1, 2, 4
_NOTHING: Final = Word()
_PHASES: Final = tuple(Phase)
_ASKS: Final = tuple(Ask)
_REFUSALS: Final = tuple(Refusal)


class Drop(StrEnum):
    """Why a datagram was dropped."""

    TRUNCATED = "truncated"
    TOO_LONG = "too long"
    NOT_HAFW = "not hafw"
    OTHER_VERSION = "other version"
    OTHER_CLUSTER = "other cluster"
    UNKNOWN_KEY = "unknown key"
    WRONG_MAC = "wrong mac"
    WRONG_PATH = "wrong path"
    WRONG_NODE = "wrong node"
    MALFORMED = "malformed"


class DroppedError(Exception):
    """The datagram is none of ours; `why` says what to count."""

    def __init__(self, why: Drop) -> None:
        """Keep the reason."""
        super().__init__(str(why))
        self.why = why


class Key(NamedTuple):
    """A shared secret and its number (0-255)."""

    id: int
    secret: bytes


class Echo(NamedTuple):
    """Our own echo came back: its incarnation and number."""

    incarnation: int
    n: int


def hmac_sha256(secret: bytes, body: bytes) -> bytes:
    """What authenticates `body` (RFC 2104)."""
    return hmac.digest(secret, body, "sha256")


class Codec:
    """Encodes and authenticates for one node of one cluster. The first key signs, all verify."""

    def __init__(
        self,
        cluster_id: bytes,
        node: int,
        keys: tuple[Key, ...],
        mac: Callable[[bytes, bytes], bytes] = hmac_sha256,
    ) -> None:
        """`cluster_id`: 16 bytes. `node`: our number, 0 or 1. Raises ValueError without a key.

        `mac`: reckons `hmac_sha256`, for whoever knows a shorter way to it.
        """
        if not keys:
            msg = "at least one key is needed"
            raise ValueError(msg)
        self._mac = mac
        self._cluster = cluster_id
        self._node = node
        self._signing = keys[0]
        self._keys = {key.id: key.secret for key in keys}
        self._packed: tuple[tuple[GroupBeat, ...], bytes] = ((), b"")
        self._parsed: tuple[int, bytes, tuple[GroupBeat, ...]] = (_GROUP.size, b"", ())

    def encode(self, beat: Beat, path: int) -> bytes:
        """The datagram that carries `beat` by `path`."""
        return self._sign(beat, path, 0)

    def encode_echo(self, beat: Beat, path: int) -> bytes:
        """The payload of our own echo: of the same size as the reflected beat, but no beat."""
        return self._sign(beat, path, _ECHO)

    def _sign(self, beat: Beat, path: int, flags: int) -> bytes:
        if self._packed[0] is not beat.groups:
            self._packed = (beat.groups, _pack_groups(beat.groups))
        if beat.leaving:
            flags |= _LEAVING
        if beat.is_ack:
            flags |= _ACK
        body = b"".join(
            (
                _PREFIX.pack(MAGIC, VERSION, HEADER_LEN, self._signing.id, path, self._cluster),
                _FIXED.pack(
                    flags,
                    beat.node,
                    beat.incarnation,
                    beat.n,
                    beat.acked_incarnation,
                    beat.acked_n,
                    beat.heard,
                    beat.pings,
                    beat.config_hash,
                    _GROUP.size,
                    len(beat.groups),
                ),
                _MAINTENANCE.pack(*(beat.maintenance or _NOTHING)),
                self._packed[1],
            )
        )
        return body + self._mac(self._signing.secret, body)

    def decode(self, data: bytes, path: int) -> Beat | Echo:
        """The beat of the peer, or our own echo, that `data` is. Raises DroppedError."""
        size = len(data)
        if size > MAX_DATAGRAM:
            raise DroppedError(Drop.TOO_LONG)
        if size < _OLDEST_LEN + MAC_LEN:
            raise DroppedError(Drop.TRUNCATED)
        magic, version, header_len, key_id, said_path, cluster = _PREFIX.unpack_from(data)
        if magic != MAGIC:
            raise DroppedError(Drop.NOT_HAFW)
        if not OLDEST_READABLE <= version <= NEWEST_READABLE:
            raise DroppedError(Drop.OTHER_VERSION)
        if cluster != self._cluster:
            raise DroppedError(Drop.OTHER_CLUSTER)
        secret = self._keys.get(key_id)
        if secret is None:
            raise DroppedError(Drop.UNKNOWN_KEY)
        end = size - MAC_LEN
        if not hmac.compare_digest(self._mac(secret, data[:end]), data[end:]):
            raise DroppedError(Drop.WRONG_MAC)
        if said_path != path:
            raise DroppedError(Drop.WRONG_PATH)
        if header_len < (_OLDEST_LEN if version == OLDEST_READABLE else HEADER_LEN):
            raise DroppedError(Drop.MALFORMED)
        return self._parse(data, header_len, end, knows=version > OLDEST_READABLE)

    def _parse(self, data: bytes, header_len: int, end: int, *, knows: bool) -> Beat | Echo:
        (flags, node, incarnation, n, acked_incarnation, acked_n, heard, pings, config_hash,
         group_len, count) = _FIXED.unpack_from(data, _PREFIX.size)  # fmt: skip
        if flags & _ECHO:
            if node != self._node:
                raise DroppedError(Drop.WRONG_NODE)
            return Echo(incarnation, n)
        if node != 1 - self._node:
            raise DroppedError(Drop.WRONG_NODE)
        if group_len < _GROUP.size or header_len + group_len * count != end:
            raise DroppedError(Drop.MALFORMED)
        records = data[header_len:end]
        if (group_len, records) != self._parsed[:2]:
            self._parsed = (group_len, records, _parse_groups(records, group_len, count))
        return Beat(
            node, incarnation, n, acked_incarnation, acked_n, heard, pings,
            bool(flags & _LEAVING), bool(flags & _ACK), config_hash, self._parsed[2],
            _parse_maintenance(data) if knows else None,
        )  # fmt: skip


def _parse_maintenance(data: bytes) -> Word:
    revision, on, for_ms = _MAINTENANCE.unpack_from(data, _OLDEST_LEN)
    if on > 1 or for_ms > LONGEST_MS:
        raise DroppedError(Drop.MALFORMED)
    return Word(revision, bool(on), for_ms)


def _pack_groups(groups: tuple[GroupBeat, ...]) -> bytes:
    packed = b"".join(
        _GROUP.pack(
            group.id,
            group.phase | (0x80 if group.ready else 0),
            group.epoch,
            group.offer,
            group.want,
            group.grant,
            group.ask,
            group.ask_no,
            group.reply_no,
            group.refusal,
            group.binds,
            group.shut_ms,
        )
        for group in groups
    )
    assert HEADER_LEN + len(packed) + MAC_LEN <= MAX_DATAGRAM, "too many groups for one datagram"
    return packed


def _parse_groups(records: bytes, group_len: int, count: int) -> tuple[GroupBeat, ...]:
    groups = []
    for index in range(count):
        (group_id, phase, epoch, offer, want, grant, ask, ask_no, reply_no, refusal, binds,
         shut_ms) = _GROUP.unpack_from(records, index * group_len)  # fmt: skip
        bits = phase & 0x7F
        if bits >= len(_PHASES) or ask >= len(_ASKS) or refusal >= len(_REFUSALS):
            raise DroppedError(Drop.MALFORMED)
        groups.append(
            GroupBeat(
                group_id,
                _PHASES[bits],
                bool(phase & 0x80),
                epoch,
                offer,
                want,
                grant,
                _ASKS[ask],
                ask_no,
                reply_no,
                _REFUSALS[refusal],
                binds,
                shut_ms,
            )
        )
    return tuple(groups)
