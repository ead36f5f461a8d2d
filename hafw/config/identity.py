"""The canonical form of a cluster file, and its hash, which every beat carries.

One rule: two files have one hash exactly when they mean the same for the other node; comments,
spelling and the order of keys do not count. The order of nodes and links does: it numbers them in
every datagram.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hafw.config.model import Cluster

HASH_BYTES: Final = 8
"""Enough to notice drift; nobody gains by forging it inside an authenticated beat."""


OF_ONE_NODE: Final = frozenset({"control_group", "warnings"})
"""What is none of the other node's business."""
ADDED_LATER: Final = frozenset({"authority", "fence_delay_ns", "fences", "watchdogs"})
"""What counts only where it is written, so that a rolling upgrade is no drift."""


def canonical(cluster: Cluster) -> bytes:
    """The decisions that both nodes must share, as compact JSON with sorted keys."""
    import msgspec  # noqa: PLC0415 - simulations check files too, with Pythons that lack it

    shared = {
        field.name: getattr(cluster, field.name)
        for field in dataclasses.fields(cluster)
        if field.name not in OF_ONE_NODE and not _is_unknown_to_some(cluster, field)
    }
    plain = msgspec.to_builtins(shared, enc_hook=str)
    for group in plain["groups"]:
        if group["force"] is None:
            del group["force"]
        for resource in group["resources"]:
            if not resource["options"]:  # added later too
                del resource["options"]
    return msgspec.json.encode(plain, order="sorted")


def _is_unknown_to_some(cluster: Cluster, field: dataclasses.Field[object]) -> bool:
    """Whether an older version reads the same file, knows nothing of this, and is right."""
    return field.name in ADDED_LATER and getattr(cluster, field.name) == field.default


def config_hash(cluster: Cluster) -> bytes:
    """BLAKE2b of the canonical form, `HASH_BYTES` long."""
    return hashlib.blake2b(canonical(cluster), digest_size=HASH_BYTES).digest()
