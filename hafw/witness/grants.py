"""The durable leases of one cluster: a small file, checksummed, replaced whole.

One rule: a file that cannot be read whole is not guessed at: it counts as forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hafw import durable
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
    try:
        body = durable.decode(data, form=FORMAT, max_bytes=MAX_BYTES)
        return {
            group: Lease(epoch, incarnation, bytes.fromhex(nonce), holder, ttl_ms)
            for group, epoch, incarnation, nonce, holder, ttl_ms in body["leases"]
        }
    except (ValueError, KeyError, TypeError) as problem:
        raise Forgotten(f"{path} is damaged: {problem}") from None


def save(path: Path, leases: dict[int, Lease]) -> None:
    """Make them durable. Raises OSError: whether they are is then open."""
    rows = [
        (group, lease.epoch, lease.incarnation, lease.nonce.hex(), lease.holder, lease.ttl_ms)
        for group, lease in sorted(leases.items())
    ]
    durable.replace(path, durable.encode({"format": FORMAT, "leases": rows}))
