"""The durable leases of one cluster: a small file, checksummed, replaced whole.

One rule: a file that cannot be read whole is not guessed at: it counts as forgotten.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Final

from hafw.net.leasewire import Lease

if TYPE_CHECKING:
    from pathlib import Path

FORMAT: Final = 1
MAX_BYTES: Final = 131_072
"""255 leases of at most 480 bytes: a name of 64 bytes takes 384 when JSON escapes them all."""


class Forgotten(Exception):
    """There may have been leases that are not known any more; the message says why."""


def load(path: Path) -> dict[int, Lease]:
    """The leases in the file, by group. Raises `Forgotten`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise Forgotten(f"{path} is missing") from None
    except OSError as problem:
        raise Forgotten(f"{path} cannot be read: {problem.strerror}") from None
    checksum, _, text = data.decode(errors="replace").rstrip("\n").partition(" ")
    if checksum != _checksum(text):
        raise Forgotten(f"{path} is damaged: the checksum does not match")
    body = json.loads(text)
    if body["format"] != FORMAT:
        raise Forgotten(f"{path} has format {body['format']}, this version reads {FORMAT}")
    return {
        group: Lease(epoch, incarnation, bytes.fromhex(nonce), holder)
        for group, epoch, incarnation, nonce, holder in body["leases"]
    }


def save(path: Path, leases: dict[int, Lease]) -> None:
    """Write, fsync, rename, fsync the directory. Raises OSError: which of both stands is open."""
    rows = [
        (group, lease.epoch, lease.incarnation, lease.nonce.hex(), lease.holder)
        for group, lease in sorted(leases.items())
    ]
    text = json.dumps({"format": FORMAT, "leases": rows}, separators=(",", ":"))
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(f"{_checksum(text)} {text}\n".encode())
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _checksum(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
