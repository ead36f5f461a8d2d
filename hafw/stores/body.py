"""A lease as the text that stores keep, and the name under which they keep it.

One rule: the text names its cluster and group, so that a foreign object is never taken for a lease.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from hafw.hooks.errors import Misconfigured
from hafw.hooks.hookspecs import LeaseValue

if TYPE_CHECKING:
    from hafw.hooks.hookspecs import LeaseRequest, LeaseSwap

FORMAT: Final = 1


def name(request: LeaseRequest, prefix: str = "") -> str:
    """Where a lease is kept: `prefix/cluster/group`."""
    return "/".join(filter(None, (prefix, request.cluster_id, str(request.group))))


def encode(request: LeaseSwap) -> bytes:
    """The text of the new value."""
    new = request.new
    body = {
        "format": FORMAT,
        "cluster": request.cluster_id,
        "group": request.group,
        "epoch": new.epoch,
        "holder": new.holder,
        "incarnation": new.incarnation,
        "nonce": new.nonce,
        "ttl_ms": new.ttl_ms,
    }
    return json.dumps(body, separators=(",", ":")).encode()


def decode(data: bytes, request: LeaseRequest) -> LeaseValue:
    """The value in a text. Raises Misconfigured for one that is no lease of this group."""
    theirs: tuple[object, ...] = ()
    try:
        body = json.loads(data)
        theirs = (body["format"], body["cluster"], body["group"])
        value = LeaseValue(
            epoch=int(body["epoch"]),
            holder=str(body["holder"]),
            incarnation=int(body["incarnation"]),
            nonce=str(body["nonce"]),
            ttl_ms=int(body["ttl_ms"]),
        )
    except (ValueError, KeyError, TypeError):
        value = None
    if value is None or theirs != (FORMAT, request.cluster_id, request.group):
        raise Misconfigured(
            f"{request.url}: what stands at {name(request)} is no lease of this version of hafw, "
            "or another group's; nothing but hafw may write there"
        )
    return value
