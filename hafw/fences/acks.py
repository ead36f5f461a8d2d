"""The word of a person that a node is off: one small file for each node.

One rule: it counts once, for a few minutes, in this life of this machine, and only if nobody but
root (or the user who runs this) could have written it.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hafw import durable
from hafw.hooks.errors import Denied
from hafw.net.clock import boot_ns

DIRECTORY: Final = "/run/hafw"
VALID_S: Final = 300
"""A person's look at a machine is no longer true after this."""
MAX_BYTES: Final = 4096
MAX_REASON: Final = 500
_FORMAT: Final = 1
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Ack:
    """Who said so, when (BOOTTIME), and how they know."""

    by: str
    reason: str
    at_ns: int


def give(directory: Path, cluster_id: str, node: str, ack: Ack) -> Path:
    """Write it down. Raises Denied, OSError."""
    _check(directory)
    path = _path(directory, node)
    body: dict[str, object] = {
        "format": _FORMAT,
        "cluster": cluster_id,
        "node": node,
        "boot": _boot_id(),
        "by": ack.by,
        "reason": ack.reason,
        "at_ns": ack.at_ns,
    }
    durable.replace(path, durable.encode(body))
    return path


def read(directory: Path, cluster_id: str, node: str) -> Ack | None:
    """The word that counts now. Raises Denied for one that anybody could have given."""
    path = _path(directory, node)
    try:
        _check(directory)
        _check(path)
        body = durable.decode(path.read_bytes()[: MAX_BYTES + 1], form=_FORMAT, max_bytes=MAX_BYTES)
    except (FileNotFoundError, ValueError):
        return None
    said = (body.get("cluster"), body.get("node"), body.get("boot"))
    at_ns = body.get("at_ns")
    if said != (cluster_id, node, _boot_id()) or not isinstance(at_ns, int):
        return None
    if not 0 <= boot_ns() - at_ns <= VALID_S * 10**9:
        return None
    return Ack(str(body.get("by", "")), str(body.get("reason", "")), at_ns)


def spend(directory: Path, node: str) -> None:
    """It has counted, and never will again."""
    _path(directory, node).unlink(missing_ok=True)


def _path(directory: Path, node: str) -> Path:
    return directory / f"fence-ack-{node.casefold()}"


def _boot_id() -> str:
    return _BOOT_ID.read_text(encoding="ascii").strip()


def _check(path: Path) -> None:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) or found.st_uid not in (0, os.geteuid()):
        raise Denied(f"{path} belongs to somebody else, so what stands there is nobody's word")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Denied(f"{path} may be written by others; run: chmod go-w {path}")
