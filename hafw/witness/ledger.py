"""Answers the questions about leases: a compare-and-swap register for each group of each cluster.

One rule: a swap is durable before it is answered. A cluster whose leases may have been forgotten
hears nothing but "not yet" until everything that could have been granted has run out.

A repeated swap is answered like the first: it is known by its nonce. A recorded one can do no harm:
the version that it expects never comes back. For a lease that was never written the version is a
number that this witness drew when it started, so that holds even after it lost its memory.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from uuid import UUID

from hafw.net.leasewire import ID_LEN, Kind, Lease, Message
from hafw.witness import grants

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_NS_PER_MS: Final = 1_000_000


class Ledger:
    """The leases of all clusters that have a key here."""

    def __init__(
        self, directory: Path, max_ttl_ms: int, started_ns: int, say: Callable[[str], None]
    ) -> None:
        """`max_ttl_ms`: the longest lease served here. `say` takes a line for the log."""
        self._directory = directory
        self._max_ttl_ms = max_ttl_ms
        self._quiet_until_ns = started_ns + max_ttl_ms * _NS_PER_MS
        self._say = say
        self._never_written = os.urandom(ID_LEN)
        self._leases: dict[bytes, dict[int, Lease]] = {}
        self._forgotten: set[bytes] = set()

    def open(self, cluster: bytes) -> None:
        """Serve a cluster from now on."""
        if cluster in self._leases:
            return
        try:
            self._leases[cluster] = grants.load(self._path(cluster))
        except grants.Forgotten as problem:
            self._leases[cluster] = {}
            self._forgotten.add(cluster)
            self._say(
                f"cluster {UUID(bytes=cluster)}: {problem}; no lease of it is given until "
                f"{self._max_ttl_ms / 1_000:g} s after the start of this witness"
            )

    def answer(self, question: Message, now_ns: int) -> Message | None:
        """The answer to an authentic question of an open cluster; None: it must not be answered."""
        if question.ms > self._max_ttl_ms:
            return _reply(question, Kind.TTL_TOO_LONG, ms=self._max_ttl_ms)
        if question.cluster in self._forgotten and now_ns < self._quiet_until_ns:
            left_ms = -(-(self._quiet_until_ns - now_ns) // _NS_PER_MS)
            return _reply(question, Kind.QUIET, ms=left_ms)
        found = self._leases[question.cluster].get(question.group)
        if question.kind is Kind.READ:
            return self._tell(question, Kind.DONE, found)
        wanted = question.lease
        if wanted is None:
            return None
        if found != wanted:
            if question.version != self._version(found):
                return self._tell(question, Kind.CHANGED, found)
            if not self._write(question, found, wanted):
                return None
        return self._tell(question, Kind.DONE, wanted)

    def _write(self, question: Message, found: Lease | None, wanted: Lease) -> bool:
        """Make the swap durable; if that fails nobody knows what is, so nothing is answered."""
        leases = self._leases[question.cluster]
        name = f"cluster {UUID(bytes=question.cluster)} group {question.group}"
        try:
            grants.save(self._path(question.cluster), {**leases, question.group: wanted})
        except OSError as problem:
            self._say(f"{name}: a swap is not answered, as it cannot be written: {problem}")
            return False
        leases[question.group] = wanted
        if found is None or (found.holder, found.epoch) != (wanted.holder, wanted.epoch):
            self._say(f"{name}: {_told(found)} -> {_told(wanted)}")
        return True

    def _tell(self, question: Message, kind: Kind, found: Lease | None) -> Message:
        return _reply(question, kind, version=self._version(found), lease=found)

    def _version(self, found: Lease | None) -> bytes:
        return self._never_written if found is None else found.nonce

    def _path(self, cluster: bytes) -> Path:
        return self._directory / f"{UUID(bytes=cluster)}.leases"


def _reply(
    question: Message,
    kind: Kind,
    *,
    ms: int = 0,
    version: bytes = bytes(ID_LEN),
    lease: Lease | None = None,
) -> Message:
    return Message(kind, question.cluster, question.ask, question.group, ms, version, lease)


def _told(lease: Lease | None) -> str:
    if lease is None:
        return "never held"
    return f"{lease.holder or 'released'} (epoch {lease.epoch})"
