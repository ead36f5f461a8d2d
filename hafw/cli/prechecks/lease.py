"""Does the lease store answer, and does it refuse what it must?

One rule: it is tried on the lease of group 0, which is no group: nobody's right depends on it.
"""

from __future__ import annotations

import secrets
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from hafw.core.settings import MS
from hafw.core.wire import Key
from hafw.hooks.errors import Conflict, ProviderError, UnknownOutcome
from hafw.hooks.findings import Finding, Findings
from hafw.hooks.hookspecs import LeaseReading, LeaseRequest, LeaseSwap, LeaseValue
from hafw.hooks.registry import Registry
from hafw.net.clock import boot_ns

if TYPE_CHECKING:
    from hafw.cli.prechecks.subject import Subject
    from hafw.config.model import Authority

SCRATCH_GROUP: Final = 0
TRIES: Final = 3
"""The other node may be trying the same lease at this moment."""
_REMEDY: Final = "use a store that writes on conditions (docs/stores.md): two nodes could both win"


def check(subject: Subject, within_s: float) -> list[Finding]:
    """Read, swap, and swap once more what is not there any more."""
    authority = subject.cluster.authority
    if authority is None:
        return []
    notes = Findings(authority.lease)
    try:
        registry = Registry([authority.store])
        _try(registry, authority, _request(subject, authority, within_s), notes)
    except ProviderError as problem:
        notes.refused("lease.answers", problem)
    return notes.found


def _request(subject: Subject, authority: Authority, within_s: float) -> LeaseRequest:
    return LeaseRequest(
        url=authority.lease,
        cluster_id=subject.cluster.id.hex,
        group=SCRATCH_GROUP,
        node=subject.number,
        ttl_s=authority.lease_ttl_ns / 1e9,
        deadline_ns=boot_ns() + int(within_s * 1e9),
        keys=tuple(Key(key.id, key.secret) for key in subject.keys),
    )


def _try(registry: Registry, authority: Authority, request: LeaseRequest, notes: Findings) -> None:
    registry.warm_lease(request)
    for left in reversed(range(TRIES)):
        began_ns = boot_ns()
        before = _read(registry, request)
        took_ms = (boot_ns() - began_ns) / MS
        try:
            _swap(registry, request, before, authority)
            break
        except Conflict:
            if not left:
                raise
    notes.ok("lease.answers", f"a lease can be read, in {took_ms:.0f} ms, and written")
    try:
        _swap(registry, request, before, authority)
    except Conflict:
        notes.ok("lease.conditional", "a write over what has changed is refused")
    except UnknownOutcome as problem:
        what = f"whether a write over what has changed is refused is not clear: {problem}"
        notes.error("lease.conditional", what, "run this again")
    else:
        notes.error("lease.conditional", "a write over what has changed is accepted", _REMEDY)


def _read(registry: Registry, request: LeaseRequest) -> LeaseReading:
    reading = registry.call(request.url.partition(":")[0], "hafw_lease_read", request=request)
    assert isinstance(reading, LeaseReading), "as the hook has it"
    return reading


def _swap(
    registry: Registry, request: LeaseRequest, expected: LeaseReading, authority: Authority
) -> None:
    new = LeaseValue(
        epoch=expected.value.epoch + 1 if expected.value is not None else 1,
        holder="",
        incarnation=0,
        nonce=secrets.token_hex(16),
        ttl_ms=authority.lease_ttl_ns // MS,
    )
    same = {field.name: getattr(request, field.name) for field in fields(request)}
    swap = LeaseSwap(**same, expected=expected, new=new)
    registry.call(authority.store, "hafw_lease_swap", request=swap)
